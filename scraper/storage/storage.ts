import { messageOf } from "../../exporter/shared/model/errors.js";
import type { TimeSlices } from "../../exporter/shared/platform/time-slices.js";
import type { Labels } from "../../exporter/shared/model/labels.js";
import type { MetricsSource, Sample } from "../../exporter/shared/model/metric.js";
import type { PausePoints } from "../base/paced-sort.js";
import type { BlockImport } from "./blocks/block-import.js";
import type { Querier } from "./model/querier.js";
import type { Layout, SampleWriter, TableKey, TableWriter } from "./model/sample-writer.js";
import { STORAGE_METRICS, storageSamples } from "./model/storage-metrics.js";
import { type SnapshotOptions, Snapshots } from "./snapshot.js";
import { openParts, type StorageOptions, type StorageParts } from "./storage-parts.js";
import { describeHead, gaugesOf, type StorageStats } from "./storage-stats.js";

const MAINTENANCE_INTERVAL_MS = 30_000;
const BLOCK_INTERVAL_MS = 60_000;

/**
 * All samples of the fleet.
 *
 * Rows come in from scrapes, rules and backfill: `internLayout`, `openTable`, `TableWriter.append`.
 * Samples go out to PromQL and backfill through `querier`. Callers run on their own loops. Three
 * loops of the storage run beside them, from `start` to `stop`: group commits to the journals, upkeep
 * of the journals, and the way from the head to blocks, merged blocks and retention.
 */
export class Storage implements SampleWriter, MetricsSource {
  readonly metrics = Object.values(STORAGE_METRICS);
  private readonly stopping = new AbortController();
  private readonly snapshots: Snapshots;
  private loops: Promise<void>[] = [];

  private constructor(
    private readonly options: StorageOptions,
    private readonly parts: StorageParts,
  ) {
    const { files, folder } = options;
    this.snapshots = new Snapshots({ files, dataFolder: folder, blocks: parts.blocks });
  }

  /**
   * Opens the data folder and reads what an earlier run left there. Damage is logged and counted,
   * never thrown.
   *
   * @throws {FolderLockedError} when another process works on the folder
   */
  static async open(options: StorageOptions): Promise<Storage> {
    return new Storage(options, await openParts(options));
  }

  /** The data folder. */
  get folder(): string {
    return this.options.folder;
  }

  /** Writes samples of the past straight to blocks. */
  get blockImport(): BlockImport {
    return this.parts.blockImport;
  }

  get querier(): Querier {
    return this.parts.querier;
  }

  /** Starts group commits and maintenance in the background. */
  start(): void {
    const { commitIntervalMs } = this.options.settings;
    this.loops = [
      this.repeat(commitIntervalMs, () => this.parts.commits.advance()),
      this.repeat(MAINTENANCE_INTERVAL_MS, () =>
        this.tryTo("maintain journals", () => this.maintainJournal()),
      ),
      this.repeat(BLOCK_INTERVAL_MS, () =>
        this.tryTo("maintain blocks", () => this.maintainBlocks()),
      ),
    ];
  }

  /** Ends the loops, commits everything and closes. Samples that the disk refuses now are lost. */
  async stop(): Promise<void> {
    this.stopping.abort(new Error("Storage stopped"));
    await Promise.all(this.loops);
    const { commits, rowLog, chunkLog, blocks, lock } = this.parts;
    await commits.settle();
    await commits.commitOrReport();
    for (const closing of [rowLog.journal, chunkLog.journal, chunkLog, blocks.reader]) {
      try {
        await closing.close();
      } catch (error) {
        this.options.log.error("Cannot close storage file", { error: messageOf(error) });
      }
    }
    await lock?.release();
  }

  internLayout(series: readonly Labels[]): Layout {
    return this.parts.registry.intern(series);
  }

  internLayoutInSlices(series: readonly Labels[], slices: TimeSlices): Promise<Layout> {
    return this.parts.registry.internInSlices(series, slices);
  }

  holdLayouts(): () => void {
    return this.parts.registry.hold();
  }

  openTable(key: TableKey): TableWriter {
    return this.parts.head.openTable(key);
  }

  commit(): Promise<void> {
    return this.parts.commits.commit();
  }

  readMetrics(): Sample[] {
    return storageSamples(this.parts.counters, gaugesOf(this.parts));
  }

  /** The answer of `/api/v1/status/tsdb`. */
  stats(limit: number, pace: PausePoints): Promise<StorageStats> {
    return describeHead(this.parts, limit, pace);
  }

  /** Deletes all samples of `hosts/<ip>` or another folder of tables. */
  async deleteHost(folder: string): Promise<void> {
    await this.parts.head.deleteFolder(folder);
    await this.parts.blocks.deleteFolder(folder);
  }

  /**
   * Keeps the journals short. A loop runs it every 30 s.
   *
   * @throws the system's error
   */
  async maintainJournal(): Promise<void> {
    await this.parts.maintenance.run();
  }

  /**
   * Moves rows that are due from the head to blocks, merges blocks, and deletes blocks beyond the
   * retention. A loop runs it every 60 s.
   *
   * @throws the system's error
   */
  async maintainBlocks(): Promise<void> {
    const { blocks, cutter, compaction, retention, maintenance } = this.parts;
    await blocks.removeRetired();
    await retention.run();
    await cutter.cutDue(maintenance.oldChunkSegment);
    await compaction.run();
  }

  /**
   * Copies all samples to another folder, which can be opened as a data folder.
   *
   * @param target outside the folders of tables, such as `<data>/snapshots/<name>`; made when missing
   * @returns the number of files copied
   * @throws {SnapshotBusyError} while another snapshot is made
   * @throws the system's error
   */
  snapshot(target: string, options: SnapshotOptions = { withHead: true }): Promise<number> {
    return this.snapshots.make(target, options, () => this.commit());
  }

  private async repeat(intervalMs: number, work: () => Promise<void>): Promise<void> {
    for (;;) {
      try {
        await this.options.clock.sleep(intervalMs, this.stopping.signal);
      } catch {
        return; // Stopped.
      }
      await work();
    }
  }

  private async tryTo(task: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.options.log.warn(`Cannot ${task}, the next run tries again`, {
        error: messageOf(error),
      });
    }
  }
}
