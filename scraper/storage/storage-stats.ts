import { compareStrings, type Labels, METRIC_NAME } from "../../exporter/shared/model/labels.js";
import { type PausePoints, sortPaced } from "../base/paced-sort.js";
import type { Head } from "./head/head.js";
import type { LayoutRegistry } from "./model/layout-registry.js";
import type { StorageGauges } from "./model/storage-metrics.js";
import { withTargetLabels } from "./selection/target-labels.js";
import type { StorageParts } from "./storage-parts.js";

export interface NamedCount {
  readonly name: string;
  readonly value: number;
}

/** `data` of `/api/v1/status/tsdb`, as Prometheus names it. */
export interface StorageStats {
  readonly headStats: {
    readonly numSeries: number;
    readonly numLabelPairs: number;
    readonly chunkCount: number;
    /** Milliseconds since the Unix epoch; undefined when the head is empty. */
    readonly minTime: number | undefined;
    readonly maxTime: number | undefined;
  };
  readonly seriesCountByMetricName: readonly NamedCount[];
  readonly labelValueCountByLabelName: readonly NamedCount[];
  readonly memoryInBytesByLabelName: readonly NamedCount[];
  readonly seriesCountByLabelValuePair: readonly NamedCount[];
}

/** The state of the storage for its own metrics. */
export function gaugesOf(parts: StorageParts): StorageGauges {
  const { head, registry, rowLog, chunkLog, commits, querier } = parts;
  let headSeries = 0;
  let chunks = 0;
  for (const { streams, stamped } of head.tables.values()) {
    headSeries += streams.main.seriesCount + (stamped?.seriesCount ?? 0);
    chunks += streams.main.chunks.length + streams.late.chunks.length;
    chunks += stamped?.chunks.length ?? 0;
  }
  const blocks = parts.blocks.all();
  return {
    tables: head.tables.size,
    headSeries,
    layouts: registry.layoutCount,
    labelSets: registry.seriesCount,
    pendingBytes: rowLog.journal.pendingBytes + chunkLog.journal.pendingBytes,
    undurableChunkBytes: chunkLog.undurableBytes,
    chunks,
    writeFailing: commits.isFailing,
    blocks: blocks.length,
    blockBytes: blocks.reduce((total, { sizeBytes }) => total + (sizeBytes ?? 0), 0),
    cachedBlockBytes: parts.blocks.reader.sizeBytes,
    openBlockFiles: parts.blocks.reader.openCount,
    ...querier.cacheGauges(),
  };
}

/** Cost of counting a series, in values for the pace. */
const WORK_PER_SERIES = 32;

/**
 * Counts the series that the tables have now.
 *
 * @param limit length of each list at most
 * @param pace lets other work run; tables that come or go meanwhile may be counted or not
 */
export async function describeHead(
  { head, registry }: Pick<StorageParts, "head" | "registry">,
  limit: number,
  pace: PausePoints,
): Promise<StorageStats> {
  const byMetric = new Map<string, number>();
  const byPair = new Map<string, number>();
  const valuesOf = new Map<string, Set<string>>();
  let numSeries = 0;
  for (const labels of seriesIn(head, registry)) {
    numSeries++;
    for (const [name, value] of labels.pairs) {
      if (name === METRIC_NAME) count(byMetric, value);
      count(byPair, `${name}=${value}`);
      let values = valuesOf.get(name);
      if (values === undefined) valuesOf.set(name, (values = new Set()));
      values.add(value);
    }
    if (pace.isDue(WORK_PER_SERIES)) await pace.pause();
  }
  const valueCounts = Array.from(valuesOf, ([name, values]) => [name, values.size] as const);
  const numLabelPairs = valueCounts.reduce((sum, [, values]) => sum + values, 0);
  return {
    headStats: { numSeries, numLabelPairs, ...describeChunks(head) },
    seriesCountByMetricName: await largest(byMetric, limit, pace),
    labelValueCountByLabelName: await largest(valueCounts, limit, pace),
    memoryInBytesByLabelName: await largest(await bytesOf(valuesOf, pace), limit, pace),
    seriesCountByLabelValuePair: await largest(byPair, limit, pace),
  };
}

function* seriesIn(head: Head, registry: LayoutRegistry): Iterable<Labels> {
  for (const { key, streams, stamped } of head.tables.values()) {
    for (const own of streams.main.window?.newestLayout.series ?? [])
      yield withTargetLabels(own, key.labels);
    for (const id of stamped?.window.seriesIds ?? [])
      yield withTargetLabels(registry.labels(id), key.labels);
  }
}

type ChunkStats = Pick<StorageStats["headStats"], "chunkCount" | "minTime" | "maxTime">;

function describeChunks(head: Head): ChunkStats {
  let chunkCount = 0;
  let minTime: number | undefined;
  let maxTime: number | undefined;
  for (const { streams, stamped } of head.tables.values()) {
    const { main, late } = streams;
    chunkCount += main.chunks.length + late.chunks.length + (stamped?.chunks.length ?? 0);
    if (main.firstMs === undefined) continue;
    minTime = Math.min(minTime ?? main.firstMs, main.firstMs);
    maxTime = Math.max(maxTime ?? main.lastMs, main.lastMs);
  }
  return { chunkCount, minTime, maxTime };
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

async function bytesOf(
  valuesOf: ReadonlyMap<string, ReadonlySet<string>>,
  pace: PausePoints,
): Promise<[string, number][]> {
  const found: [string, number][] = [];
  for (const [name, values] of valuesOf) {
    let bytes = 0;
    for (const value of values) {
      bytes += Buffer.byteLength(value);
      if (pace.isDue(1)) await pace.pause();
    }
    found.push([name, bytes]);
  }
  return found;
}

async function largest(
  counts: Iterable<readonly [string, number]>,
  limit: number,
  pace: PausePoints,
): Promise<NamedCount[]> {
  const named: NamedCount[] = [];
  for (const [name, value] of counts) {
    named.push({ name, value });
    if (pace.isDue(1)) await pace.pause();
  }
  const compare = (left: NamedCount, right: NamedCount): number =>
    right.value - left.value || compareStrings(left.name, right.name);
  return (await sortPaced(named, compare, pace)).slice(0, limit);
}
