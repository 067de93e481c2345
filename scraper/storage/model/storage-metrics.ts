import type { OwnMetric } from "../../../exporter/shared/model/own-metric.js";
import type { StorageCounters } from "./storage-counters.js";

/** What is there at this moment, beside what was counted. */
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

/** Names, help and values of all metrics of the storage. */
export function describeMetrics(counted: StorageCounters, now: StorageGauges): OwnMetric[] {
  return [
    counter("samples_appended", "Samples taken.", counted.appendedSamples),
    counter("rows_appended", "Rows taken.", counted.appendedRows),
    counter(
      "rows_late",
      "Rows taken that were not newer than those of their table.",
      counted.lateRows,
    ),
    counter(
      "rows_too_old",
      "Rows refused because they are beyond the retention.",
      counted.tooOldRows,
    ),
    counter(
      "rows_unjournaled",
      "Rows not journaled because too much waited for the disk.",
      counted.unjournaledRows,
    ),
    counter(
      "samples_dropped",
      "Samples given up because the disk took nothing for too long.",
      counted.droppedSamples,
    ),
    counter("commits", "Group commits done.", counted.commits),
    counter(
      "commits_failed",
      "Group commits that the disk refused; they are tried again.",
      counted.failedCommits,
    ),
    counter("chunks_sealed", "Chunks made of aging rows.", counted.sealedChunks),
    counter(
      "damaged_records",
      "Journal records or ranges skipped because they were damaged.",
      counted.damagedRecords,
    ),
    counter("torn_tails", "Journal segments found with a torn tail.", counted.tornTails),
    counter(
      "damaged_reads",
      "Parts left out of an answer because they could not be read.",
      counted.damagedReads,
    ),
    counter("blocks_written", "Blocks written from the head.", counted.blocksWritten),
    counter(
      "blocks_failed",
      "Blocks that could not be written; they are tried again.",
      counted.failedBlocks,
    ),
    counter("compactions", "Blocks merged into larger ones.", counted.compactions),
    counter("blocks_deleted", "Blocks deleted by retention.", counted.deletedBlocks),
    counter(
      "blocks_damaged",
      "Blocks set aside because they could not be read.",
      counted.damagedBlocks,
    ),
    gauge("tables", "Tables known: targets and rule groups.", now.tables),
    gauge("head_series", "Series with samples in memory.", now.headSeries),
    gauge("layouts", "Layouts in memory, each shared by all tables that have it.", now.layouts),
    gauge(
      "label_sets",
      "Label sets in memory, each shared by all layouts that have it.",
      now.labelSets,
    ),
    gauge("pending_bytes", "Journal bytes waiting for the next group commit.", now.pendingBytes),
    gauge(
      "undurable_chunk_bytes",
      "Bytes of chunks that are only in memory.",
      now.undurableChunkBytes,
    ),
    gauge("head_chunks", "Chunks not yet in blocks.", now.chunks),
    gauge(
      "write_failing",
      "1 while the disk refuses group commits, else 0.",
      now.writeFailing ? 1 : 0,
    ),
    gauge("blocks", "Blocks on disk.", now.blocks),
    gauge("blocks_bytes", "Size of the blocks on disk in bytes.", now.blockBytes),
    gauge(
      "query_cache_bytes",
      "Memory of decoded columns and label sets kept for the next query (storage.query_cache).",
      now.cachedColumnBytes,
    ),
    counter(
      "query_cache_hits",
      "Columns that a query found decoded, at least in part.",
      now.cacheHits,
    ),
    counter("query_cache_misses", "Columns that a query had to decode.", now.cacheMisses),
    gauge(
      "block_cache_bytes",
      "Memory of directories and compressed columns of blocks kept for the next query.",
      now.cachedBlockBytes,
    ),
    gauge("block_files_open", "Block files held open for reading.", now.openBlockFiles),
  ];
}

function counter(name: string, help: string, value: number): OwnMetric {
  return { name: `pihealth_storage_${name}_total`, help, type: "counter", labels: {}, value };
}

function gauge(name: string, help: string, value: number): OwnMetric {
  return { name: `pihealth_storage_${name}`, help, type: "gauge", labels: {}, value };
}
