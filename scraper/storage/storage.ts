import path from "node:path";
import { isSegmentLost, Journal } from "../../exporter/shared/journal/journal.js";
import { listSegments, type Segment } from "../../exporter/shared/journal/segment.js";
import { codeOf, messageOf } from "../../exporter/shared/model/errors.js";
import type { Labels } from "../../exporter/shared/model/labels.js";
import type { TimeRange } from "../../exporter/shared/model/time-range.js";
import type { Clock } from "../../exporter/shared/platform/clock.js";
import type { Files } from "../../exporter/shared/platform/files.js";
import type { Logger } from "../../exporter/shared/platform/logger.js";
import { CHUNK_PREFIX, ChunkLog } from "./chunk-log.js";
import { DefinitionWriter } from "./definition-writer.js";
import { FolderLock } from "./folder-lock.js";
import { Head } from "./head.js";
import { HeadMaintenance } from "./head-maintenance.js";
import type { LabelMatcher } from "./label-matcher.js";
import { LayoutRegistry } from "./layout-registry.js";
import type { Querier, SelectedTable } from "./querier.js";
import { Recovery } from "./recovery.js";
import type { Layout, SampleWriter, TableKey, TableWriter } from "./sample-writer.js";
import { StorageCounters } from "./storage-counters.js";
import { FolderLockedError } from "./storage-errors.js";
import { describeMetrics, type StorageMetric } from "./storage-metrics.js";
import { StorageQuerier } from "./storage-querier.js";
import type { StorageSettings } from "./storage-settings.js";
import { describeHead, type StorageStats } from "./storage-stats.js";

const JOURNAL_FOLDER = "journal";
const ROW_PREFIX = "journal";
/** Bytes of rows, and of chunks, that may wait while the disk refuses them. */
const MAX_PENDING_BYTES = 64 * 1024 * 1024;
/** Bytes of rows that make a group commit before its time. */
const EARLY_COMMIT_BYTES = 4 * 1024 * 1024;
const MAINTENANCE_INTERVAL_MS = 30_000;

export interface StorageParts {
  /** The data folder; made when missing. */
  readonly folder: string;
  readonly files: Files;
  readonly clock: Clock;
  readonly log: Logger;
  readonly settings: StorageSettings;
}

/** All samples of the fleet: a journal and the newest rows in memory, everything else in files per host. */
export class Storage implements SampleWriter, Querier {
  private readonly stopping = new AbortController();
  private loops: Promise<void>[] = [];
  private writeFailing = false;
  private earlyCommit: Promise<void> | undefined;

  private constructor(
    private readonly parts: StorageParts,
    private readonly lock: FolderLock | undefined,
    private readonly registry: LayoutRegistry,
    private readonly head: Head,
    private readonly rowLog: Journal,
    private readonly chunkLog: ChunkLog,
    private readonly maintenance: HeadMaintenance,
    private readonly querier: StorageQuerier,
    private readonly counters: StorageCounters,
  ) {}

  /**
   * Opens the data folder and reads what an earlier run left. Damage is logged and counted, never thrown.
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
    const newestInBlocksMs = (): number => Number.NEGATIVE_INFINITY;
    let commitSoon = (): void => undefined; // Until the storage is there to commit.
    const onRow = (): void => {
      if (rowLog.pendingBytes >= EARLY_COMMIT_BYTES) commitSoon();
    };
    const head = new Head({
      registry, rowLog, rowDefinitions, chunkLog, counters, oldestAllowedMs, newestInBlocksMs, onRow,
    });
    const recovery = new Recovery({ files, log, head, registry, counters });
    await recovery.readChunks(chunkSegments);
    await recovery.readRows(rowSegments);
    const maintenance = new HeadMaintenance({ head, rowLog, chunkLog, registry, clock, rowDefinitions, rowSegments });
    const onUnreadable = (error: unknown): void => {
      counters.damagedReads++;
      log.error("Stored samples cannot be read", { error: messageOf(error) });
    };
    const blocks = { plan: () => () => Promise.resolve([]) };
    const querier = new StorageQuerier({ head, registry, chunkLog, blocks, onUnreadable });
    const storage = new Storage(parts, lock, registry, head, rowLog, chunkLog, maintenance, querier, counters);
    commitSoon = () => storage.commitEarly();
    return storage;
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
      repeat(MAINTENANCE_INTERVAL_MS, () => this.maintain()),
    ];
  }

  /** Ends the loops, commits everything and closes. What the disk refuses now is lost, and reported. */
  async stop(): Promise<void> {
    this.stopping.abort(new Error("Storage stopped"));
    await Promise.all(this.loops);
    await this.earlyCommit;
    await this.commitOrReport();
    for (const closing of [this.rowLog, this.chunkLog.journal, this.chunkLog]) {
      try {
        await closing.close();
      } catch (error) {
        this.parts.log.error("Storage cannot close a file", { error: messageOf(error) });
      }
    }
    await this.lock?.release();
  }

  internLayout(series: readonly Labels[]): Layout {
    return this.registry.intern(series);
  }

  openTable(key: TableKey): TableWriter {
    return this.head.openTable(key);
  }

  async commit(): Promise<void> {
    await Promise.all([this.commitRows(), this.chunkLog.commit()]);
    this.counters.commits++;
  }

  select(matchers: readonly LabelMatcher[], range: TimeRange): Promise<SelectedTable[]> {
    return this.querier.select(matchers, range);
  }

  series(matcherSets: readonly (readonly LabelMatcher[])[], range: TimeRange): Promise<Labels[]> {
    return this.querier.series(matcherSets, range);
  }

  labelNames(matcherSets: readonly (readonly LabelMatcher[])[], range: TimeRange): Promise<string[]> {
    return this.querier.labelNames(matcherSets, range);
  }

  labelValues(name: string, matcherSets: readonly (readonly LabelMatcher[])[], range: TimeRange): Promise<string[]> {
    return this.querier.labelValues(name, matcherSets, range);
  }

  metrics(): StorageMetric[] {
    const tables = [...this.head.tables.values()];
    const sum = (of: (table: (typeof tables)[number]) => number): number =>
      tables.reduce((total, table) => total + of(table), 0);
    return describeMetrics(this.counters, {
      tables: tables.length,
      headSeries: sum(({ streams }) => streams.main.window?.columns.length ?? 0),
      layouts: this.registry.layoutCount,
      labelSets: this.registry.seriesCount,
      pendingBytes: this.rowLog.pendingBytes + this.chunkLog.journal.pendingBytes,
      undurableChunkBytes: this.chunkLog.undurableBytes,
      chunks: sum(({ streams }) => streams.main.chunks.length + streams.late.chunks.length),
      writeFailing: this.writeFailing,
      blocks: 0,
      blockBytes: 0,
    });
  }

  /** What `/api/v1/status/tsdb` tells. */
  stats(limit = 10): StorageStats {
    return describeHead(this.head, limit);
  }

  /** Deletes all samples of `hosts/<ip>` or another folder of tables. */
  async deleteHost(folder: string): Promise<void> {
    await this.head.deleteFolder(folder);
  }

  /** For bursts such as backfill, which would fill the memory before the next regular commit. */
  private commitEarly(): void {
    if (this.writeFailing) return;
    this.earlyCommit ??= this.commitOrReport().finally(() => (this.earlyCommit = undefined));
  }

  private async commitRows(): Promise<void> {
    try {
      await this.rowLog.commit();
    } catch (error) {
      // What that segment held is still in memory, and becomes durable as chunks.
      if (isSegmentLost(error)) {
        await this.rowLog.abandon();
        this.maintenance.sealEverything();
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
      this.counters.failedCommits++;
      if (!this.writeFailing) {
        this.parts.log.error("Storage cannot write, samples stay in memory and are tried again", {
          error: messageOf(error),
          code: codeOf(error),
        });
      }
      this.writeFailing = true;
    }
  }

  private async maintain(): Promise<void> {
    try {
      await this.maintenance.run();
    } catch (error) {
      this.parts.log.warn("Storage maintenance did not finish, it is tried again", { error: messageOf(error) });
    }
  }
}

function newJournal(files: Files, folder: string, prefix: string, existing: readonly Segment[]): Journal {
  const firstSequence = (existing.at(-1)?.sequence ?? 0) + 1;
  return new Journal({ files, folder, prefix, maxPendingBytes: MAX_PENDING_BYTES, firstSequence });
}

async function makeFolderIfPossible(files: Files, folder: string): Promise<void> {
  try {
    await files.makeFolder(folder);
  } catch (error) {
    // A full or read-only disk must not keep the program from watching; what is stored can still be read.
    if ((await files.facts(folder)) === undefined) throw error;
  }
}

async function lockIfPossible(files: Files, folder: string, log: Logger): Promise<FolderLock | undefined> {
  try {
    return await FolderLock.acquire(files, folder);
  } catch (error) {
    if (error instanceof FolderLockedError) throw error;
    log.warn("Data folder cannot be locked", { folder, error: messageOf(error) });
    return undefined;
  }
}

async function segmentsIn(files: Files, folder: string, prefix: string, log: Logger): Promise<Segment[]> {
  try {
    return await listSegments(files, folder, prefix);
  } catch (error) {
    log.error("Journal folder cannot be listed", { folder, error: messageOf(error) });
    return [];
  }
}
