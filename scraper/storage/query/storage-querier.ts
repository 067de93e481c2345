import { compareStrings, type Labels } from "../../../exporter/shared/model/labels.js";
import type { TimeRange } from "../../../exporter/shared/model/time-range.js";
import { sortPaced } from "../../base/paced-sort.js";
import { findHeadPieces, type HeadReader } from "../head/head-pieces.js";
import type { Head } from "../head/head.js";
import { findStampedParts } from "../head/stamped-parts.js";
import { type Table, tableName } from "../head/table.js";
import type { InternedLayout } from "../model/layout-registry.js";
import { type LabelMatcher, wantedName } from "../model/label-matcher.js";
import { MovedRowsError, type Piece } from "../model/piece.js";
import {
  type MatcherSets,
  NEVER_PAUSE,
  type NewestSamples,
  type Pace,
  type Querier,
  type SelectedTable,
} from "../model/querier.js";
import type { StampedPart } from "../model/stamped.js";
import { SelectionMemory } from "../selection/selection-memory.js";
import { SeriesSelection } from "../selection/series-selection.js";
import { type TargetLabelCache, withTargetLabels } from "../selection/target-labels.js";
import { mergeDuplicateSeries } from "../selection/unique-series.js";
import type { ColumnCache } from "./column-cache.js";
import { readNewest } from "./newest-samples.js";
import { type FoundStamped, readStamped } from "./stamped-reader.js";
import { type FoundTable, TableReader } from "./table-reader.js";

/** Cost of adding a label set to an answer, in values looked at. */
const WORK_PER_LABEL_SET = 16;

/** Rough memory of a label set and its key. */
const BYTES_PER_LABEL_SET = 400;
/** Searches of a query whose rows move to blocks meanwhile. */
const MAX_ATTEMPTS = 5;

/** A piece of a table that is in a block. */
export interface BlockPiece {
  readonly folder: string;
  readonly target: Labels;
  /** Name of the table; see `tableName`. */
  readonly table: string;
  readonly piece: Piece;
  readonly isLate: boolean;
  /** Of two late pieces, the one with the lower number was written first. */
  readonly sequence: number;
}

/** The wanted series of a block of stamped samples. */
export interface StampedBlockPart {
  readonly folder: string;
  readonly target: Labels;
  readonly part: StampedPart;
  /** Of two blocks, the one with the lower number was written first. */
  readonly sequence: number;
}

export interface FoundInBlocks {
  /** In the order of writing. */
  readonly stamped: readonly StampedBlockPart[];
  /** Main pieces in the order of time, then late ones in the order of writing. Some have no series. */
  readonly pieces: readonly BlockPiece[];
  /** Folders with a block that could not be opened. */
  readonly unreadable: ReadonlySet<string>;
}

/** The blocks as queries see them. */
export interface BlockIndex {
  /** Lists the blocks there are now; the returned function finds the pieces in them. */
  plan(selection: SeriesSelection, range: TimeRange, pace: Pace): () => Promise<FoundInBlocks>;
  /** Time of the newest sample in any block, -Infinity for none. */
  newestMs(): number;
  /** A number that grows when blocks of a folder are replaced or deleted. */
  versionOf(folder: string): number;
}

export interface QuerierParts extends HeadReader {
  readonly head: Head;
  readonly blocks: BlockIndex;
  readonly cache: ColumnCache;
  readonly targetLabels: TargetLabelCache;
  /** Called for a piece that cannot be read and is left out of the answer. */
  readonly onUnreadable: (error: unknown) => void;
}

/**
 * Answers queries from head and blocks together.
 *
 * Matchers and a range come in; tables of labelled columns go out. The caller's own loop runs a
 * query, which pauses for other work as its `Pace` says. First the pieces of all tables are found,
 * in one turn of the event loop for the head; then they are read, as far as the cache lacks them.
 */
export class StorageQuerier implements Querier {
  private readonly reader: TableReader;
  private readonly memory = new SelectionMemory();

  constructor(private readonly parts: QuerierParts) {
    this.reader = new TableReader(parts);
  }

  /** For metrics. */
  cacheGauges(): { cachedColumnBytes: number; cacheHits: number; cacheMisses: number } {
    const { cache, targetLabels } = this.parts;
    const cachedColumnBytes = cache.sizeBytes + targetLabels.sizeBytes;
    return { cachedColumnBytes, cacheHits: cache.hits, cacheMisses: cache.misses };
  }

  async select(
    matchers: readonly LabelMatcher[],
    range: TimeRange,
    pace: Pace = NEVER_PAUSE,
  ): Promise<SelectedTable[]> {
    if (!(range.untilMs > range.fromMs)) return [];
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.selectOnce(matchers, range, pace);
      } catch (error) {
        if (!(error instanceof MovedRowsError) || attempt >= MAX_ATTEMPTS) throw error;
      }
    }
  }

  async newest(
    matchers: readonly LabelMatcher[],
    range: TimeRange,
    pace: Pace = NEVER_PAUSE,
  ): Promise<NewestSamples | undefined> {
    if (this.parts.blocks.newestMs() >= range.fromMs) return undefined;
    const { registry } = this.parts;
    const selection = new SeriesSelection(matchers, registry, this.memory.of(matchers));
    return readNewest(this.parts, this.tablesFor(matchers), selection, range, pace);
  }

  private async selectOnce(
    matchers: readonly LabelMatcher[],
    range: TimeRange,
    pace: Pace,
  ): Promise<SelectedTable[]> {
    const { tables, stamped } = await this.find(matchers, range, pace);
    const found = await this.reader.read(tables, range, pace);
    for (const each of stamped) {
      // A target may have very many: they cannot be spread as arguments.
      for (const table of await readStamped(each, range, pace, this.parts)) found.push(table);
    }
    return mergeDuplicateSeries(found, pace);
  }

  async series(
    matcherSets: MatcherSets,
    range: TimeRange,
    pace: Pace = NEVER_PAUSE,
  ): Promise<Labels[]> {
    const found = new Map<string, Labels>();
    await this.visit(matcherSets, { range, pace }, (own, target) => {
      // Not cached with the label sets of queries: there may be millions.
      const labels = withTargetLabels(own, target);
      if (!found.has(labels.key)) pace.hold(BYTES_PER_LABEL_SET);
      found.set(labels.key, labels);
    });
    return [...found.values()];
  }

  async labelNames(
    matcherSets: MatcherSets,
    range: TimeRange,
    pace: Pace = NEVER_PAUSE,
  ): Promise<string[]> {
    const names = new Set<string>();
    await this.visit(matcherSets, { range, pace }, (own, target) => {
      for (const [name] of own.pairs) names.add(name);
      for (const [name] of target.pairs) names.add(name);
    });
    return sortPaced([...names], compareStrings, pace);
  }

  async labelValues(
    name: string,
    matcherSets: MatcherSets,
    range: TimeRange,
    pace: Pace = NEVER_PAUSE,
  ): Promise<string[]> {
    const values = new Set<string>();
    await this.visit(matcherSets, { range, pace }, (own, target) => {
      values.add(own.get(name) || target.get(name));
    });
    values.delete("");
    return sortPaced([...values], compareStrings, pace);
  }

  private async visit(
    matcherSets: MatcherSets,
    { range, pace }: { readonly range: TimeRange; readonly pace: Pace },
    visitor: (own: Labels, target: Labels) => void,
  ): Promise<void> {
    for (const matchers of matcherSets.length === 0 ? [[]] : matcherSets) {
      const { tables, stamped } = await this.find(matchers, range, pace);
      const found = [
        ...tables.map(({ target, main, late }) => ({ target, parts: [...main, ...late] })),
        ...stamped,
      ];
      for (const { target, parts } of found) {
        // Nearly always the pieces of a table have one list of label sets.
        for (const labels of new Set(parts.map((part) => part.labels))) {
          for (const own of labels) {
            visitor(own, target);
            if (pace.isDue(WORK_PER_LABEL_SET)) await pace.pause();
          }
        }
      }
    }
  }

  /** Evaluates the matchers in slices, for all layouts with samples in the range. */
  private async prepare(
    matchers: readonly LabelMatcher[],
    selection: SeriesSelection,
    range: TimeRange,
    pace: Pace,
  ): Promise<void> {
    for (const { key, streams, stamped } of this.tablesFor(matchers)) {
      const satisfied = selection.satisfiedBy(key.labels);
      const { main, late } = streams;
      const chunks = [...main.chunks, ...late.chunks, ...(stamped?.chunks ?? [])];
      let prepared: InternedLayout | undefined;
      for (const { layout, fromMs, lastMs } of chunks) {
        if (layout === prepared || lastMs < range.fromMs || fromMs >= range.untilMs) continue;
        prepared = layout;
        await selection.prepare(layout, satisfied, pace);
      }
      for (const window of [main.window, late.window]) {
        const layout = window?.newestLayout;
        if (layout !== undefined && layout !== prepared)
          await selection.prepare(layout, satisfied, pace);
      }
      if (pace.isDue(WORK_PER_LABEL_SET)) await pace.pause();
    }
  }

  /** The tables of the head that may have wanted series, in the order in which they were made. */
  private tablesFor(matchers: readonly LabelMatcher[]): Iterable<Table> {
    const { head } = this.parts;
    const name = wantedName(matchers);
    return name === undefined ? head.tables.values() : head.names.tablesWith(name);
  }

  /** Finds the tables that hold wanted series in the range. */
  private async find(
    matchers: readonly LabelMatcher[],
    range: TimeRange,
    pace: Pace,
  ): Promise<{ tables: FoundTable[]; stamped: FoundStamped[] }> {
    const { head, blocks, registry } = this.parts;
    const selection = new SeriesSelection(matchers, registry, this.memory.of(matchers));
    const found = new FoundTables((name, folder) => ({
      blocks: blocks.versionOf(folder),
      head: head.tables.get(name)?.streams,
    }));
    await this.prepare(matchers, selection, range, pace);
    // The list of blocks and the head are read in one turn of the event loop: a block that is written
    // meanwhile changes neither.
    const findInBlocks = blocks.plan(selection, range, pace);
    const inHead: { table: FoundTable; main: readonly Piece[]; late: readonly Piece[] }[] = [];
    const stampedInHead: { name: string; target: Labels; parts: StampedPart[] }[] = [];
    for (const table of this.tablesFor(matchers)) {
      const { key, name, streams } = table;
      const parts = findStampedParts(this.parts, table, selection, range);
      if (parts.length > 0) stampedInHead.push({ name, target: key.labels, parts });
      const { main, late } = findHeadPieces(this.parts, key, streams, selection, range);
      if (main.length === 0 && late.length === 0) continue;
      inHead.push({ table: found.table(name, key.folder, key.labels), main, late });
    }
    const { pieces, stamped, unreadable } = await findInBlocks();
    for (const { table: name, folder, target, piece, isLate } of pieces) {
      const table = found.table(name, folder, target);
      table[isLate ? "late" : "main"].push(piece);
      table.isIncomplete ||= unreadable.has(folder);
    }
    for (const { table, main, late } of inHead) {
      table.main.push(...main);
      table.late.push(...late);
    }
    return { tables: found.withSeries(), stamped: joinStamped(stamped, stampedInHead) };
  }
}

/** Joins the stamped samples of each table: first the blocks, then the head. */
function joinStamped(
  inBlocks: readonly StampedBlockPart[],
  inHead: readonly { name: string; target: Labels; parts: StampedPart[] }[],
): FoundStamped[] {
  const byTable = new Map<string, FoundStamped>();
  const add = (name: string, target: Labels, parts: readonly StampedPart[]): void => {
    const known = byTable.get(name);
    if (known === undefined) byTable.set(name, { target, parts: [...parts] });
    else known.parts.push(...parts);
  };
  for (const { folder, target, part } of inBlocks) add(tableName(folder, target), target, [part]);
  for (const { name, target, parts } of inHead) add(name, target, parts);
  return [...byTable.values()];
}

/** The tables of one query, by name. */
class FoundTables {
  private readonly byName = new Map<string, FoundTable>();

  constructor(
    private readonly versionOf: (name: string, folder: string) => FoundTable["version"],
  ) {}

  table(name: string, folder: string, target: Labels): FoundTable {
    let known = this.byName.get(name);
    if (known === undefined) {
      const version = this.versionOf(name, folder);
      known = { name, target, version, main: [], late: [], isIncomplete: false };
      this.byName.set(name, known);
    }
    return known;
  }

  withSeries(): FoundTable[] {
    const hasSeries = ({ labels }: Piece): boolean => labels.length > 0;
    return [...this.byName.values()].filter(
      ({ main, late }) => main.some(hasSeries) || late.some(hasSeries),
    );
  }
}
