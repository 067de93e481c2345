import { messageOf, PihealthError } from "../../../exporter/shared/model/errors.js";
import type { Labels } from "../../../exporter/shared/model/labels.js";
import { yieldToEventLoop } from "../../../exporter/shared/platform/clock.js";
import { GROUP_COLUMNS, isCopyable, type SectionContent } from "../codec/block-codec.js";
import { isDamage } from "./block-file.js";
import { codedSection } from "../codec/block-sections.js";
import type { BlockStore, StoredBlock } from "./block-store.js";
import { planSections, type SectionPart, type Source, timestampsOf } from "./compaction-plan.js";
import { mergePieces, type PieceRows } from "../model/piece.js";
import type { StorageCounters } from "../model/storage-counters.js";

/** Each level is this many times as long as the one before. */
const LEVEL_FACTOR = 6;
/** Blocks merged at once at most; more are merged in several rounds. */
const MAX_SOURCES = 64;

export interface CompactionSettings {
  readonly blockDurationMs: number;
  readonly maxBlockDurationMs: number;
}

/** Merges the blocks of a table into longer ones, late ones included. */
export class Compaction {
  private readonly levelsMs: number[];

  constructor(
    private readonly blocks: BlockStore,
    private readonly counters: StorageCounters,
    settings: CompactionSettings,
  ) {
    this.levelsMs = [];
    for (
      let levelMs = settings.blockDurationMs;
      levelMs <= settings.maxBlockDurationMs;
      levelMs *= LEVEL_FACTOR
    ) {
      this.levelsMs.push(levelMs);
    }
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
      const fits = block.untilMs <= (span + 1) * levelMs;
      // Samples of a span that is still growing would be merged again and again.
      if (!fits || !this.blocks.isMergeable(block) || newestMs < (span + 1) * levelMs) continue;
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
        const sources = byTarget.get(directory.target.key) ?? [];
        const numbers = new Map(directory.series.map(({ key }, number) => [key, number]));
        byTarget.set(directory.target.key, [...sources, { block, directory, numbers }]);
      } catch (error) {
        this.blocks.setAside(block, error);
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
    const numbers = new Map(series.map(({ key }, number) => [key, number]));
    const isLate = sources.every(({ directory }) => directory.isLate);
    const sections = planSections(sources).map((parts) => {
      const [only] = parts;
      return parts.length === 1 && only !== undefined && isCopyable(only.source.directory)
        ? this.copied(only, numbers)
        : this.coded(parts, series, numbers);
    });
    const { target } = first.directory;
    let merged: StoredBlock;
    try {
      merged = await this.blocks.write(folder, { target, isLate, series, sections });
    } catch (error) {
      const damaged = error instanceof SourceDamagedError ? error.source : undefined;
      if (damaged === undefined) throw error;
      // It keeps what can be read of it by staying as it is; the next run merges the others.
      return this.blocks.reportPart(damaged.block, error);
    }
    this.counters.compactions++;
    this.blocks.exchange(
      folder,
      [merged],
      sources.map(({ block }) => block),
    );
  }

  /** A section as it is stored. */
  private copied(part: SectionPart, numbers: ReadonlyMap<string, number>): SectionContent {
    const { source, section } = part;
    const { reader } = this.blocks;
    const count = Math.ceil(section.columns.length / GROUP_COLUMNS);
    return {
      timestamps: timestampsOf(part),
      columns: section.columns.map(
        (column) => numbers.get(source.directory.series[column]?.key as string) as number,
      ),
      async *groups() {
        await yieldToEventLoop();
        for (let group = 0; group < count; group++)
          yield await readFrom(source, () =>
            reader.groupBytes(source.block, section.firstGroup + group),
          );
      },
    };
  }

  /** Sections as one, coded anew. */
  private coded(
    parts: readonly SectionPart[],
    series: readonly Labels[],
    numbers: ReadonlyMap<string, number>,
  ): SectionContent {
    const present = new Set<number>();
    for (const { source, section } of parts)
      for (const column of section.columns)
        present.add(numbers.get(source.directory.series[column]?.key as string) as number);
    const columns = Uint32Array.from(present).sort();
    const times = parts.map((part) => ({
      labels: [],
      rows: { timestamps: timestampsOf(part), columns: [] },
    }));
    return codedSection(mergePieces(times).timestamps, columns, async (from, until) => {
      await yieldToEventLoop();
      const wanted = columns.subarray(from, until);
      return this.mergeColumns(
        parts,
        Array.from(wanted, (number) => series[number] as Labels),
      );
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
        .map((number) => source.directory.series[number] as Labels);
      const columns = found.filter((values) => values !== undefined);
      pieces.push({ labels, rows: { timestamps: timestampsOf(part), columns } });
    }
    const { series: merged } = mergePieces(pieces);
    const byKey = new Map(merged.map(({ labels, values }) => [labels.key, values]));
    return series.map(({ key }) => byKey.get(key) as Float64Array);
  }
}

/** A source of a merge cannot be read. */
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
