import type { Labels } from "../../exporter/shared/model/labels.js";
import { yieldToEventLoop } from "../../exporter/shared/platform/clock.js";
import type { BlockDirectory } from "./block-codec.js";
import type { BlockStore, StoredBlock } from "./block-store.js";
import { type MergedRows, mergePieces, type PieceRows } from "./piece.js";
import type { StorageCounters } from "./storage-counters.js";

/** Each level is this many times as long as the one before. */
const LEVEL_FACTOR = 6;
/** Blocks merged at once at most; more are merged in several rounds. */
const MAX_SOURCES = 64;

export interface CompactionSettings {
  readonly blockDurationMs: number;
  readonly maxBlockDurationMs: number;
}

interface Source {
  readonly block: StoredBlock;
  readonly directory: BlockDirectory;
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

  /** Merges what is due in every folder. @throws the system's error when the disk refuses */
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
      if (!fits || this.blocks.isDamaged(block) || newestMs < (span + 1) * levelMs) continue;
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
        byTarget.set(directory.target.key, [...sources, { block, directory }]);
      } catch (error) {
        this.blocks.setAside(block, error);
      }
    }
    for (const sources of byTarget.values())
      if (sources.length > 1) await this.merge(folder, sources);
  }

  private async merge(folder: string, all: readonly Source[]): Promise<void> {
    const ordered = inOrderOfWriting(all).slice(0, MAX_SOURCES);
    // A block that cannot be read whole keeps what can be read of it by staying as it is.
    const sources: Source[] = [];
    for (const source of ordered) {
      const [problem] = await this.blocks.reader.verify(source.block);
      if (problem === undefined) sources.push(source);
      else this.blocks.setAside(source.block, problem);
    }
    const [first] = sources;
    if (first === undefined || sources.length < 2) return;
    const series = unionOfSeries(sources);
    const { timestamps } = mergePieces(sources.map(({ directory }) => timesOnly(directory)));
    const isLate = sources.every(({ directory }) => directory.isLate);
    const columns = (from: number, until: number): Promise<readonly Float64Array[]> =>
      this.mergeColumns(sources, series.slice(from, until));
    const merged = await this.blocks.write(folder, {
      target: first.directory.target,
      isLate,
      series,
      timestamps,
      columns,
    });
    this.counters.compactions++;
    this.blocks.exchange(
      folder,
      [merged],
      sources.map(({ block }) => block),
    );
  }

  private async mergeColumns(
    sources: readonly Source[],
    series: readonly Labels[],
  ): Promise<readonly Float64Array[]> {
    await yieldToEventLoop();
    const wantedKeys = new Set(series.map(({ key }) => key));
    const parts: { labels: readonly Labels[]; rows: PieceRows }[] = [];
    for (const { block, directory } of sources) {
      const wanted = [...directory.series.keys()].filter((column) =>
        wantedKeys.has((directory.series[column] as Labels).key),
      );
      const columns = await this.blocks.reader.columns(block, wanted);
      const labels = wanted.map((column) => directory.series[column] as Labels);
      parts.push({ labels, rows: { timestamps: directory.timestamps, columns } });
    }
    const rows: MergedRows = mergePieces(parts);
    const byKey = new Map(rows.series.map(({ labels, values }) => [labels.key, values]));
    return series.map(({ key }) => byKey.get(key) as Float64Array);
  }
}

function timesOnly({ timestamps }: BlockDirectory): { labels: readonly Labels[]; rows: PieceRows } {
  return { labels: [], rows: { timestamps, columns: [] } };
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
