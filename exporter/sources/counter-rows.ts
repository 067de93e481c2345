/**
 * Counters of the kernel and its drivers, made such that they never fall without a reset. The
 * readings of one source go in, the values to show come out; a collector calls `update` once per
 * run.
 *
 * - A counter narrower than 64 bits starts again at 0 when it is full: the difference is taken
 *   modulo its width.
 * - A counter that steps back a little, as the kernel's idle times do, stays until it is passed.
 * - A counter that starts over while the others of its row go on continues at its last value.
 * - A row that starts over as a whole, or belongs to another device than before, is a reset: its
 *   values are shown as they are.
 */
import { itemAt } from "../shared/model/get-or-throw.js";

/** The counters of one device or core, in an order that does not change. */
export interface CounterRow {
  readonly name: string;
  readonly values: readonly number[];
}

interface CounterRowsOptions {
  /** Count at which counters may start again at 0; undefined for counters that never do. */
  readonly wrapAt?: number;
  /** A step back of at most this is the kernel's way of counting. */
  readonly jitter?: number;
  /** A text that differs when another device has the name of an earlier one. */
  readonly identityOf?: (name: string) => Promise<string | undefined>;
}

interface KnownRow {
  readonly identity: string | undefined;
  readonly raw: readonly number[];
  /** Added to what is read. */
  readonly offsets: readonly number[];
  readonly shown: readonly number[];
}

/** Share of its value by which a counter may step back without having started over. */
const JITTER_RATIO = 0.01;

export class CounterRows {
  private known: ReadonlyMap<string, KnownRow> = new Map();

  constructor(private readonly options: CounterRowsOptions) {}

  /** @param rows all rows of the source; one that is missing is gone, and starts over when it returns */
  async update(rows: readonly CounterRow[]): Promise<CounterRow[]> {
    const known = new Map<string, KnownRow>();
    for (const row of rows) known.set(row.name, await this.next(row));
    this.known = known;
    return [...known].map(([name, { shown }]) => ({ name, values: shown }));
  }

  private async next({ name, values }: CounterRow): Promise<KnownRow> {
    const before = this.known.get(name);
    const hasFallen =
      before === undefined || values.some((value, index) => value < itemAt(before.raw, index));
    if (!hasFallen) return advanced(before, values, before.offsets);
    const identity = await this.options.identityOf?.(name);
    if (before === undefined || identity !== before.identity || this.isReset(before.raw, values))
      return { identity, raw: values, offsets: values.map(() => 0), shown: values };
    const offsets = before.offsets.map(
      (offset, index) => offset + this.missing(itemAt(before.raw, index), itemAt(values, index)),
    );
    return advanced(before, values, offsets);
  }

  /** True when all counters of a row have fallen, and not because all of them were full. */
  private isReset(raw: readonly number[], values: readonly number[]): boolean {
    const fallen = values.flatMap((value, index) => {
      const earlier = itemAt(raw, index);
      return value < earlier ? [{ value, earlier }] : [];
    });
    const counting = raw.filter((value) => value > 0).length;
    return (
      fallen.length === counting &&
      !fallen.every(({ value, earlier }) => this.isFull(earlier, value))
    );
  }

  /** True when a counter went from `earlier` to `value` by way of its end. */
  private isFull(earlier: number, value: number): boolean {
    const { wrapAt } = this.options;
    if (wrapAt === undefined || earlier >= wrapAt) return false;
    return wrapAt - earlier + value < wrapAt / 2;
  }

  /** Counts that `value` lacks because its counter has started again. */
  private missing(earlier: number, value: number): number {
    if (value >= earlier) return 0;
    if (this.isFull(earlier, value)) return this.options.wrapAt ?? 0;
    const step = earlier - value;
    const isJitter = step <= (this.options.jitter ?? 0) || step <= earlier * JITTER_RATIO;
    return isJitter ? 0 : step;
  }
}

function advanced(before: KnownRow, raw: readonly number[], offsets: readonly number[]): KnownRow {
  const shown = raw.map((value, index) =>
    Math.max(value + itemAt(offsets, index), itemAt(before.shown, index)),
  );
  return { identity: before.identity, raw, offsets, shown };
}
