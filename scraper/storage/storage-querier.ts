import { compareStrings, type Labels } from "../../exporter/shared/model/labels.js";
import type { TimeRange } from "../../exporter/shared/model/time-range.js";
import { findHeadPieces, type HeadReader } from "./head-pieces.js";
import type { Head } from "./head.js";
import type { LabelMatcher } from "./label-matcher.js";
import {
  isAllAbsent,
  isDense,
  type MergedRows,
  mergePieces,
  type Piece,
  type PieceRows,
} from "./piece.js";
import type { Querier, SelectedSeries, SelectedTable } from "./querier.js";
import { SeriesSelection, withTargetLabels } from "./series-selection.js";
import { mergeDuplicateSeries } from "./unique-series.js";

/** Parts of the tables of one folder that are in blocks. */
export interface BlockPieces {
  readonly target: Labels;
  readonly folder: string;
  readonly piece: Piece;
  readonly isLate: boolean;
  /** Of late parts, the one with the lower number was written first. */
  readonly sequence: number;
}

/** The blocks as queries see them. */
export interface BlockFinder {
  /** Remembers which blocks there are now; what the returned function finds is what they hold. */
  plan(selection: SeriesSelection, range: TimeRange): () => Promise<BlockPieces[]>;
}

export interface QuerierParts extends HeadReader {
  readonly head: Head;
  readonly blocks: BlockFinder;
  /** Told about a part that cannot be read; it is left out of the answer. */
  readonly onUnreadable: (error: unknown) => void;
}

/** All parts of one table, each list with the earlier written first. */
interface TableParts {
  readonly target: Labels;
  readonly main: Piece[];
  readonly late: Piece[];
}

/** Tables read at the same time. */
const CONCURRENT_TABLES = 16;

/** Answers queries from head and blocks together. */
export class StorageQuerier implements Querier {
  constructor(private readonly parts: QuerierParts) {}

  async select(matchers: readonly LabelMatcher[], range: TimeRange): Promise<SelectedTable[]> {
    const tables = await this.find(matchers, range);
    const selected: { target: Labels; rows: MergedRows }[] = [];
    const queue = tables[Symbol.iterator]();
    const work = async (): Promise<void> => {
      for (const table of queue)
        selected.push({ target: table.target, rows: await this.read(table, range) });
    };
    await Promise.all(Array.from({ length: Math.min(CONCURRENT_TABLES, tables.length) }, work));
    return mergeDuplicateSeries(
      selected.map(({ target, rows }) => ({ target, table: toSelected(target, rows) })),
    );
  }

  async series(
    matcherSets: readonly (readonly LabelMatcher[])[],
    range: TimeRange,
  ): Promise<Labels[]> {
    const found = new Map<string, Labels>();
    await this.visit(matcherSets, range, (own, target) => {
      const labels = withTargetLabels(own, target);
      found.set(labels.key, labels);
    });
    return [...found.values()];
  }

  async labelNames(
    matcherSets: readonly (readonly LabelMatcher[])[],
    range: TimeRange,
  ): Promise<string[]> {
    const names = new Set<string>();
    await this.visit(matcherSets, range, (own, target) => {
      for (const [name] of own.pairs) names.add(name);
      for (const [name] of target.pairs) names.add(name);
    });
    return [...names].sort(compareStrings);
  }

  async labelValues(
    name: string,
    matcherSets: readonly (readonly LabelMatcher[])[],
    range: TimeRange,
  ): Promise<string[]> {
    const values = new Set<string>();
    await this.visit(matcherSets, range, (own, target) => {
      values.add(own.get(name) || target.get(name));
    });
    values.delete("");
    return [...values].sort(compareStrings);
  }

  private async visit(
    matcherSets: readonly (readonly LabelMatcher[])[],
    range: TimeRange,
    visitor: (own: Labels, target: Labels) => void,
  ): Promise<void> {
    for (const matchers of matcherSets.length === 0 ? [[]] : matcherSets) {
      for (const { target, main, late } of await this.find(matchers, range)) {
        const own = new Set([...main, ...late].flatMap(({ labels }) => labels));
        for (const labels of own) visitor(labels, target);
      }
    }
  }

  /** The tables with parts that hold wanted series in the range. */
  private async find(matchers: readonly LabelMatcher[], range: TimeRange): Promise<TableParts[]> {
    const { head, blocks, registry } = this.parts;
    const selection = new SeriesSelection(matchers, registry);
    const byName = new Map<string, TableParts>();
    const partsOf = (folder: string, target: Labels): TableParts => {
      const name = `${folder}\u{ffff}${target.key}`;
      let known = byName.get(name);
      if (known === undefined) byName.set(name, (known = { target, main: [], late: [] }));
      return known;
    };
    // Head and list of blocks are looked at in one go: a block that is written meanwhile changes
    // neither.
    const findInBlocks = blocks.plan(selection, range);
    const inHead = [...head.tables.values()].map((table) => ({
      table,
      pieces: findHeadPieces(this.parts, table, selection, range),
    }));
    for (const { folder, target, piece, isLate } of await findInBlocks()) {
      partsOf(folder, target)[isLate ? "late" : "main"].push(piece);
    }
    for (const { table, pieces } of inHead) {
      if (pieces.main.length + pieces.late.length === 0) continue;
      const parts = partsOf(table.key.folder, table.key.labels);
      parts.main.push(...pieces.main);
      parts.late.push(...pieces.late);
    }
    return [...byName.values()];
  }

  private async read({ main, late }: TableParts, range: TimeRange): Promise<MergedRows> {
    const parts: { labels: readonly Labels[]; rows: PieceRows }[] = [];
    for (const piece of [...main, ...late]) {
      try {
        parts.push({ labels: piece.labels, rows: await piece.read(range) });
      } catch (error) {
        this.parts.onUnreadable(error);
      }
    }
    return mergePieces(parts);
  }
}

function toSelected(target: Labels, { timestamps, series }: MergedRows): SelectedTable {
  const found: SelectedSeries[] = [];
  for (const { labels, values } of series) {
    const dense = isDense(values);
    if (!dense && isAllAbsent(values)) continue;
    found.push({ labels: withTargetLabels(labels, target), values, dense });
  }
  return { timestamps, series: found };
}
