import { Labels } from "../../../exporter/shared/model/labels.js";
import {
  ABSENT_BITS,
  bitsOf,
  isAbsentAt,
  isStaleAt,
  setStaleAt,
  STALE_BITS,
} from "../../../exporter/shared/model/special-values.js";
import { silentLogger } from "../../../exporter/shared/platform/logger.js";
import { createLabelMatcher } from "../../../scraper/storage/model/label-matcher.js";
import type { SelectedTable } from "../../../scraper/storage/model/querier.js";
import type { TableKey } from "../../../scraper/storage/model/sample-writer.js";
import { Storage } from "../../../scraper/storage/storage.js";
import type { StorageSettings } from "../../../scraper/storage/model/storage-settings.js";
import { FakeClock } from "../../support/fake-clock.js";
import { MemoryFiles } from "../../support/memory-files.js";
import { valueOf } from "../../support/metric-values.js";

export const START_MS = Date.UTC(2026, 0, 12, 16, 0, 0);
export const ALWAYS = { fromMs: 0, untilMs: 8.64e15 };
export const STALE = Symbol("stale");
export const ABSENT = Symbol("absent");
export type Value = number | typeof STALE | typeof ABSENT;

export const SETTINGS: StorageSettings = {
  path: "/data",
  retentionMs: 90 * 86_400_000,
  retentionBytes: 0,
  commitIntervalMs: 5000,
  syncIntervalMs: 5000,
  blockDurationMs: 7_200_000,
  maxBlockDurationMs: 8 * 86_400_000,
  queryCacheBytes: 64 * 1024 * 1024,
};

export interface Setup {
  readonly files: MemoryFiles;
  readonly clock: FakeClock;
  readonly storage: Storage;
}

export async function openStorage(
  files = new MemoryFiles(),
  clock = new FakeClock(START_MS),
  settings: Partial<StorageSettings> = {},
): Promise<Setup> {
  const parts = {
    folder: "/data",
    files,
    clock,
    log: silentLogger,
    settings: { ...SETTINGS, ...settings },
  };
  return { files, clock, storage: await Storage.open(parts) };
}

export const host = (address: string): TableKey => ({
  folder: `hosts/${address}`,
  labels: Labels.of({ instance: `${address}:8732`, job: "pi" }),
});

/** A column of values, with the bit patterns that the symbols stand for. */
export function column(values: readonly Value[]): Float64Array {
  const result = new Float64Array(values.length);
  const words = new BigUint64Array(result.buffer);
  values.forEach((value, index) => {
    if (value === STALE) words[index] = STALE_BITS;
    else if (value === ABSENT) words[index] = ABSENT_BITS;
    else result[index] = value;
  });
  return result;
}

/** Appends one row of metrics without labels: `{ a: 1, b: STALE }`. */
export function appendRow(
  storage: Storage,
  key: TableKey,
  timestampMs: number,
  row: Readonly<Record<string, Value>>,
): string {
  const layout = storage.internLayout(
    Object.keys(row).map((name) => Labels.of({ __name__: name })),
  );
  return storage.openTable(key).append(timestampMs, layout, column(Object.values(row)));
}

/** Samples by label set, as "time:value" with times in seconds after START_MS. */
export type Answer = Record<string, string[]>;

export function describe(tables: readonly SelectedTable[]): Answer {
  const answer: Answer = {};
  for (const { timestamps, series } of tables) {
    for (const { labels, values } of series) {
      const bits = bitsOf(values);
      const samples: string[] = [];
      timestamps.forEach((timestamp, index) => {
        if (isAbsentAt(bits, index)) return;
        const text = isStaleAt(bits, index) ? "stale" : String(values[index]);
        samples.push(`${(timestamp - START_MS) / 1000}:${text}`);
      });
      const name = labels.toString();
      if (name in answer) throw new Error(`${name} is answered twice`);
      answer[name] = samples;
    }
  }
  return answer;
}

export async function selectAll(storage: Storage, range = ALWAYS): Promise<Answer> {
  return describe(await storage.querier.select([], range));
}

export async function selectName(storage: Storage, name: string, range = ALWAYS): Promise<Answer> {
  return describe(await storage.querier.select([createLabelMatcher("__name__", "=", name)], range));
}

export function metric(storage: Storage, name: string): number {
  const value = valueOf(storage, `pihealth_storage_${name}`);
  if (value === undefined) throw new Error(`no metric ${name}`);
  return value;
}

export const staleColumn = (length: number): Float64Array => {
  const values = new Float64Array(length);
  const bits = bitsOf(values);
  for (let index = 0; index < length; index++) setStaleAt(bits, index);
  return values;
};
