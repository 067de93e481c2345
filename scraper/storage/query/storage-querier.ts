import { compareStrings, type Labels } from "../../../exporter/shared/model/labels.js";
import type { TimeRange } from "../../../exporter/shared/model/time-range.js";
import type { ColumnCache } from "./column-cache.js";
import type { FullLabels } from "../selection/full-labels.js";
import { findHeadPieces, type HeadReader } from "../head/head-pieces.js";
import type { Head } from "../head/head.js";
import type { LabelMatcher } from "../model/label-matcher.js";
import { type Pace, UNHURRIED } from "../model/pace.js";
import type { Piece } from "../model/piece.js";
import type { MatcherSets, Querier, SelectedTable } from "../model/querier.js";
import { SelectionMemory } from "../selection/selection-memory.js";
import { SeriesSelection } from "../selection/series-selection.js";
import { type FoundTable, TableReader } from "./table-reader.js";
import { mergeDuplicateSeries } from "../selection/unique-series.js";

/** What taking a label set into an answer costs, in values looked at. */
const WORK_PER_LABEL_SET = 64;

/** A part of a table that is in a block. */
export interface BlockPiece {
  readonly folder: string;
  readonly target: Labels;
  /** Name of the table; see `tableName`. */
  readonly table: string;
  readonly piece: Piece;
  readonly isLate: boolean;
  /** Of late parts, the one with the lower number was written first. */
  readonly sequence: number;
}

export interface FoundInBlocks {
  /** Those without wanted series too. Main ones in the order of time, late ones in that of writing. */
  readonly pieces: readonly BlockPiece[];
  /** Folders of blocks that could not be looked into. */
  readonly unreadable: ReadonlySet<string>;
}

/** The blocks as queries see them. */
export interface BlockFinder {
  /** Remembers which blocks there are now; what the returned function finds is what they hold. */
  plan(selection: SeriesSelection, range: TimeRange, pace: Pace): () => Promise<FoundInBlocks>;
  /** A number that grows when blocks of a folder are replaced or deleted. */
  versionOf(folder: string): number;
}

export interface QuerierParts extends HeadReader {
  readonly head: Head;
  readonly blocks: BlockFinder;
  readonly cache: ColumnCache;
  readonly fullLabels: FullLabels;
  /** Told about a part that cannot be read; it is left out of the answer. */
  readonly onUnreadable: (error: unknown) => void;
}

/** Answers queries from head and blocks together. */
export class StorageQuerier implements Querier {
  private readonly reader: TableReader;
  private readonly memory = new SelectionMemory();

  constructor(private readonly parts: QuerierParts) {
    this.reader = new TableReader(parts);
  }

  /** For metrics. */
  cacheFacts(): { cachedColumnBytes: number; cacheHits: number; cacheMisses: number } {
    const { cache, fullLabels } = this.parts;
    const cachedColumnBytes = cache.sizeBytes + fullLabels.sizeBytes;
    return { cachedColumnBytes, cacheHits: cache.hits, cacheMisses: cache.misses };
  }

  async select(
    matchers: readonly LabelMatcher[],
    range: TimeRange,
    pace: Pace = UNHURRIED,
  ): Promise<SelectedTable[]> {
    if (!(range.untilMs > range.fromMs)) return [];
    const tables = await this.find(matchers, range, pace);
    return mergeDuplicateSeries(await this.reader.read(tables, range, pace));
  }

  async series(
    matcherSets: MatcherSets,
    range: TimeRange,
    pace: Pace = UNHURRIED,
  ): Promise<Labels[]> {
    const found = new Map<string, Labels>();
    const { fullLabels } = this.parts;
    await this.visit(matcherSets, { range, pace }, (own, target) => {
      const labels = fullLabels.of(own, target);
      found.set(labels.key, labels);
    });
    return [...found.values()];
  }

  async labelNames(
    matcherSets: MatcherSets,
    range: TimeRange,
    pace: Pace = UNHURRIED,
  ): Promise<string[]> {
    const names = new Set<string>();
    await this.visit(matcherSets, { range, pace }, (own, target) => {
      for (const [name] of own.pairs) names.add(name);
      for (const [name] of target.pairs) names.add(name);
    });
    return [...names].sort(compareStrings);
  }

  async labelValues(
    name: string,
    matcherSets: MatcherSets,
    range: TimeRange,
    pace: Pace = UNHURRIED,
  ): Promise<string[]> {
    const values = new Set<string>();
    await this.visit(matcherSets, { range, pace }, (own, target) => {
      values.add(own.get(name) || target.get(name));
    });
    values.delete("");
    return [...values].sort(compareStrings);
  }

  private async visit(
    matcherSets: MatcherSets,
    { range, pace }: { readonly range: TimeRange; readonly pace: Pace },
    visitor: (own: Labels, target: Labels) => void,
  ): Promise<void> {
    for (const matchers of matcherSets.length === 0 ? [[]] : matcherSets) {
      for (const { target, main, late } of await this.find(matchers, range, pace)) {
        const own = new Set([...main, ...late].flatMap(({ labels }) => labels));
        for (const labels of own) visitor(labels, target);
        if (pace.isDue(own.size * WORK_PER_LABEL_SET)) await pace.pause();
      }
    }
  }

  /** The tables that hold wanted series in the range. */
  private async find(
    matchers: readonly LabelMatcher[],
    range: TimeRange,
    pace: Pace,
  ): Promise<FoundTable[]> {
    const { head, blocks, registry } = this.parts;
    const selection = new SeriesSelection(matchers, registry, this.memory.of(matchers));
    const byName = new Map<string, FoundTable>();
    const tableOf = (name: string, folder: string, target: Labels): FoundTable => {
      let known = byName.get(name);
      if (known === undefined) {
        const version = { blocks: blocks.versionOf(folder), head: head.tables.get(name)?.streams };
        known = { name, target, version, main: [], late: [], isIncomplete: false };
        byName.set(name, known);
      }
      return known;
    };
    // Head and list of blocks are looked at in one go: a block that is written meanwhile changes
    // neither.
    const findInBlocks = blocks.plan(selection, range, pace);
    const inHead: { table: FoundTable; main: readonly Piece[]; late: readonly Piece[] }[] = [];
    for (const [name, { key, streams }] of head.tables) {
      const { main, late } = findHeadPieces(this.parts, key, streams, selection, range);
      if (main.length === 0 && late.length === 0) continue;
      inHead.push({ table: tableOf(name, key.folder, key.labels), main, late });
    }
    const { pieces, unreadable } = await findInBlocks();
    for (const { table, folder, target, piece, isLate } of pieces) {
      const found = tableOf(table, folder, target);
      found[isLate ? "late" : "main"].push(piece);
      found.isIncomplete ||= unreadable.has(folder);
    }
    for (const { table, main, late } of inHead) {
      table.main.push(...main);
      table.late.push(...late);
    }
    return [...byName.values()].filter(holdsWanted);
  }
}

const holdsWanted = ({ main, late }: FoundTable): boolean =>
  main.some(({ labels }) => labels.length > 0) || late.some(({ labels }) => labels.length > 0);
