/**
 * Soft interrupts by kind. Source: /proc/softirqs, a table with one row per kind and one column per
 * core. The cores are added up, because the core that handles an interrupt changes from moment to
 * moment.
 */
import { BrokenSourceError } from "../sources/broken-source-error.js";
import { parseCounter } from "../sources/counter-rows.js";
import type { KeepableCounters, KeptRow } from "../sources/kept-counters.js";
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

export function createSoftirqsCollector({ procfs, keptCounters }: Sources): Collector {
  const totals = new SoftirqTotals();
  keptCounters?.keep("softirqs", totals);
  return {
    name: "softirqs",
    metrics: [SOFTIRQS],
    async collect() {
      const text = await procfs.readText("softirqs");
      const rows = [...text.matchAll(/^ *([A-Z0-9_]+):(.*)$/gm)];
      if (rows.length === 0)
        throw new BrokenSourceError(SOURCE, "it has no rows, it must have one per kind");
      const cores = words(text.slice(0, text.indexOf("\n")));
      return rows.flatMap(([, type = "", counts = ""]) => {
        const total = totals.of(type);
        for (const [index, text] of words(counts).entries()) {
          const count = parseCounter(text, SOURCE);
          if (!Number.isNaN(count)) total.add(cores[index] ?? `CPU${index}`, count);
        }
        return total.cores.size === 0
          ? []
          : SOFTIRQS.sample(total.sum, { type: type.toLowerCase() });
      });
    },
  };
}

const words = (line: string): string[] => line.trim().split(/ +/);

class SoftirqTotals implements KeepableCounters {
  private readonly totals = new Map<string, CoreCounts>();

  of(type: string): CoreCounts {
    const total = this.totals.get(type) ?? new CoreCounts();
    this.totals.set(type, total);
    return total;
  }

  /** A row is one count of one core, its name is like `NET_RX CPU0`. */
  restore(rows: readonly KeptRow[]): void {
    for (const { name, raw, offsets, shown } of rows) {
      const [type = "", core = ""] = name.split(" ");
      const total = shown[0] ?? Number.NaN;
      const last = total - (offsets[0] ?? Number.NaN);
      const count = { raw: raw[0] ?? Number.NaN, last, total };
      if (last >= 0 && count.raw >= 0) this.of(type).restore(core, count);
    }
  }

  *rows(): Iterable<KeptRow> {
    for (const [type, counts] of this.totals)
      for (const [core, { last, raw, total }] of counts.cores)
        yield { name: `${type} ${core}`, raw: [raw], offsets: [total - last], shown: [total] };
  }
}

interface CoreCount {
  /** The count as it was last read, and the largest since the core started over. */
  raw: number;
  last: number;
  /** All that the core has counted. */
  total: number;
}

/** The sum of a count over all cores, which goes on when a core starts again at 0 or goes offline. */
class CoreCounts {
  sum = 0;
  readonly cores = new Map<string, CoreCount>();

  add(core: string, count: number): void {
    const known = this.cores.get(core);
    if (known === undefined) {
      this.restore(core, { raw: count, last: count, total: count });
      return;
    }
    const { last } = known;
    known.raw = count;
    const wrapped = WRAP_AT - last + count;
    // A count that steps back a little has not started over, and waits until it is passed.
    if (count < last && last - count <= last * JITTER_RATIO) return;
    const counted = count >= last ? count - last : wrapped < WRAP_AT / 2 ? wrapped : count;
    known.last = count;
    known.total += counted;
    this.sum += counted;
  }

  restore(core: string, count: CoreCount): void {
    this.cores.set(core, count);
    this.sum += count.total;
  }
}
