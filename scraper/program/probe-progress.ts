import cliProgress from "cli-progress";
import type { ProbeProgress } from "../discovery/range-prober.js";

/** Ranges smaller than this are through before anybody looks. */
const MIN_CANDIDATES = 16;

/** A bar for the first look through the ranges, on a terminal only. */
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
