import type { Labels } from "../../../exporter/shared/model/labels.js";
import type { TimeRange } from "../../../exporter/shared/model/time-range.js";
import { firstAtOrAfter } from "../../base/binary-search.js";
import { isStamped } from "../codec/block-directory.js";
import { tableName } from "../head/table.js";
import { cutRows, type Piece } from "../model/piece.js";
import type { Pace } from "../model/querier.js";
import type { SeriesSamples } from "../model/stamped.js";
import type {
  BlockIndex,
  BlockPiece,
  FoundInBlocks,
  StampedBlockPart,
} from "../query/storage-querier.js";
import type { SelectedColumns } from "../selection/selection-memory.js";
import type { SeriesSelection } from "../selection/series-selection.js";
import type { BlockFacts, BlockStore, StoredBlock } from "./block-store.js";
import type { FoundDirectory } from "./block-reader.js";

/** Blocks whose directories are read at the same time. */
const CONCURRENT_READS = 16;
/** Cost of searching a directory, in values looked at. */
const WORK_PER_BLOCK = 64;

/** Finds the pieces of blocks that a query wants. */
export class BlockFinder implements BlockIndex {
  private readonly labelNames = new LabelNames();

  constructor(private readonly blocks: BlockStore) {}

  newestMs(): number {
    return this.blocks.newestOfAllMs;
  }

  versionOf(folder: string): number {
    return this.blocks.versionOf(folder);
  }

  plan(selection: SeriesSelection, range: TimeRange, pace: Pace): () => Promise<FoundInBlocks> {
    const planned: StoredBlock[] = [];
    for (const blocks of this.blocks.lists()) {
      for (const block of blocks) {
        const isInRange = block.fromMs < range.untilMs && block.untilMs > range.fromMs;
        if (
          isInRange &&
          !this.blocks.damaged.isUnreadable(block) &&
          canMatch(block.facts, selection)
        )
          planned.push(block);
      }
    }
    return () => this.search(planned, { selection, range, pace });
  }

  private async search(
    planned: readonly StoredBlock[],
    { selection, range, pace }: Search,
  ): Promise<FoundInBlocks> {
    const { reader } = this.blocks;
    const found = new Array<BlockPiece | undefined>(planned.length);
    const stamped: StampedBlockPart[] = [];
    const unreadable = new Set<string>();
    const queue = planned.entries();
    const work = async (): Promise<void> => {
      for (const [index, block] of queue) {
        try {
          // Nearly always the directory is cached: then there is no need to wait.
          const directory = reader.knownDirectory(block) ?? (await reader.directory(block));
          if (!isStamped(directory))
            found[index] = this.pieceOf(block, directory, selection, range);
          else stamped.push(this.stampedPartOf(block, directory, selection));
        } catch (error) {
          unreadable.add(block.folder);
          this.blocks.reportDamage(block, error);
        }
        if (pace.isDue(WORK_PER_BLOCK)) await pace.pause();
      }
    };
    await Promise.all(Array.from({ length: Math.min(CONCURRENT_READS, planned.length) }, work));
    const pieces = inOrderOfWriting(found.filter((piece) => piece !== undefined));
    stamped.sort((left, right) => left.sequence - right.sequence);
    return { pieces, stamped: stamped.filter(({ part }) => part.labels.length > 0), unreadable };
  }

  private stampedPartOf(
    block: StoredBlock,
    directory: FoundDirectory,
    selection: SeriesSelection,
  ): StampedBlockPart {
    const { target, series } = directory;
    const { folder, sequence } = block;
    this.noteFacts(block, directory);
    const { columns, labels } = selection.columnsOfBlock(series, selection.satisfiedBy(target));
    const { reader, damaged } = this.blocks;
    const onDamage = (error: unknown): void => damaged.reportPart(block, error);
    const read = (range: TimeRange, pace: Pace): Promise<SeriesSamples[]> =>
      reader.stampedSeries(block, columns, { range, pace, onDamage });
    return { folder, target, sequence, part: { labels, read } };
  }

  private noteFacts(block: StoredBlock, directory: FoundDirectory): BlockFacts {
    const { target, series, damage } = directory;
    const { damaged } = this.blocks;
    if (damage !== undefined && !damaged.has(block)) damaged.reportPart(block, damage);
    return (block.facts ??= {
      target,
      table: tableName(block.folder, target),
      ownNames: this.labelNames.in(series),
    });
  }

  private pieceOf(
    block: StoredBlock,
    directory: FoundDirectory,
    selection: SeriesSelection,
    range: TimeRange,
  ): BlockPiece | undefined {
    const { target, isLate, series, timestamps } = directory;
    const facts = this.noteFacts(block, directory);
    const from = firstAtOrAfter(timestamps, range.fromMs);
    const until = firstAtOrAfter(timestamps, range.untilMs);
    if (from >= until) return undefined;
    const selected = selection.columnsOfBlock(series, selection.satisfiedBy(target));
    const pieceWith = ({ columns, labels }: SelectedColumns): Piece => ({
      labels,
      fromMs: timestamps[from] as number,
      lastMs: timestamps[until - 1] as number,
      rows: until - from,
      read: async (wanted: TimeRange, pace: Pace) => {
        const read = await this.read(block, { columns, labels }, pace);
        return cutRows({ timestamps, columns: read }, wanted);
      },
      narrow: (first, end) =>
        pieceWith({ columns: columns.subarray(first, end), labels: labels.slice(first, end) }),
    });
    const piece = pieceWith(selected);
    const { folder, sequence } = block;
    return { folder, target: facts.target, table: facts.table, piece, isLate, sequence };
  }

  private async read(
    block: StoredBlock,
    { columns }: SelectedColumns,
    pace: Pace,
  ): Promise<Float64Array[]> {
    if (columns.length === 0) return [];
    const { reader, damaged } = this.blocks;
    const onDamage = (error: unknown): void => damaged.reportPart(block, error);
    return reader.columns(block, columns, { pace, onDamage });
  }
}

interface Search {
  readonly selection: SeriesSelection;
  readonly range: TimeRange;
  readonly pace: Pace;
}

function canMatch(facts: BlockFacts | undefined, selection: SeriesSelection): boolean {
  return (
    facts === undefined || selection.canMatch(facts.ownNames, selection.satisfiedBy(facts.target))
  );
}

/** Late pieces in the order of writing, after the others, which do not overlap, in the order of time. */
function inOrderOfWriting(pieces: BlockPiece[]): BlockPiece[] {
  const late = pieces
    .filter(({ isLate }) => isLate)
    .sort((left, right) => left.sequence - right.sequence);
  return [...pieces.filter(({ isLate }) => !isLate), ...late];
}

/** Sets of names kept to be shared. Equal hosts have one. */
const MAX_SHARED_SETS = 1024;

/** The label names that lists of series have; equal sets are kept once. */
class LabelNames {
  private readonly bySeries = new WeakMap<readonly Labels[], ReadonlySet<string>>();
  private readonly shared = new Map<string, ReadonlySet<string>>();

  in(series: readonly Labels[]): ReadonlySet<string> {
    const known = this.bySeries.get(series);
    if (known !== undefined) return known;
    const names = new Set(series.flatMap(({ pairs }) => pairs.map(([name]) => name)));
    const key = [...names].sort().join("\u{ffff}");
    let shared = this.shared.get(key);
    if (shared === undefined) {
      if (this.shared.size >= MAX_SHARED_SETS) this.shared.clear();
      this.shared.set(key, (shared = names));
    }
    this.bySeries.set(series, shared);
    return shared;
  }
}
