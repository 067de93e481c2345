import { itemAt } from "../../../exporter/shared/model/get-or-throw.js";
import type { Labels } from "../../../exporter/shared/model/labels.js";
import type { TimeRange } from "../../../exporter/shared/model/time-range.js";
import type { ChunkLog } from "../head/chunk-log.js";
import {
  cutRows,
  isAllAbsent,
  isDense,
  mergePieces,
  MovedRowsError,
  type Piece,
  type PieceRows,
} from "../model/piece.js";
import type { Pace, SelectedSeries } from "../model/querier.js";
import type { TargetLabelCache } from "../selection/target-labels.js";
import type { TableOfTarget } from "../selection/unique-series.js";
import type { SeriesSamples, StampedPart } from "../model/stamped.js";
import { readStamped } from "./stamped-reader.js";
import { SPARE_ROWS } from "./cached-column.js";
import type { CachePlan, ColumnCache, TableVersion } from "./column-cache.js";
import { type FinishAssembly, isSame, RowAssembly } from "./row-assembly.js";
import { WatchedPace } from "./watched-pace.js";
import type { CachedRows } from "./table-columns.js";

/** All pieces of one table, each list in the order of writing. */
export interface FoundTable {
  readonly name: string;
  readonly target: Labels;
  readonly version: TableVersion;
  /** Also in the order of time. */
  readonly main: Piece[];
  readonly late: Piece[];
  /** True when a block of its folder could not be opened. */
  isIncomplete: boolean;
}

export interface TableReaderParts {
  readonly chunkLog: ChunkLog;
  readonly cache: ColumnCache;
  readonly targetLabels: TargetLabelCache;
  /** Called for a piece that cannot be read and is left out of the answer. */
  readonly onUnreadable: (error: unknown) => void;
}

/** Tables whose blocks are read at the same time. */
const CONCURRENT_TABLES = 16;
/** A query that needs more than this share of the cache bypasses it. */
const SHARE_OF_ONE_QUERY = 3 / 4;
/** A table with more columns is read in parts. */
const COLUMNS_AT_ONCE = 8192;
/** The pieces of a table that is read by samples have together this many times its columns, or more. */
const CHURN_FACTOR = 1.5;
/** Rough memory of a selected series besides its values. */
const BYTES_PER_SERIES = 300;
/** Cost of an answer from the cache, in values looked at per series. */
const WORK_PER_SERIES = 16;

/** A table that is being read: its cached columns, and the rows that must be read. */
interface Reading {
  readonly table: FoundTable;
  readonly labels: readonly Labels[];
  /** Undefined when the cache is bypassed. */
  readonly plan: CachePlan | undefined;
  /** Undefined when nothing must be read, or the pieces must be merged one by one. */
  readonly assembly: RowAssembly | undefined;
  readonly range: TimeRange;
  finish: FinishAssembly;
}

const nothingRead = (): Promise<undefined> => Promise.resolve(undefined);

/** Reads the pieces of the tables that a query has found, as far as the cache lacks them. */
export class TableReader {
  constructor(private readonly parts: TableReaderParts) {}

  /** @throws {MovedRowsError} and what `pace` throws, nothing else */
  async read(
    tables: readonly FoundTable[],
    range: TimeRange,
    given: Pace,
  ): Promise<TableOfTarget[]> {
    const pace = new WatchedPace(given);
    const isCaching = this.isWorthCaching(tables);
    this.parts.cache.beginQuery();
    const answers: TableOfTarget[] = [];
    const narrow: FoundTable[] = [];
    for (const table of tables) {
      const parts = narrowParts(table);
      if (parts !== undefined) answers.push(...(await this.readWide(parts, range, pace)));
      else if (isChurning(table)) {
        // There may be very many: they cannot be spread as arguments.
        for (const answer of await this.readBySample(table, range, pace)) answers.push(answer);
      } else narrow.push(table);
    }
    answers.push(...(await this.readNarrow(narrow, { range, pace, isCaching })));
    return answers;
  }

  /** Reads a table with very many columns in parts, so that no loop over its columns is long. */
  private async readWide(
    parts: readonly FoundTable[],
    range: TimeRange,
    pace: WatchedPace,
  ): Promise<TableOfTarget[]> {
    const answers: TableOfTarget[] = [];
    for (const part of parts) {
      const read = await this.readNarrow([part], { range, pace, isCaching: false });
      for (const answer of read) answers.push({ ...answer, source: parts });
    }
    return answers;
  }

  /**
   * Reads a table whose series come and go. A column through all rows for each of them would cost rows
   * times columns; this costs as much as there are samples.
   */
  private readBySample(
    { target, main }: FoundTable,
    range: TimeRange,
    pace: Pace,
  ): Promise<TableOfTarget[]> {
    const parts: StampedPart[] = [];
    for (const piece of main) {
      pace.hold((8 * piece.rows + BYTES_PER_SERIES) * piece.labels.length);
      for (let from = 0; from < piece.labels.length; from += COLUMNS_AT_ONCE) {
        const until = Math.min(piece.labels.length, from + COLUMNS_AT_ONCE);
        parts.push(stampedPartOf(piece.narrow?.(from, until) ?? piece));
        if (piece.narrow === undefined) break;
      }
    }
    return readStamped({ target, parts }, range, pace, this.parts);
  }

  private async readNarrow(
    tables: readonly FoundTable[],
    {
      range,
      pace,
      isCaching,
    }: { readonly range: TimeRange; readonly pace: WatchedPace; readonly isCaching: boolean },
  ): Promise<TableOfTarget[]> {
    const answers: TableOfTarget[] = [];
    const readings: Reading[] = [];
    for (const table of tables) {
      pace.hold(bytesOf(table));
      const rows = inMemory(table);
      if (rows !== undefined) answers.push(this.answerFrom(table, rows));
      else readings.push(this.begin(table, range, isCaching));
      if (pace.isDue(workOf(table))) await pace.pause();
    }
    await this.readBlocks(readings, pace);
    const requests = readings.flatMap(({ assembly }) => assembly?.requests ?? []);
    if (requests.length > 0) await this.parts.chunkLog.readAll(requests, pace);
    for (const reading of readings) {
      answers.push(await this.answer(reading, range, pace));
      if (pace.isDue(reading.labels.length * WORK_PER_SERIES + workOf(reading.table)))
        await pace.pause();
    }
    return answers;
  }

  private isWorthCaching(tables: readonly FoundTable[]): boolean {
    let bytes = 0;
    for (const table of tables) bytes += 8 * valuesOf(table);
    return bytes <= this.parts.cache.maxBytes * SHARE_OF_ONE_QUERY;
  }

  private begin(table: FoundTable, range: TimeRange, isCaching: boolean): Reading {
    const { name, version, target, main, late, isIncomplete } = table;
    const labels = unionOfLabels(main);
    const finish = nothingRead;
    // Late rows may be anywhere in the range: every query merges them again.
    if (late.length > 0 || isIncomplete) {
      return { table, labels, range, finish, plan: undefined, assembly: undefined };
    }
    if (!isCaching) {
      const assembly = new RowAssembly(labels, main, 0);
      return { table, labels, range, finish, plan: undefined, assembly };
    }
    const aheadUntilMs = main.at(-1)?.aheadUntilMs ?? range.fromMs;
    let lastMs = range.fromMs;
    for (const piece of main) lastMs = Math.max(lastMs, piece.lastMs);
    const known = { fromMs: range.fromMs, untilMs: Math.min(range.untilMs, lastMs + 1) };
    const wanted = { target, labels, range: known, aheadUntilMs };
    const plan = this.parts.cache.plan(name, version, wanted);
    const { missing } = plan;
    if (missing.fromMs >= missing.untilMs) {
      return { table, labels, range, finish, plan, assembly: undefined };
    }
    const pieces = main.filter((piece) => piece.lastMs >= missing.fromMs);
    const assembly = new RowAssembly(labels, pieces, SPARE_ROWS);
    return { table, labels, range: missing, finish, plan, assembly };
  }

  private async readBlocks(readings: readonly Reading[], pace: WatchedPace): Promise<void> {
    const queue = readings.values();
    const work = async (): Promise<void> => {
      for (const reading of queue) {
        if (reading.assembly === undefined) continue;
        try {
          reading.finish = await reading.assembly.readOthers(reading.range, pace);
        } catch (error) {
          if (pace.ending !== undefined) throw pace.ending;
          if (error instanceof MovedRowsError) throw error;
          reading.assembly.failure = error;
        }
        if (pace.isDue(workOf(reading.table))) await pace.pause();
      }
    };
    await Promise.all(Array.from({ length: Math.min(CONCURRENT_TABLES, readings.length) }, work));
  }

  private async answer(
    reading: Reading,
    range: TimeRange,
    pace: WatchedPace,
  ): Promise<TableOfTarget> {
    const { table, labels, plan, assembly } = reading;
    const read = assembly?.failure === undefined ? await reading.finish() : undefined;
    if (plan !== undefined && (assembly === undefined || read !== undefined)) {
      const rows = this.parts.cache.complete(plan, read);
      if (rows !== undefined) return answerFromCache(table.target, labels, rows);
    } else if (read !== undefined) return this.answerFrom(table, { labels, rows: read });
    return this.readEach(table, range, pace);
  }

  /** Reads the pieces one by one, and leaves out those that cannot be read. */
  private async readEach(
    table: FoundTable,
    range: TimeRange,
    pace: WatchedPace,
  ): Promise<TableOfTarget> {
    const parts: { labels: readonly Labels[]; rows: PieceRows }[] = [];
    for (const piece of [...table.main, ...table.late]) {
      if (piece.labels.length === 0) continue;
      try {
        parts.push({ labels: piece.labels, rows: await piece.read(range, pace) });
      } catch (error) {
        if (pace.ending !== undefined) throw pace.ending;
        if (error instanceof MovedRowsError) throw error;
        this.parts.onUnreadable(error);
      }
    }
    const { timestamps, series } = mergePieces(parts);
    const labels = series.map((each) => each.labels);
    const columns = series.map(({ values }) => values);
    return this.answerFrom(table, { labels, rows: { timestamps, columns } });
  }

  private answerFrom({ target }: FoundTable, { labels, rows }: LabeledRows): TableOfTarget {
    const { timestamps, columns } = rows;
    const { targetLabels } = this.parts;
    const series: SelectedSeries[] = [];
    for (const [index, own] of labels.entries()) {
      const values = itemAt(columns, index);
      const dense = isDense(values);
      if (!dense && isAllAbsent(values)) continue;
      series.push({ labels: targetLabels.join(own, target), values, dense });
    }
    return { target, own: labels, table: { timestamps, series } };
  }
}

/** An upper bound of the values of a table, rows times columns, when all pieces have the same columns. */
function valuesOf({ main }: FoundTable): number {
  let rows = 0;
  let columns = 0;
  for (const piece of main) {
    rows += piece.rows;
    columns = Math.max(columns, piece.labels.length);
  }
  return rows * columns;
}

/** True when the pieces of a table have very different columns. */
function isChurning({ main, late, isIncomplete }: FoundTable): boolean {
  if (late.length > 0 || isIncomplete) return false;
  let most = 0;
  let all = 0;
  let before: readonly Labels[] | undefined;
  for (const { labels } of main) {
    most = Math.max(most, labels.length);
    if (labels !== before) all += labels.length;
    before = labels;
  }
  return all > COLUMNS_AT_ONCE && all > CHURN_FACTOR * most;
}

/** A piece as samples of series. */
function stampedPartOf(piece: Piece): StampedPart {
  const read = async (range: TimeRange, pace: Pace): Promise<SeriesSamples[]> => {
    const { timestamps, columns } = cutRows(await piece.read(range, pace), range);
    return columns.map((values) => ({ timestamps, values }));
  };
  return { labels: piece.labels, read };
}

/** Rough memory of what is read of a table. */
function bytesOf(table: FoundTable): number {
  const columns = table.main.reduce((most, { labels }) => Math.max(most, labels.length), 0);
  return 8 * valuesOf(table) + columns * BYTES_PER_SERIES;
}

const workOf = (table: FoundTable): number => valuesOf(table) + WORK_PER_SERIES * table.main.length;

/**
 * The parts of a table with very many columns, each with some of the columns of all pieces. Undefined
 * for other tables, and when the pieces do not have the same columns.
 */
function narrowParts(table: FoundTable): FoundTable[] | undefined {
  const { main, late, isIncomplete } = table;
  const [first, ...others] = main;
  const labels = first?.labels ?? [];
  if (labels.length <= COLUMNS_AT_ONCE || late.length > 0 || isIncomplete) return undefined;
  if (!others.every((piece) => isSame(piece.labels, labels))) return undefined;
  const parts: FoundTable[] = [];
  for (let from = 0; from < labels.length; from += COLUMNS_AT_ONCE) {
    const until = Math.min(labels.length, from + COLUMNS_AT_ONCE);
    const pieces: Piece[] = [];
    for (const piece of main) {
      if (piece.narrow === undefined) return undefined;
      pieces.push(piece.narrow(from, until));
    }
    parts.push({ ...table, main: pieces });
  }
  return parts;
}

interface LabeledRows {
  readonly labels: readonly Labels[];
  readonly rows: PieceRows;
}

function answerFromCache(
  target: Labels,
  own: readonly Labels[],
  { timestamps, series: all }: CachedRows,
): TableOfTarget {
  const series: SelectedSeries[] = [];
  for (const { labels, values, isDense: isDenseWhole } of all) {
    const dense = isDenseWhole || isDense(values);
    if (dense || !isAllAbsent(values)) series.push({ labels, values, dense });
  }
  return { target, own, table: { timestamps, series } };
}

/** The rows of a table whose only piece is in memory; undefined for other tables. */
function inMemory({ main, late, isIncomplete }: FoundTable): LabeledRows | undefined {
  const [only] = main;
  if (only === undefined || main.length > 1 || late.length > 0 || isIncomplete) return undefined;
  const rows = only.inMemory;
  return rows === undefined ? undefined : { labels: only.labels, rows };
}

function unionOfLabels(pieces: readonly Piece[]): readonly Labels[] {
  let union: readonly Labels[] = [];
  let byKey: Map<string, Labels> | undefined;
  for (const { labels } of pieces) {
    if (labels.length === 0 || isSame(union, labels)) continue;
    if (union.length === 0) {
      union = labels;
      continue;
    }
    byKey ??= new Map(union.map((each) => [each.key, each]));
    for (const each of labels) if (!byKey.has(each.key)) byKey.set(each.key, each);
    if (byKey.size > union.length) union = [...byKey.values()];
  }
  return union;
}
