/**
 * Soft interrupts by kind. Source: /proc/softirqs, a table with one row per kind and one column per
 * core. The cores are added up, because the core that handles an interrupt changes from moment to
 * moment.
 */
import { BrokenSourceError, parseCount } from "../sources/broken-source-error.js";
import type { Sources } from "../sources/sources.js";
import { counter } from "../shared/model/metric.js";
import type { Collector } from "./collector.js";

export const SOFTIRQS = counter({
  name: "pihealth_softirqs_total",
  help: "Soft interrupts handled since boot, on all cores.",
  labels: ["type"],
});

const SOURCE = "/proc/softirqs";

/** A count of one core has this many bits (the kernel's struct kernel_stat). */
const WRAP_AT = 2 ** 32;
/** Share of its value by which a count may step back without having started over. */
const JITTER_RATIO = 0.01;

export function createSoftirqsCollector({ procfs }: Sources): Collector {
  const totals = new Map<string, CoreCounts>();
  return {
    name: "softirqs",
    metrics: [SOFTIRQS],
    async collect() {
      const text = await procfs.readText("softirqs");
      const rows = [...text.matchAll(/^ *([A-Z0-9_]+):(.*)$/gm)];
      if (rows.length === 0)
        throw new BrokenSourceError(SOURCE, "it has no rows, it must have one per kind");
      const cores = words(text.slice(0, text.indexOf("\n")));
      return rows.map(([, type = "", counts = ""]) => {
        const total = totals.get(type) ?? new CoreCounts();
        totals.set(type, total);
        words(counts).forEach((count, index) =>
          total.add(cores[index] ?? `CPU${index}`, parseCount(count, SOURCE)),
        );
        return SOFTIRQS.sample(total.sum, { type: type.toLowerCase() });
      });
    },
  };
}

const words = (line: string): string[] => line.trim().split(/ +/);

/** The sum of a count over all cores, which goes on when a core starts again at 0 or goes offline. */
class CoreCounts {
  sum = 0;
  private readonly last = new Map<string, number>();

  add(core: string, count: number): void {
    const before = this.last.get(core) ?? 0;
    const wrapped = WRAP_AT - before + count;
    // A count that steps back a little has not started over, and waits until it is passed.
    if (count < before && before - count <= before * JITTER_RATIO) return;
    this.sum += count >= before ? count - before : wrapped < WRAP_AT / 2 ? wrapped : count;
    this.last.set(core, count);
  }
}
