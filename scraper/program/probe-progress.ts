import cliProgress from "cli-progress";
import type { ProbeProgress } from "../discovery/range-prober.js";

/** Smaller ranges are probed before a bar could be read. */
const MIN_CANDIDATES = 16;

/** A progress bar for the first pass through the ranges, on a terminal only. */
export function showProbeProgress(stream: NodeJS.WriteStream): {
  show: (progress: ProbeProgress) => void;
  end: () => void;
} {
  let bar: cliProgress.SingleBar | undefined;
  let isOver = !stream.isTTY;
  const end = (): void => {
    bar?.stop();
    bar = undefined;
    isOver = true;
  };
  const show = ({ candidates, asked, found }: ProbeProgress): void => {
    if (isOver || candidates < MIN_CANDIDATES) return;
    if (bar === undefined) {
      bar = new cliProgress.SingleBar({
        stream,
        format: "looking for exporters {bar} {value}/{total} addresses, {found} found",
        clearOnComplete: true,
      });
      bar.start(candidates, 0, { found });
    }
    bar.setTotal(candidates);
    bar.update(Math.min(asked, candidates), { found });
    if (asked >= candidates) end();
  };
  return { show, end };
}
