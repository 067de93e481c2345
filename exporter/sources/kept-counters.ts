/**
 * Counters of collectors that go on after a restart of the exporter within one boot: what was added
 * to readings (of counters that were full or started over), and values held while a reading steps
 * back. The content of the state file goes in, the content of the next one comes out; collectors
 * register at the start, `exporter/app/counter-file.ts` reads and writes.
 */
import { BadInputError } from "../shared/model/errors.js";

/** The counters of one row, all lists in one order. NaN is a value that is not known. */
export interface KeptRow {
  readonly name: string;
  readonly identity?: string | undefined;
  /** As they were last read. */
  readonly raw: readonly number[];
  /** Added to what is read. */
  readonly offsets: readonly number[];
  readonly shown: readonly number[];
}

/** Counters of one collector. */
export interface KeepableCounters {
  restore(rows: readonly KeptRow[]): void;
  rows(): Iterable<KeptRow>;
}

/** Most rows of a collector that are kept. */
export const MAX_KEPT_ROWS = 4096;

export class KeptCounters {
  private readonly parts = new Map<string, KeepableCounters>();
  /** As in the state file, by collector and name. */
  private written: ReadonlyMap<string, ReadonlyMap<string, KeptRow>>;

  /** @param rows of the state file, by collector */
  constructor(rows: ReadonlyMap<string, readonly KeptRow[]> = new Map()) {
    this.written = byName(rows);
  }

  /** Keeps `counters`, and gives back their rows of the process before. */
  keep(collector: string, counters: KeepableCounters): void {
    this.parts.set(collector, counters);
    const rows = this.written.get(collector);
    if (rows !== undefined) counters.restore([...rows.values()]);
  }

  /** True when a process that began with the state file would show less than this one. */
  get isWriteDue(): boolean {
    for (const [collector, part] of this.parts) {
      const written = this.written.get(collector);
      for (const row of part.rows()) if (!isCovered(row, written?.get(row.name))) return true;
    }
    return false;
  }

  /** The rows to write. A collector that is switched off keeps its rows. */
  rows(): ReadonlyMap<string, readonly KeptRow[]> {
    const rows = new Map<string, readonly KeptRow[]>();
    for (const [collector, list] of this.written) rows.set(collector, [...list.values()]);
    for (const [collector, part] of this.parts)
      rows.set(collector, [...part.rows()].slice(0, MAX_KEPT_ROWS));
    return rows;
  }

  noteWritten(rows: ReadonlyMap<string, readonly KeptRow[]>): void {
    this.written = byName(rows);
  }
}

function byName(
  rows: ReadonlyMap<string, readonly KeptRow[]>,
): ReadonlyMap<string, ReadonlyMap<string, KeptRow>> {
  return new Map(
    [...rows].map(([collector, list]) => [
      collector,
      new Map(list.map((row) => [row.name, row] as const)),
    ]),
  );
}

/** True when the row as it was written shows the same as `row` after the same reading. */
function isCovered(row: KeptRow, written: KeptRow | undefined): boolean {
  if (written !== undefined && row.identity !== written.identity) return false;
  for (const [index, raw] of row.raw.entries()) {
    const shown = row.shown[index] ?? Number.NaN;
    const offset = row.offsets[index] ?? 0;
    if (offset !== (written === undefined ? 0 : written.offsets[index])) return false;
    const shownBefore = written?.shown[index] ?? Number.NaN;
    const isHeld = shown > raw + offset;
    if ((isHeld && shown !== shownBefore) || shown < shownBefore) return false;
  }
  return true;
}

/**
 * The text of the state file, described in `kept-counters.format.md`: the boot, and a list of
 * `[name, identity, raw, offsets, shown]` for each collector.
 */
export function encodeKeptCounters(
  bootId: string,
  rows: ReadonlyMap<string, readonly KeptRow[]>,
): string {
  const counters = Object.fromEntries(
    [...rows].map(([collector, list]) => [
      collector,
      list.map(({ name, identity, raw, offsets, shown }) => [
        name,
        identity ?? null,
        raw,
        offsets,
        shown,
      ]),
    ]),
  );
  return `${JSON.stringify({ version: 1, boot: bootId, counters })}\n`;
}

/** @throws {BadInputError} when the text is not a state file of counters */
export function decodeKeptCounters(text: string): {
  readonly bootId: string;
  readonly rows: ReadonlyMap<string, readonly KeptRow[]>;
} {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw damaged("it is not JSON");
  }
  if (!isObject(value)) throw damaged("it must be an object");
  const { version, boot, counters } = value;
  if (version !== 1 || typeof boot !== "string" || !isObject(counters))
    throw damaged("it must have version 1, a boot id and an object of counters");
  const rows = new Map<string, readonly KeptRow[]>();
  for (const [collector, list] of Object.entries(counters)) {
    if (!Array.isArray(list) || list.length > MAX_KEPT_ROWS)
      throw damaged(`"${collector}" must be a list of at most ${MAX_KEPT_ROWS} rows`);
    rows.set(collector, list.map(decodeRow));
  }
  return { bootId: boot, rows };
}

function decodeRow(row: unknown): KeptRow {
  const [name, identity, ...lists] = listOf(row);
  const [raw, offsets, shown] = lists.map(decodeNumbers);
  if (offsets?.some(Number.isNaN) === true) throw damaged("an offset must be a number");
  if (
    typeof name !== "string" ||
    !(identity === null || typeof identity === "string") ||
    raw === undefined ||
    offsets?.length !== raw.length ||
    shown?.length !== raw.length
  )
    throw damaged("a row must have a name, an identity and three lists of equal length");
  return { name, identity: identity ?? undefined, raw, offsets, shown };
}

function decodeNumbers(list: unknown): readonly number[] {
  return listOf(list).map((value) => {
    if (value === null) return Number.NaN; // JSON has no NaN.
    if (typeof value === "number" && value >= 0) return value;
    throw damaged("a value must be a number from 0");
  });
}

function listOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw damaged("rows and their values must be lists");
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const damaged = (detail: string): BadInputError =>
  new BadInputError(`Cannot read the counters: ${detail}`);
