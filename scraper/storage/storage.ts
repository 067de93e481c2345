import type { OwnMetric } from "../../exporter/shared/model/own-metric.js";
import path from "node:path";
import { isSegmentLost, type Journal } from "../../exporter/shared/journal/journal.js";
import { codeOf, messageOf } from "../../exporter/shared/model/errors.js";
import type { Labels } from "../../exporter/shared/model/labels.js";
import type { TimeRange } from "../../exporter/shared/model/time-range.js";
import type { Clock } from "../../exporter/shared/platform/clock.js";
import type { Files } from "../../exporter/shared/platform/files.js";
import type { Logger } from "../../exporter/shared/platform/logger.js";
import { BlockStore } from "./blocks/block-store.js";
import { CHUNK_PREFIX, ChunkLog } from "./head/chunk-log.js";
import { ColumnCache } from "./query/column-cache.js";
import { Compaction } from "./blocks/compaction.js";
import {
  lockIfPossible,
  makeFolderIfPossible,
  newJournal,
  segmentsIn,
} from "./model/data-folder.js";
import { DefinitionWriter } from "./codec/definition-writer.js";
import type { FolderLock } from "../../exporter/shared/platform/folder-lock.js";
import { Head } from "./head/head.js";
import { HeadCutter } from "./blocks/head-cutter.js";
import { HeadMaintenance } from "./head/head-maintenance.js";
import { FullLabels } from "./selection/full-labels.js";
import type { LabelMatcher } from "./model/label-matcher.js";
import { LayoutRegistry } from "./model/layout-registry.js";
import type { Pace } from "./model/pace.js";
import type { MatcherSets, Querier, SelectedTable } from "./model/querier.js";
import { Recovery } from "./head/recovery.js";
import { Retention } from "./blocks/retention.js";
import type { Layout, SampleWriter, TableKey, TableWriter } from "./model/sample-writer.js";
import { StorageCounters } from "./model/storage-counters.js";
import { copyData, SnapshotBusyError, type SnapshotOptions } from "./snapshot.js";
import { describeMetrics } from "./model/storage-metrics.js";
import { StorageQuerier } from "./query/storage-querier.js";
import type { StorageSettings } from "./model/storage-settings.js";
import { describeHead, type StorageStats } from "./storage-stats.js";
import { seriesIn } from "./head/table.js";

const JOURNAL_FOLDER = "journal";
const ROW_PREFIX = "journal";
/** Bytes of rows that make a group commit before its time. */
const EARLY_COMMIT_BYTES = 4 * 1024 * 1024;
const MAINTENANCE_INTERVAL_MS = 30_000;
const BLOCK_INTERVAL_MS = 60_000;
/** Of the cache for queries; the rest is for label sets. */
const COLUMNS_SHARE = 7 / 8;

export interface StorageParts {
  /** The data folder; made when missing. */
  readonly folder: string;
  readonly files: Files;
  readonly clock: Clock;
  readonly log: Logger;
  readonly settings: StorageSettings;
}

/** The parts of an open storage. */
interface Rooms {
  readonly lock: FolderLock | undefined;
  readonly registry: LayoutRegistry;
  readonly head: Head;
  readonly rowLog: Journal;
  readonly chunkLog: ChunkLog;
  readonly maintenance: HeadMaintenance;
  readonly querier: StorageQuerier;
  readonly counters: StorageCounters;
  readonly blocks: BlockStore;
  readonly cutter: HeadCutter;
  readonly compaction: Compaction;
  readonly retention: Retention;
}

/**
 * All samples of the fleet: a journal and the newest rows in memory, everything else in files per
 * host.
 */
export class Storage implements SampleWriter, Querier {
  private readonly stopping = new AbortController();
  private loops: Promise<void>[] = [];
  private writeFailing = false;
  private isSnapshotting = false;
  private earlyCommit: Promise<void> | undefined;

  private constructor(
    private readonly parts: StorageParts,
    private readonly rooms: Rooms,
  ) {}

  /**
   * Opens the data folder and reads what an earlier run left. Damage is logged and counted, never
   * thrown.
   *
   * @throws {FolderLockedError} when another process works on the folder
   */
  static async open(parts: StorageParts): Promise<Storage> {
    const { folder, files, log, clock, settings } = parts;
    const journalFolder = path.join(folder, JOURNAL_FOLDER);
    await makeFolderIfPossible(files, journalFolder);
    const lock = await lockIfPossible(files, folder, log);
    const counters = new StorageCounters();
    const registry = new LayoutRegistry();
    const rowSegments = await segmentsIn(files, journalFolder, ROW_PREFIX, log);
    const chunkSegments = await segmentsIn(files, journalFolder, CHUNK_PREFIX, log);
    const rowLog = newJournal(files, journalFolder, ROW_PREFIX, rowSegments);
    const chunkJournal = newJournal(files, journalFolder, CHUNK_PREFIX, chunkSegments);
    const rowDefinitions = new DefinitionWriter(rowLog, registry);
    const chunkDefinitions = new DefinitionWriter(chunkJournal, registry);
    const chunkLog = new ChunkLog(files, journalFolder, chunkJournal, chunkDefinitions);
    const oldestAllowedMs = (): number => clock.wallMs() - settings.retentionMs;
    const blocks = await BlockStore.open({ files, log, dataFolder: folder, counters });
    const newestInBlocksMs = (tableFolder: string): number => blocks.newestMs(tableFolder);
    let commitSoon = (): void => undefined; // Until the storage is there to commit.
    const onRow = (): void => {
      if (rowLog.pendingBytes >= EARLY_COMMIT_BYTES) commitSoon();
    };
    const head = new Head({
      registry,
      rowLog,
      rowDefinitions,
      chunkLog,
      counters,
      oldestAllowedMs,
      newestInBlocksMs,
      onRow,
    });
    const recovery = new Recovery({ files, log, head, registry, counters });
    await recovery.readChunks(chunkSegments);
    await recovery.readRows(rowSegments);
    const longestInHeadMs = 1.5 * settings.blockDurationMs;
    const maintenance = new HeadMaintenance({
      head,
      rowLog,
      chunkLog,
      registry,
      clock,
      rowDefinitions,
      rowSegments,
      chunkSegments,
      longestInHeadMs,
    });
    const onUnreadable = (error: unknown): void => {
      counters.damagedReads++;
      log.error("Stored samples cannot be read", { error: messageOf(error) });
    };
    const { blockDurationMs, retentionMs, retentionBytes } = settings;
    const cutter = new HeadCutter({
      head,
      chunkLog,
      blocks,
      counters,
      blockDurationMs,
      onUnreadable,
    });
    const compaction = new Compaction(blocks, counters, settings);
    const retention = new Retention({ blocks, clock, log, counters, retentionMs, retentionBytes });
    const cache = new ColumnCache(settings.queryCacheBytes * COLUMNS_SHARE);
    const fullLabels = new FullLabels(settings.queryCacheBytes * (1 - COLUMNS_SHARE));
    const querier = new StorageQuerier({
      head,
      registry,
      chunkLog,
      blocks,
      cache,
      fullLabels,
      onUnreadable,
    });
    const storage = new Storage(parts, {
      lock,
      registry,
      head,
      rowLog,
      chunkLog,
      maintenance,
      querier,
      counters,
      blocks,
      cutter,
      compaction,
      retention,
    });
    commitSoon = () => storage.commitEarly();
    return storage;
  }

  /** The data folder. */
  get folder(): string {
    return this.parts.folder;
  }

  /** Begins group commits and maintenance in the background. */
  start(): void {
    const { clock, settings } = this.parts;
    const repeat = async (intervalMs: number, work: () => Promise<void>): Promise<void> => {
      for (;;) {
        try {
          await clock.sleep(intervalMs, this.stopping.signal);
        } catch {
          return; // Stopped.
        }
        await work();
      }
    };
    this.loops = [
      repeat(settings.commitIntervalMs, () => this.commitOrReport()),
      repeat(MAINTENANCE_INTERVAL_MS, () => this.attempt("journal", () => this.maintainJournal())),
      repeat(BLOCK_INTERVAL_MS, () => this.attempt("blocks", () => this.maintainBlocks())),
    ];
  }

  /**
   * Ends the loops, commits everything and closes. What the disk refuses now is lost, and reported.
   */
  async stop(): Promise<void> {
    this.stopping.abort(new Error("Storage stopped"));
    await Promise.all(this.loops);
    await this.earlyCommit;
    await this.commitOrReport();
    const { rowLog, chunkLog, blocks } = this.rooms;
    for (const closing of [rowLog, chunkLog.journal, chunkLog, blocks.reader]) {
      try {
        await closing.close();
      } catch (error) {
        this.parts.log.error("Storage cannot close a file", { error: messageOf(error) });
      }
    }
    await this.rooms.lock?.release();
  }

  internLayout(series: readonly Labels[]): Layout {
    return this.rooms.registry.intern(series);
  }

  openTable(key: TableKey): TableWriter {
    return this.rooms.head.openTable(key);
  }

  async commit(): Promise<void> {
    await Promise.all([this.commitRows(), this.commitChunks()]);
    this.rooms.counters.commits++;
  }

  select(
    matchers: readonly LabelMatcher[],
    range: TimeRange,
    pace?: Pace,
  ): Promise<SelectedTable[]> {
    return this.rooms.querier.select(matchers, range, pace);
  }

  series(matcherSets: MatcherSets, range: TimeRange, pace?: Pace): Promise<Labels[]> {
    return this.rooms.querier.series(matcherSets, range, pace);
  }

  labelNames(matcherSets: MatcherSets, range: TimeRange, pace?: Pace): Promise<string[]> {
    return this.rooms.querier.labelNames(matcherSets, range, pace);
  }

  labelValues(
    name: string,
    matcherSets: MatcherSets,
    range: TimeRange,
    pace?: Pace,
  ): Promise<string[]> {
    return this.rooms.querier.labelValues(name, matcherSets, range, pace);
  }

  metrics(): OwnMetric[] {
    const tables = [...this.rooms.head.tables.values()];
    const blocks = this.rooms.blocks.all();
    const sum = (of: (table: (typeof tables)[number]) => number): number =>
      tables.reduce((total, table) => total + of(table), 0);
    return describeMetrics(this.rooms.counters, {
      tables: tables.length,
      headSeries: sum(({ streams }) => seriesIn(streams.main)),
      layouts: this.rooms.registry.layoutCount,
      labelSets: this.rooms.registry.seriesCount,
      pendingBytes: this.rooms.rowLog.pendingBytes + this.rooms.chunkLog.journal.pendingBytes,
      undurableChunkBytes: this.rooms.chunkLog.undurableBytes,
      chunks: sum(({ streams }) => streams.main.chunks.length + streams.late.chunks.length),
      writeFailing: this.writeFailing,
      blocks: blocks.length,
      blockBytes: blocks.reduce((total, { sizeBytes }) => total + (sizeBytes ?? 0), 0),
      cachedBlockBytes: this.rooms.blocks.reader.sizeBytes,
      openBlockFiles: this.rooms.blocks.reader.openCount,
      ...this.rooms.querier.cacheFacts(),
    });
  }

  /** What `/api/v1/status/tsdb` tells. */
  stats(limit = 10): StorageStats {
    return describeHead(this.rooms.head, limit);
  }

  /** Deletes all samples of `hosts/<ip>` or another folder of tables. */
  async deleteHost(folder: string): Promise<void> {
    await this.rooms.head.deleteFolder(folder);
    await this.rooms.blocks.deleteFolder(folder);
  }

  /**
   * Keeps the journal short; one of the loops that `start` begins.
   *
   * @throws the system's error
   */
  async maintainJournal(): Promise<void> {
    await this.rooms.maintenance.run();
  }

  /**
   * Moves what is due from the head to blocks, merges blocks, deletes what is beyond the retention;
   * one of the loops that `start` begins.
   *
   * @throws the system's error
   */
  async maintainBlocks(): Promise<void> {
    const { blocks, cutter, compaction, retention, maintenance } = this.rooms;
    await blocks.removeRetired();
    await retention.run();
    await cutter.cutDue(maintenance.oldChunkSegment);
    await compaction.run();
  }

  /** For bursts such as backfill, which would fill the memory before the next regular commit. */
  private commitEarly(): void {
    if (this.writeFailing) return;
    this.earlyCommit ??= this.commitOrReport().finally(() => (this.earlyCommit = undefined));
  }

  /**
   * Copies all samples to another folder, which can be opened as a data folder.
   *
   * @param target outside of the folders of tables, such as `<data>/snapshots/<name>`; made when
   *   missing
   * @returns the number of files copied
   * @throws {SnapshotBusyError} while another one is made; the system's error
   */
  async snapshot(target: string, options: SnapshotOptions = { withHead: true }): Promise<number> {
    if (this.isSnapshotting) throw new SnapshotBusyError();
    this.isSnapshotting = true;
    try {
      await this.commit();
      const { files, folder } = this.parts;
      return await copyData(
        { files, dataFolder: folder, blocks: this.rooms.blocks },
        target,
        options,
      );
    } finally {
      this.isSnapshotting = false;
    }
  }

  private async commitRows(): Promise<void> {
    try {
      await this.rooms.rowLog.commit();
    } catch (error) {
      // What that segment held is still in memory, and becomes durable as chunks.
      if (isSegmentLost(error)) {
        await this.rooms.rowLog.abandon();
        this.rooms.head.sealEverything();
      }
      throw error;
    }
  }

  private async commitChunks(): Promise<void> {
    const { chunkLog, head } = this.rooms;
    const { sequence } = chunkLog.journal;
    try {
      await chunkLog.commit();
    } catch (error) {
      if (isSegmentLost(error)) {
        await chunkLog.journal.abandon();
        chunkLog.rewriteWaiting();
        head.sealAgain(sequence);
      }
      throw error;
    }
  }

  private async commitOrReport(): Promise<void> {
    try {
      await this.commit();
      if (this.writeFailing) this.parts.log.info("Storage writes again");
      this.writeFailing = false;
    } catch (error) {
      this.rooms.counters.failedCommits++;
      if (!this.writeFailing) {
        this.parts.log.error("Storage cannot write, samples stay in memory and are tried again", {
          error: messageOf(error),
          code: codeOf(error),
        });
      }
      this.writeFailing = true;
    }
  }

  private async attempt(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.parts.log.warn("Storage work did not finish, it is tried again", {
        what,
        error: messageOf(error),
      });
    }
  }
}
