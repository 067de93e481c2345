import { ROWS_LEFT_OUT } from "../collectors/left-out.js";
import type { Logger } from "../shared/platform/logger.js";
import type { SamplingListener } from "./sampling-loop.js";

/** Logs once when a collector begins to leave rows out, and again after it has shown all. */
export function createLeftOutLog(log: Logger): SamplingListener {
  const logged = new Set<string>();
  return ({ samples }) => {
    for (const { metric, labels, value } of samples) {
      if (metric !== ROWS_LEFT_OUT) continue;
      const { collector, kind } = labels;
      const key = `${collector} ${kind}`;
      if (value === 0) logged.delete(key);
      else if (!logged.has(key)) {
        logged.add(key);
        log.warn("Rows left out of the metrics", { collector, kind, rows: value });
      }
    }
  };
}
