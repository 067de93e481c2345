import path from "node:path";
import type { Segment } from "../../exporter/shared/journal/segment.js";
import { messageOf } from "../../exporter/shared/model/errors.js";
import type { Clock } from "../../exporter/shared/platform/clock.js";
import type { FolderLock } from "../../exporter/shared/platform/folder-lock.js";
import { setStateAside } from "../../exporter/shared/platform/state-file.js";
import { BlockFinder } from "./blocks/block-finder.js";
import { BlockImport } from "./blocks/block-import.js";
import { BlockStore } from "./blocks/block-store.js";
import { Compaction, levelsOf } from "./blocks/compaction.js";
import { HeadCutter } from "./blocks/head-cutter.js";
import { Retention } from "./blocks/retention.js";
import { DefinitionWriter } from "./codec/definition-writer.js";
import { AreaPool } from "./head/area-pool.js";
import { ChunkLog } from "./head/chunk-log.js";
import { GroupCommits } from "./head/group-commits.js";
import { HeadMaintenance } from "./head/head-maintenance.js";
import { Head } from "./head/head.js";
import { Recovery } from "./head/recovery.js";
import { RowLog } from "./head/row-log.js";
import {
  CHUNK_PREFIX,
  type DataFolder,
  journalFolderOf,
  type OpenedJournal,
  openJournal,
  prepareDataFolder,
  ROW_PREFIX,
} from "./model/data-folder.js";
import { Inventory, INVENTORY_FILE, readInventory } from "./model/inventory.js";
import { LayoutRegistry } from "./model/layout-registry.js";
import { StorageCounters } from "./model/storage-counters.js";
import { DEFAULT_WAITING_BYTES, type StorageSettings } from "./model/storage-settings.js";
import { InventoryCheck } from "./inventory-check.js";
import { ColumnCache } from "./query/column-cache.js";
import { StorageQuerier } from "./query/storage-querier.js";
import { TargetLabelCache } from "./selection/target-labels.js";

/** Share of `storage.query_cache` for columns; label sets get the rest. */
const COLUMNS_SHARE = 7 / 8;
/** Records of each journal that may wait for the disk, as a share of the chunks that may wait. */
const PENDING_SHARE = 1 / 4;
/** Longest stay of rows in the head, in durations of a block. */
const LONGEST_IN_HEAD = 1.5;

export interface StorageOptions extends DataFolder {
  readonly clock: Clock;
  readonly settings: StorageSettings;
}

/** The parts of an open storage. */
export interface StorageParts {
  readonly lock: FolderLock | undefined;
  readonly registry: LayoutRegistry;
  readonly counters: StorageCounters;
  readonly head: Head;
  readonly rowLog: RowLog;
  readonly chunkLog: ChunkLog;
  readonly commits: GroupCommits;
  readonly maintenance: HeadMaintenance;
  readonly blocks: BlockStore;
  readonly cutter: HeadCutter;
  readonly compaction: Compaction;
  readonly blockImport: BlockImport;
  readonly retention: Retention;
  readonly querier: StorageQuerier;
}

/**
 * Locks the data folder, builds the parts of a storage, and fills the head from the journals of an
 * earlier run.
 *
 * @throws {FolderLockedError} when another process works on the folder
 */
export async function openParts(options: StorageOptions): Promise<StorageParts> {
  const { folder, files, log, clock, settings } = options;
  const { blockDurationMs, retentionMs, retentionBytes, queryCacheBytes } = settings;
  const lock = await prepareDataFolder(options);
  const counters = new StorageCounters();
  const registry = new LayoutRegistry();
  const cacheBytes = settings.blockCacheBytes;
  const state = await readInventory(files, folder);
  if (state.kind === "unreadable") {
    const filePath = path.join(folder, INVENTORY_FILE);
    const effect = "it is made anew from the files that are there, missing ones are not noticed";
    await setStateAside({ files, filePath, log, effect }, state.error);
  }
  const inventory = new Inventory({ files, folder, log });
  const blocks = await BlockStore.open({
    files,
    log,
    dataFolder: folder,
    counters,
    inventory,
    cacheBytes,
  });
  const check = new InventoryCheck(options, state, clock.wallMs(), counters);
  const pendingBytes = waitingBytesOf(settings) * PENDING_SHARE;
  const journals = {
    rows: await openJournal(options, ROW_PREFIX, inventory, check.listed, pendingBytes),
    chunks: await openJournal(options, CHUNK_PREFIX, inventory, check.listed, pendingBytes),
  };
  const segments = [...journals.rows.segments, ...journals.chunks.segments];
  await check.run(blocks, segments);
  const isComplete = (segment: Segment): boolean => check.isComplete(segment);
  const headParts = await openHead(options, { registry, counters, blocks, journals, isComplete });
  await check.finish(inventory, blocks, segments);
  const { head, chunkLog } = headParts;
  const onUnreadable = (error: unknown): void => {
    counters.damagedReads++;
    log.error("Cannot read stored samples", { error: messageOf(error) });
  };
  const finder = new BlockFinder(blocks);
  const cache = new ColumnCache(queryCacheBytes * COLUMNS_SHARE);
  const targetLabels = new TargetLabelCache(queryCacheBytes * (1 - COLUMNS_SHARE));
  const cutter = new HeadCutter({
    head,
    chunkLog,
    blocks,
    counters,
    blockDurationMs,
    onUnreadable,
  });
  return {
    lock,
    registry,
    counters,
    ...headParts,
    blocks,
    cutter,
    blockImport: new BlockImport({
      head,
      blocks,
      cutter,
      counters,
      commit: () => headParts.commits.commit(),
      spanMs: levelsOf(settings).at(-1) ?? blockDurationMs,
    }),
    compaction: new Compaction(blocks, counters, settings),
    retention: new Retention({ blocks, clock, log, counters, retentionMs, retentionBytes }),
    querier: new StorageQuerier({
      head,
      registry,
      chunkLog,
      blocks: finder,
      cache,
      targetLabels,
      onUnreadable,
    }),
  };
}

const waitingBytesOf = ({ waitingBytes = DEFAULT_WAITING_BYTES }: StorageSettings): number =>
  waitingBytes;

type HeadParts = Pick<StorageParts, "head" | "rowLog" | "chunkLog" | "commits" | "maintenance">;

interface HeadSources extends Pick<StorageParts, "registry" | "counters" | "blocks"> {
  readonly journals: Readonly<Record<"rows" | "chunks", OpenedJournal>>;
  readonly isComplete: (segment: Segment) => boolean;
}

async function openHead(
  options: StorageOptions,
  { registry, counters, blocks, journals, isComplete }: HeadSources,
): Promise<HeadParts> {
  const { files, log, clock, settings } = options;
  const { journal, segments: rowSegments } = journals.rows;
  const { chunks } = journals;
  const rowLog = new RowLog({
    journal,
    definitions: new DefinitionWriter(journal, registry),
    onBacklog: () => commits.startEarly(),
  });
  const chunkLog = new ChunkLog({
    files,
    folder: journalFolderOf(options),
    journal: chunks.journal,
    definitions: new DefinitionWriter(chunks.journal, registry),
  });
  const head = new Head({
    registry,
    areas: new AreaPool(),
    rowLog,
    chunkLog,
    counters,
    maxUndurableBytes: waitingBytesOf(settings),
    oldestAllowedMs: () => clock.wallMs() - settings.retentionMs,
    newestInBlocksMs: (folder) => blocks.newestMs(folder),
  });
  const { commitIntervalMs, syncIntervalMs } = settings;
  const roundsPerSync = Math.ceil(syncIntervalMs / commitIntervalMs);
  const commits = new GroupCommits({ head, rowLog, chunkLog, counters, log, roundsPerSync });
  const recovery = new Recovery({ files, log, head, registry, counters, isComplete });
  await recovery.readChunks(chunks.segments);
  rowLog.journal.startAfter(recovery.lastRowSegment);
  await recovery.readRows(rowSegments);
  rowLog.endReplay();
  const maintenance = new HeadMaintenance({
    head,
    rowLog,
    chunkLog,
    registry,
    clock,
    rowSegments,
    chunkSegments: chunks.segments,
    longestInHeadMs: LONGEST_IN_HEAD * settings.blockDurationMs,
  });
  return { head, rowLog, chunkLog, commits, maintenance };
}
