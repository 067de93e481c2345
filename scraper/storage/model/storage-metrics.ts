import { counter, gauge, type Sample } from "../../../exporter/shared/model/metric.js";
import type { StorageCounters } from "./storage-counters.js";

/** The state of the storage at one moment, beside what is counted. */
export interface StorageGauges {
  readonly tables: number;
  readonly headSeries: number;
  readonly layouts: number;
  readonly labelSets: number;
  readonly pendingBytes: number;
  readonly undurableChunkBytes: number;
  readonly chunks: number;
  readonly writeFailing: boolean;
  readonly blocks: number;
  readonly blockBytes: number;
  readonly cachedColumnBytes: number;
  readonly cachedBlockBytes: number;
  readonly openBlockFiles: number;
  readonly cacheHits: number;
  readonly cacheMisses: number;
}

export const STORAGE_METRICS = {
  samplesAppended: counter({
    name: "pihealth_storage_samples_appended_total",
    help: "Samples appended.",
  }),
  rowsAppended: counter({ name: "pihealth_storage_rows_appended_total", help: "Rows appended." }),
  rowsLate: counter({
    name: "pihealth_storage_rows_late_total",
    help: "Rows appended that were not newer than the newest row of their table.",
  }),
  rowsTooOld: counter({
    name: "pihealth_storage_rows_too_old_total",
    help: "Rows rejected because they were older than the retention.",
  }),
  rowsUnjournaled: counter({
    name: "pihealth_storage_rows_unjournaled_total",
    help: "Rows not journaled because too many bytes were waiting for the disk.",
  }),
  samplesDropped: counter({
    name: "pihealth_storage_samples_dropped_total",
    help: "Samples dropped from memory because the disk rejected writes for too long.",
  }),
  commits: counter({
    name: "pihealth_storage_commits_total",
    help: "Group commits of the journal.",
  }),
  commitsFailed: counter({
    name: "pihealth_storage_commits_failed_total",
    help: "Group commits that failed and will be retried.",
  }),
  chunksSealed: counter({
    name: "pihealth_storage_chunks_sealed_total",
    help: "Chunks compressed from rows of the head.",
  }),
  filesMissing: counter({
    name: "pihealth_storage_files_missing_total",
    help: "Blocks and journal segments found missing at the start.",
  }),
  filesResized: counter({
    name: "pihealth_storage_files_resized_total",
    help: "Blocks and journal segments found at the start with another size than when they were written.",
  }),
  damagedRecords: counter({
    name: "pihealth_storage_damaged_records_total",
    help: "Damaged journal records or ranges skipped at the start.",
  }),
  tornTails: counter({
    name: "pihealth_storage_torn_tails_total",
    help: "Journal segments with a torn last record at the start.",
  }),
  damagedReads: counter({
    name: "pihealth_storage_damaged_reads_total",
    help: "Unreadable parts left out of query results.",
  }),
  blocksWritten: counter({
    name: "pihealth_storage_blocks_written_total",
    help: "Blocks written from the head.",
  }),
  blocksFailed: counter({
    name: "pihealth_storage_blocks_failed_total",
    help: "Block writes that failed and will be retried.",
  }),
  compactions: counter({
    name: "pihealth_storage_compactions_total",
    help: "Merges of blocks into larger ones.",
  }),
  blocksDeleted: counter({
    name: "pihealth_storage_blocks_deleted_total",
    help: "Blocks deleted by the retention.",
  }),
  blocksDamaged: counter({
    name: "pihealth_storage_blocks_damaged_total",
    help: "Blocks set aside because they are unreadable.",
  }),
  tables: gauge({
    name: "pihealth_storage_tables",
    help: "Tables, one for each target and each rule group.",
  }),
  headSeries: gauge({
    name: "pihealth_storage_head_series",
    help: "Series with samples in memory.",
  }),
  layouts: gauge({
    name: "pihealth_storage_layouts",
    help: "Row layouts in memory, each shared by all tables that use it.",
  }),
  labelSets: gauge({
    name: "pihealth_storage_label_sets",
    help: "Label sets in memory, each shared by all layouts that use it.",
  }),
  pendingBytes: gauge({
    name: "pihealth_storage_pending_bytes",
    help: "Journal bytes waiting for the next group commit.",
  }),
  undurableChunkBytes: gauge({
    name: "pihealth_storage_undurable_chunk_bytes",
    help: "Bytes of chunks that are in memory only.",
  }),
  headChunks: gauge({
    name: "pihealth_storage_head_chunks",
    help: "Chunks that are not in a block yet.",
  }),
  writeFailing: gauge({
    name: "pihealth_storage_write_failing",
    help: "1 while group commits fail, else 0.",
  }),
  blocks: gauge({ name: "pihealth_storage_blocks", help: "Blocks on disk." }),
  blocksBytes: gauge({
    name: "pihealth_storage_blocks_bytes",
    help: "Size of the blocks on disk in bytes.",
  }),
  queryCacheBytes: gauge({
    name: "pihealth_storage_query_cache_bytes",
    help: "Memory of decoded columns and label sets kept for later queries, limited by storage.query_cache, in bytes.",
  }),
  queryCacheHits: counter({
    name: "pihealth_storage_query_cache_hits_total",
    help: "Columns that a query found at least partly decoded in the cache.",
  }),
  queryCacheMisses: counter({
    name: "pihealth_storage_query_cache_misses_total",
    help: "Columns that a query had to decode.",
  }),
  blockCacheBytes: gauge({
    name: "pihealth_storage_block_cache_bytes",
    help: "Memory of block directories and compressed columns kept for later queries, in bytes.",
  }),
  blockFilesOpen: gauge({
    name: "pihealth_storage_block_files_open",
    help: "Block files open for reading.",
  }),
};

export function storageSamples(counted: StorageCounters, now: StorageGauges): Sample[] {
  const metrics = STORAGE_METRICS;
  return [
    metrics.samplesAppended.sample(counted.appendedSamples),
    metrics.rowsAppended.sample(counted.appendedRows),
    metrics.rowsLate.sample(counted.lateRows),
    metrics.rowsTooOld.sample(counted.tooOldRows),
    metrics.rowsUnjournaled.sample(counted.unjournaledRows),
    metrics.samplesDropped.sample(counted.droppedSamples),
    metrics.commits.sample(counted.commits),
    metrics.commitsFailed.sample(counted.failedCommits),
    metrics.chunksSealed.sample(counted.sealedChunks),
    metrics.filesMissing.sample(counted.missingFiles),
    metrics.filesResized.sample(counted.resizedFiles),
    metrics.damagedRecords.sample(counted.damagedRecords),
    metrics.tornTails.sample(counted.tornTails),
    metrics.damagedReads.sample(counted.damagedReads),
    metrics.blocksWritten.sample(counted.blocksWritten),
    metrics.blocksFailed.sample(counted.failedBlocks),
    metrics.compactions.sample(counted.compactions),
    metrics.blocksDeleted.sample(counted.deletedBlocks),
    metrics.blocksDamaged.sample(counted.damagedBlocks),
    metrics.tables.sample(now.tables),
    metrics.headSeries.sample(now.headSeries),
    metrics.layouts.sample(now.layouts),
    metrics.labelSets.sample(now.labelSets),
    metrics.pendingBytes.sample(now.pendingBytes),
    metrics.undurableChunkBytes.sample(now.undurableChunkBytes),
    metrics.headChunks.sample(now.chunks),
    metrics.writeFailing.sample(now.writeFailing ? 1 : 0),
    metrics.blocks.sample(now.blocks),
    metrics.blocksBytes.sample(now.blockBytes),
    metrics.queryCacheBytes.sample(now.cachedColumnBytes),
    metrics.queryCacheHits.sample(now.cacheHits),
    metrics.queryCacheMisses.sample(now.cacheMisses),
    metrics.blockCacheBytes.sample(now.cachedBlockBytes),
    metrics.blockFilesOpen.sample(now.openBlockFiles),
  ];
}
