import { compareStrings } from "../../exporter/shared/model/labels.js";
import type { Head } from "./head/head.js";
import { withTargetLabels } from "./selection/series-selection.js";

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

/**
 * Counts the series that the tables have at this moment.
 *
 * @param limit entries of each list at most
 */
export function describeHead(head: Head, limit: number): StorageStats {
  const byMetric = new Map<string, number>();
  const byPair = new Map<string, number>();
  const valuesOf = new Map<string, Set<string>>();
  const times: number[] = [];
  let series = 0;
  let chunks = 0;
  for (const { key, streams } of head.tables.values()) {
    const { window, chunks: sealed } = streams.main;
    chunks += sealed.length + streams.late.chunks.length;
    const first =
      sealed[0]?.fromMs ??
      (window !== undefined && window.rows > 0 ? window.timestampAt(0) : undefined);
    if (first !== undefined) times.push(first, streams.main.lastMs);
    for (const own of window?.newestLayout.series ?? []) {
      series++;
      for (const [name, value] of withTargetLabels(own, key.labels).pairs) {
        if (name === "__name__") count(byMetric, value);
        count(byPair, `${name}=${value}`);
        let values = valuesOf.get(name);
        if (values === undefined) valuesOf.set(name, (values = new Set()));
        values.add(value);
      }
    }
  }
  const memory = [...valuesOf].map(([name, values]) => [name, bytesOf(values)] as const);
  return {
    headStats: {
      numSeries: series,
      numLabelPairs: [...valuesOf.values()].reduce((sum, values) => sum + values.size, 0),
      chunkCount: chunks,
      minTime:
        times.length === 0 ? undefined : times.reduce((least, time) => Math.min(least, time)),
      maxTime: times.length === 0 ? undefined : times.reduce((most, time) => Math.max(most, time)),
    },
    seriesCountByMetricName: largest(byMetric, limit),
    labelValueCountByLabelName: largest(
      [...valuesOf].map(([name, values]) => [name, values.size] as const),
      limit,
    ),
    memoryInBytesByLabelName: largest(memory, limit),
    seriesCountByLabelValuePair: largest(byPair, limit),
  };
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

function bytesOf(values: ReadonlySet<string>): number {
  let bytes = 0;
  for (const value of values) bytes += Buffer.byteLength(value);
  return bytes;
}

function largest(counts: Iterable<readonly [string, number]>, limit: number): NamedCount[] {
  const named = Array.from(counts, ([name, value]) => ({ name, value }));
  named.sort((left, right) => right.value - left.value || compareStrings(left.name, right.name));
  return named.slice(0, limit);
}
