import { messageOf, PihealthError } from "../../../exporter/shared/model/errors.js";
import { getOrThrow, itemAt } from "../../../exporter/shared/model/get-or-throw.js";
import type { Labels } from "../../../exporter/shared/model/labels.js";
import { yieldToEventLoop } from "../../../exporter/shared/platform/clock.js";
import { isCopyable, type SectionContent } from "../codec/block-codec.js";
import { type BlockDirectory, isStamped } from "../codec/block-directory.js";
import { GROUP_COLUMNS } from "../codec/block-frame.js";
import { codedSection } from "../codec/block-sections.js";
import { isDamage } from "../model/damage.js";
import { mergePieces, type PieceRows } from "../model/piece.js";
import { NEVER_PAUSE } from "../model/querier.js";
import type { StorageCounters } from "../model/storage-counters.js";
import type { BlockStore, StoredBlock } from "./block-store.js";
import { mergedSections, type StampedSource } from "./stamped-merge.js";
import { sortByLabels } from "./stamped-writer.js";
import { planSections, type SectionPart, type Source, timestampsOf } from "./compaction-plan.js";

/** Each level has blocks this many times as long as the level below. */
const LEVEL_FACTOR = 6;
/** Blocks merged at once at most; more are merged in several runs. */
const MAX_SOURCES = 64;

export interface CompactionSettings {
  readonly blockDurationMs: number;
  readonly maxBlockDurationMs: number;
}

/**
 * Merges the blocks of a table, late ones included, into longer blocks. A loop of the storage runs it
 * every 60 s.
 */
export class Compaction {
  private readonly levelsMs: number[];

  constructor(
    private readonly blocks: BlockStore,
    private readonly counters: StorageCounters,
    settings: CompactionSettings,
  ) {
    this.levelsMs = levelsOf(settings);
  }

  /**
   * Merges what is due in every folder.
   *
   * @throws the system's error when the disk refuses
   */
  async run(): Promise<void> {
    for (const folder of this.blocks.folders()) {
      for (const levelMs of this.levelsMs) await this.compactLevel(folder, levelMs);
    }
  }

  private async compactLevel(folder: string, levelMs: number): Promise<void> {
    const newestMs = this.blocks.newestMs(folder);
    const bySpan = new Map<number, StoredBlock[]>();
    for (const block of this.blocks.blocksOf(folder)) {
      const span = Math.floor(block.fromMs / levelMs);
      const endMs = (span + 1) * levelMs;
      // A span that still grows would be merged again and again.
      if (block.untilMs > endMs || newestMs < endMs || this.blocks.damaged.has(block)) continue;
      const inSpan = bySpan.get(span);
      if (inSpan === undefined) bySpan.set(span, [block]);
      else inSpan.push(block);
    }
    for (const blocks of bySpan.values())
      if (blocks.length > 1) await this.compactSpan(folder, blocks);
  }

  private async compactSpan(folder: string, blocks: readonly StoredBlock[]): Promise<void> {
    const byTarget = new Map<string, Source[]>();
    for (const block of blocks) {
      try {
        const directory = await this.blocks.reader.directory(block);
        const key = `${isStamped(directory) ? "stamped" : "rows"} ${directory.target.key}`;
        const numbers = numbersOf(directory.series);
        byTarget.set(key, [...(byTarget.get(key) ?? []), { block, directory, numbers }]);
      } catch (error) {
        this.blocks.reportDamage(block, error);
      }
    }
    for (const sources of byTarget.values())
      if (sources.length > 1) await this.merge(folder, sources);
  }

  private async merge(folder: string, all: readonly Source[]): Promise<void> {
    const sources = inOrderOfWriting(all).slice(0, MAX_SOURCES);
    const [first] = sources;
    if (first === undefined) return;
    const series = unionOfSeries(sources);
    const union = { series, numbers: numbersOf(series) };
    const isLate = sources.every(({ directory }) => directory.isLate);
    const sections = planSections(sources).map((parts) => {
      const [only] = parts;
      return parts.length === 1 && only !== undefined && isCopyable(only.source.directory)
        ? this.copied(only, union)
        : this.coded(parts, union);
    });
    const { target } = first.directory;
    let merged: StoredBlock;
    try {
      merged = !isStamped(first.directory)
        ? await this.blocks.write(folder, { target, isLate, series, sections })
        : await this.writeStamped(folder, sources, union);
    } catch (error) {
      if (!(error instanceof SourceDamagedError)) throw error;
      // The damaged block stays as it is. The next run merges the others.
      return this.blocks.damaged.reportPart(error.source.block, error);
    }
    this.counters.compactions++;
    const replaced = sources.map(({ block }) => block);
    this.blocks.exchange(folder, [merged], replaced);
  }

  private async writeStamped(
    folder: string,
    sources: readonly Source[],
    { series }: SeriesUnion,
  ): Promise<StoredBlock> {
    const range = {
      fromMs: Math.min(...sources.map(({ block }) => block.fromMs)),
      untilMs: Math.max(...sources.map(({ block }) => block.untilMs)),
    };
    const sorted = await sortByLabels(series, (labels) => labels);
    const { reader } = this.blocks;
    const parts = sources.map((source): StampedSource => ({
      series: source.directory.series,
      samples: samplesIn(source.directory),
      read: (wanted, window) =>
        readFrom(source, () =>
          reader.stampedSeries(source.block, wanted, { range: window, pace: NEVER_PAUSE }),
        ),
    }));
    const { target } = itemAt(sources, 0).directory;
    const sections = mergedSections(sorted, range, parts);
    return this.blocks.writeStamped(folder, range, { target, series: sorted, sections });
  }

  /** A section with the stored groups of its source. */
  private copied(part: SectionPart, { numbers }: SeriesUnion): SectionContent {
    const { source, section } = part;
    const { reader } = this.blocks;
    const count = Math.ceil(section.columns.length / GROUP_COLUMNS);
    return {
      timestamps: timestampsOf(part),
      columns: section.columns.map((column) => numberIn(numbers, source, column)),
      async *groups() {
        await yieldToEventLoop();
        for (let group = 0; group < count; group++)
          yield await readFrom(source, () =>
            reader.groupBytes(source.block, section.firstGroup + group),
          );
      },
    };
  }

  /** Several sections as one, coded again. */
  private coded(parts: readonly SectionPart[], { series, numbers }: SeriesUnion): SectionContent {
    const present = new Set<number>();
    for (const { source, section } of parts)
      for (const column of section.columns) present.add(numberIn(numbers, source, column));
    const columns = Uint32Array.from(present).sort();
    const times = parts.map((part) => ({
      labels: [],
      rows: { timestamps: timestampsOf(part), columns: [] },
    }));
    return codedSection(mergePieces(times).timestamps, columns, async (from, until) => {
      await yieldToEventLoop();
      const wanted = Array.from(columns.subarray(from, until), (number) => itemAt(series, number));
      return this.mergeColumns(parts, wanted);
    });
  }

  private async mergeColumns(
    parts: readonly SectionPart[],
    series: readonly Labels[],
  ): Promise<readonly Float64Array[]> {
    const pieces: { labels: readonly Labels[]; rows: PieceRows }[] = [];
    for (const part of parts) {
      const { source, section } = part;
      const wanted = series
        .map(({ key }) => source.numbers.get(key))
        .filter((number) => number !== undefined)
        .sort((left, right) => left - right);
      const found = await readFrom(source, () =>
        this.blocks.reader.sectionColumns(source.block, section, wanted),
      );
      const labels = wanted
        .filter((_, index) => found[index] !== undefined)
        .map((number) => itemAt(source.directory.series, number));
      const columns = found.filter((values) => values !== undefined);
      pieces.push({ labels, rows: { timestamps: timestampsOf(part), columns } });
    }
    const { series: merged } = mergePieces(pieces);
    const byKey = new Map(merged.map(({ labels, values }) => [labels.key, values]));
    return series.map(({ key }) => getOrThrow(byKey, key));
  }
}

/** Ranges of time of merged blocks, in ascending order. */
export function levelsOf({ blockDurationMs, maxBlockDurationMs }: CompactionSettings): number[] {
  const levelsMs: number[] = [];
  for (let levelMs = blockDurationMs; levelMs <= maxBlockDurationMs; levelMs *= LEVEL_FACTOR)
    levelsMs.push(levelMs);
  return levelsMs;
}

/** The series of a merged block, and the number of each by its key. */
interface SeriesUnion {
  readonly series: readonly Labels[];
  readonly numbers: ReadonlyMap<string, number>;
}

/** A source of a merge is damaged. */
class SourceDamagedError extends PihealthError {
  readonly code = "damaged_data";

  constructor(
    readonly source: Source,
    cause: unknown,
  ) {
    super(messageOf(cause), { cause });
  }
}

async function readFrom<Result>(source: Source, read: () => Promise<Result>): Promise<Result> {
  try {
    return await read();
  } catch (error) {
    throw isDamage(error) ? new SourceDamagedError(source, error) : error;
  }
}

/** Samples of a block of stamped samples, at most. */
function samplesIn({ sliced, groups }: BlockDirectory): number {
  return sliced === undefined
    ? groups.reduce((sum, { rows, columns }) => sum + rows * columns, 0)
    : sliced.samples.reduce((sum, samples) => sum + samples, 0);
}

function inOrderOfWriting(sources: readonly Source[]): Source[] {
  const late = sources.filter(({ directory }) => directory.isLate);
  late.sort((left, right) => left.block.sequence - right.block.sequence);
  return [...sources.filter(({ directory }) => !directory.isLate), ...late];
}

function unionOfSeries(sources: readonly Source[]): Labels[] {
  const byKey = new Map<string, Labels>();
  for (const { directory } of sources)
    for (const labels of directory.series) byKey.set(labels.key, labels);
  return [...byKey.values()];
}

function numbersOf(series: readonly Labels[]): ReadonlyMap<string, number> {
  return new Map(series.map(({ key }, number) => [key, number]));
}

/** The number in a merged block of a series that a source has under another. */
function numberIn(numbers: ReadonlyMap<string, number>, source: Source, number: number): number {
  return getOrThrow(numbers, itemAt(source.directory.series, number).key);
}
