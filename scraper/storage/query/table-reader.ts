import type { Labels } from "../../../exporter/shared/model/labels.js";
import type { TimeRange } from "../../../exporter/shared/model/time-range.js";
import { SPARE_ROWS } from "./cached-column.js";
import type { ChunkLog } from "../head/chunk-log.js";
import type { CachePlan, ColumnCache, TableVersion } from "./column-cache.js";
import type { FullLabels } from "../selection/full-labels.js";
import type { Pace } from "../model/pace.js";
import { isAllAbsent, isDense, mergePieces, type Piece, type PieceRows } from "../model/piece.js";
import type { SelectedSeries } from "../model/querier.js";
import { type AssembledRows, isSame, RowAssembly } from "./row-assembly.js";
import type { CachedRows } from "./table-columns.js";
import type { TableOfTarget } from "../selection/unique-series.js";

/** All parts of one table, each list with the earlier written first. */
export interface FoundTable {
  readonly name: string;
  readonly target: Labels;
  readonly version: TableVersion;
  /** In the order of time. */
  readonly main: Piece[];
  readonly late: Piece[];
  /** True when some part could not even be looked into. */
  isIncomplete: boolean;
}

export interface TableReaderParts {
  readonly chunkLog: ChunkLog;
  readonly cache: ColumnCache;
  readonly fullLabels: FullLabels;
  /** Told about a part that cannot be read; it is left out of the answer. */
  readonly onUnreadable: (error: unknown) => void;
}

/** Tables of which blocks are read at the same time. */
const CONCURRENT_TABLES = 16;
/** A query that needs more of the cache than this reads past it. */
const SHARE_OF_ONE_QUERY = 3 / 4;
/** What answering from the cache costs, in values looked at per series. */
const WORK_PER_SERIES = 16;

interface Reading {
  readonly table: FoundTable;
  readonly labels: readonly Labels[];
  readonly plan: CachePlan | undefined;
  readonly assembly: RowAssembly | undefined;
  readonly range: TimeRange;
  finish: () => AssembledRows | undefined;
}

const FINISH_NOTHING = (): undefined => undefined;

/** Reads the parts of tables that were found, as few of them as the cache makes necessary. */
export class TableReader {
  constructor(private readonly parts: TableReaderParts) {}

  /** @throws what `pace` throws, nothing else */
  async read(
    tables: readonly FoundTable[],
    range: TimeRange,
    pace: Pace,
  ): Promise<TableOfTarget[]> {
    const isCaching = this.isWorthCaching(tables);
    this.parts.cache.beginQuery();
    const answers: TableOfTarget[] = [];
    const readings: Reading[] = [];
    for (const table of tables) {
      const rows = inMemory(table);
      if (rows !== undefined) answers.push(this.answerFrom(table, rows));
      else readings.push(this.begin(table, range, isCaching));
      if (pace.isDue(table.main.length * WORK_PER_SERIES)) await pace.pause();
    }
    await this.readBlocks(readings, pace);
    const requests = readings.flatMap(({ assembly }) => assembly?.requests ?? []);
    if (requests.length > 0) await this.parts.chunkLog.readAll(requests, pace);
    for (const reading of readings) {
      answers.push(await this.answer(reading, range));
      if (pace.isDue(reading.labels.length * WORK_PER_SERIES)) await pace.pause();
    }
    return answers;
  }

  private isWorthCaching(tables: readonly FoundTable[]): boolean {
    let bytes = 0;
    for (const { main } of tables) {
      let rows = 0;
      let columns = 0;
      for (const piece of main) {
        rows += piece.rows;
        columns = Math.max(columns, piece.labels.length);
      }
      bytes += 8 * rows * columns;
    }
    return bytes <= this.parts.cache.maxBytes * SHARE_OF_ONE_QUERY;
  }

  private begin(table: FoundTable, range: TimeRange, isCaching: boolean): Reading {
    const { name, version, target, main, late, isIncomplete } = table;
    const labels = unionOfLabels(main);
    const finish = FINISH_NOTHING;
    // Rows that came late may lie anywhere: they are merged anew by every query.
    if (late.length > 0 || isIncomplete) {
      return { table, labels, range, finish, plan: undefined, assembly: undefined };
    }
    if (!isCaching) {
      const assembly = new RowAssembly(labels, main, 0);
      return { table, labels, range, finish, plan: undefined, assembly };
    }
    const { aheadUntilMs = range.fromMs } = main[main.length - 1] as Piece;
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

  private async readBlocks(readings: readonly Reading[], pace: Pace): Promise<void> {
    const queue = readings.values();
    const work = async (): Promise<void> => {
      for (const reading of queue) {
        if (reading.assembly === undefined) continue;
        try {
          reading.finish = await reading.assembly.readOthers(reading.range);
        } catch (error) {
          reading.assembly.failure = error;
        }
        if (pace.isDue(reading.labels.length)) await pace.pause();
      }
    };
    await Promise.all(Array.from({ length: Math.min(CONCURRENT_TABLES, readings.length) }, work));
  }

  private async answer(reading: Reading, range: TimeRange): Promise<TableOfTarget> {
    const { table, labels, plan, assembly } = reading;
    const read = assembly?.failure === undefined ? reading.finish() : undefined;
    if (plan !== undefined && (assembly === undefined || read !== undefined)) {
      const rows = this.parts.cache.complete(plan, read);
      if (rows !== undefined) return answerFromCache(table.target, labels, rows);
    } else if (read !== undefined) return this.answerFrom(table, { labels, rows: read });
    return this.readEach(table, range);
  }

  /** Reads part after part, and leaves out what cannot be read. */
  private async readEach(table: FoundTable, range: TimeRange): Promise<TableOfTarget> {
    const parts: { labels: readonly Labels[]; rows: PieceRows }[] = [];
    for (const piece of [...table.main, ...table.late]) {
      if (piece.labels.length === 0) continue;
      try {
        parts.push({ labels: piece.labels, rows: await piece.read(range) });
      } catch (error) {
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
    const { fullLabels } = this.parts;
    const series: SelectedSeries[] = [];
    for (let index = 0; index < labels.length; index++) {
      const values = columns[index] as Float64Array;
      const dense = isDense(values);
      if (!dense && isAllAbsent(values)) continue;
      series.push({ labels: fullLabels.of(labels[index] as Labels, target), values, dense });
    }
    return { target, own: labels, table: { timestamps, series } };
  }
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

/** The rows of a table when one part that is in memory is all there is of it. */
function inMemory({ main, late, isIncomplete }: FoundTable): LabeledRows | undefined {
  const [only] = main;
  const isWhole = main.length === 1 && late.length === 0 && !isIncomplete;
  if (!isWhole || only?.inMemory === undefined) return undefined;
  return { labels: only.labels, rows: only.inMemory };
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
