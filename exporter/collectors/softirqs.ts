/**
 * Soft interrupts by kind. Source: /proc/softirqs, a table with one row per kind and one column per
 * core. The cores are added up, because the core that handles an interrupt changes from moment to
 * moment.
 */
import { BrokenSourceError, parseNumber } from "../sources/broken-source-error.js";
import type { Sources } from "../sources/sources.js";
import { counter } from "../shared/model/metric.js";
import type { Collector } from "./collector.js";

export const SOFTIRQS = counter({
  name: "pihealth_softirqs_total",
  help: "Soft interrupts handled since boot, on all cores.",
  labels: ["type"],
});

const SOURCE = "/proc/softirqs";

export function createSoftirqsCollector({ procfs }: Sources): Collector {
  return {
    name: "softirqs",
    metrics: [SOFTIRQS],
    async collect() {
      const rows = [...(await procfs.readText("softirqs")).matchAll(/^ *([A-Z0-9_]+):(.*)$/gm)];
      if (rows.length === 0)
        throw new BrokenSourceError(SOURCE, "it has no rows, it must have one per kind");
      return rows.map(([, type = "", counts = ""]) => {
        const perCore = counts
          .trim()
          .split(/ +/)
          .map((count) => parseNumber(count, SOURCE));
        return SOFTIRQS.sample(
          perCore.reduce((sum, count) => sum + count, 0),
          { type: type.toLowerCase() },
        );
      });
    },
  };
}
