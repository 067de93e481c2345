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
 * - A counter below zero is not known: it stays, and is NaN as long as it was never known.
 */
import { itemAt } from "../shared/model/get-or-throw.js";
import { parseNumber } from "./broken-source-error.js";
import type { KeepableCounters, KeptRow } from "./kept-counters.js";

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

type KnownRow = Omit<KeptRow, "name">;

/** Share of its value by which a counter may step back without having started over. */
const JITTER_RATIO = 0.01;

export class CounterRows implements KeepableCounters {
  private known: ReadonlyMap<string, KnownRow> = new Map();
  private isRestored = false;

  constructor(private readonly options: CounterRowsOptions) {}

  /** @param rows all rows of the source; one that is missing is gone, and starts over when it returns */
  async update(rows: readonly CounterRow[]): Promise<CounterRow[]> {
    const known = new Map<string, KnownRow>();
    const isListKnown = this.isListKnown(rows);
    for (const row of rows) known.set(row.name, await this.next(row, isListKnown));
    this.known = known;
    this.isRestored = false;
    return [...known].map(([name, { shown }]) => ({ name, values: shown }));
  }

  /** Continues the rows of the process before. */
  restore(rows: readonly KeptRow[]): void {
    this.known = new Map(rows.map((row) => [row.name, row]));
    this.isRestored = true; // Devices may have changed since.
  }

  *rows(): Iterable<KeptRow> {
    for (const [name, row] of this.known) yield { name, ...row };
  }

  /** True when the same names are in the same places as before: no device got the name of another. */
  private isListKnown(rows: readonly CounterRow[]): boolean {
    if (this.isRestored || rows.length !== this.known.size) return false;
    let at = 0;
    for (const name of this.known.keys()) if (rows[at++]?.name !== name) return false;
    return true;
  }

  private async next(row: CounterRow, isListKnown: boolean): Promise<KnownRow> {
    const { name } = row;
    const found = this.known.get(name);
    const before = found?.raw.length === row.values.length ? found : undefined;
    const values =
      before === undefined || !row.values.some(Number.isNaN)
        ? row.values
        : row.values.map((value, index) =>
            Number.isNaN(value) ? itemAt(before.raw, index) : value,
          );
    const hasFallen =
      before === undefined || values.some((value, index) => value < itemAt(before.raw, index));
    if (!hasFallen && isListKnown) return advanced(before, values, before.offsets);
    const identity = await this.options.identityOf?.(name);
    if (before === undefined || identity !== before.identity || this.isReset(before.raw, values))
      return { identity, raw: values, offsets: values.map(() => 0), shown: values };
    return advanced(before, values, this.offsetsAfter(before, values));
  }

  private offsetsAfter({ raw, offsets }: KnownRow, values: readonly number[]): readonly number[] {
    const steps = values.map((value, index) => ({ value, earlier: itemAt(raw, index) }));
    // When a counter starts over that is not full, others that look full start over with it.
    const isFilling = steps.every(
      ({ value, earlier }) =>
        !(value < earlier) || this.isFull(earlier, value) || this.isJitter(earlier, value),
    );
    return steps.map(
      ({ value, earlier }, index) =>
        itemAt(offsets, index) + this.missing(earlier, value, isFilling),
    );
  }

  /** True when all counters of a row have fallen, and not because all of them were full. */
  private isReset(raw: readonly number[], values: readonly number[]): boolean {
    const fallen = values.flatMap((value, index) => {
      const earlier = itemAt(raw, index);
      return value < earlier ? [{ value, earlier }] : [];
    });
    const counting = raw.filter((value) => value > 0).length;
    return (
      fallen.length > 0 &&
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
  private missing(earlier: number, value: number, isFilling: boolean): number {
    if (!(value < earlier)) return 0;
    if (isFilling && this.isFull(earlier, value)) return this.options.wrapAt ?? 0;
    return this.isJitter(earlier, value) ? 0 : earlier - value;
  }

  private isJitter(earlier: number, value: number): boolean {
    const step = earlier - value;
    return step <= (this.options.jitter ?? 0) || step <= earlier * JITTER_RATIO;
  }
}

/** Counts of 64 bits from this on are below zero, which a driver or the kernel wrote by mistake. */
const BELOW_ZERO = 2 ** 63;

/**
 * Reads a counter; NaN when it is below zero.
 *
 * @throws {BrokenSourceError} when the text is not a number
 */
export function parseCounter(text: string | undefined, source: string): number {
  const value = parseNumber(text, source);
  return value >= 0 && value < BELOW_ZERO ? value : Number.NaN;
}

function advanced(before: KnownRow, raw: readonly number[], offsets: readonly number[]): KnownRow {
  const shown = raw.map((value, index) => {
    const sum = value + itemAt(offsets, index);
    const earlier = itemAt(before.shown, index);
    return earlier > sum ? earlier : sum;
  });
  return { identity: before.identity, raw, offsets, shown };
}
