import http from "node:http";
import { JsonFields } from "../../exporter/shared/codec/json-fields.js";
import { itemAt } from "../../exporter/shared/model/get-or-throw.js";
import type { Clock } from "../../exporter/shared/platform/clock.js";
import { Labels } from "../../exporter/shared/model/labels.js";
import type { Storage } from "../../scraper/storage/storage.js";
import { Random } from "../support/random.js";
import { RemoteWriter } from "./remote-write.js";
import { openBenchStorage } from "./storage.js";

export const SCRAPE_INTERVAL_MS = 15_000;
/**
 * Rows of one target per request to Prometheus, which refuses samples an hour older than the
 * newest.
 */
const SLICE_ROWS = 40;
const COMMIT_ROWS = 20;
const MAINTENANCE_ROWS = 240;
const CONCURRENT_SENDS = 2;

interface BenchSeries {
  readonly labels: Labels;
  readonly isCounter: boolean;
  /** True when a query uses the series. */
  readonly isHot: boolean;
}

export interface QueryData {
  readonly targets: number;
  readonly seriesPerTarget: number;
  readonly fromMs: number;
  readonly untilMs: number;
}

/** Reads the description of data that an earlier run wrote. */
export function readQueryData(text: string): QueryData {
  const fields = JsonFields.parse(text, "description of the data");
  return {
    targets: fields.integer("targets"),
    seriesPerTarget: fields.integer("seriesPerTarget"),
    fromMs: fields.timeMs("fromMs"),
    untilMs: fields.timeMs("untilMs"),
  };
}

/** Writes the same samples to our storage and, by remote write, to a Prometheus if there is one. */
export async function writeQueryData(
  data: QueryData,
  {
    folder,
    prometheusUrl,
  }: { readonly folder: string; readonly prometheusUrl?: string | undefined },
): Promise<void> {
  const clock = new SteppedClock(data.fromMs);
  const storage = await openBenchStorage(folder, clock);
  const agent = new http.Agent({ keepAlive: true, maxSockets: CONCURRENT_SENDS });
  const series = benchSeries(data.seriesPerTarget);
  const layout = storage.internLayout(series.map(({ labels }) => labels));
  const url = `${prometheusUrl ?? ""}/api/v1/write`;
  const targets = Array.from({ length: data.targets }, (_, index) => {
    const target = new BenchTarget(index, series);
    const table = storage.openTable({ folder: `hosts/${target.address}`, labels: target.labels });
    return { target, table, writer: new RemoteWriter(url, agent, target.fullLabels()) };
  });
  let row = 0;
  const sliceMs = SLICE_ROWS * SCRAPE_INTERVAL_MS;
  for (let sliceFromMs = data.fromMs; sliceFromMs < data.untilMs; sliceFromMs += sliceMs) {
    const rows = Math.min(SLICE_ROWS, (data.untilMs - sliceFromMs) / SCRAPE_INTERVAL_MS);
    const slices = targets.map(({ target }) => target.next(sliceFromMs, rows));
    const queue = targets.entries();
    const send = async (): Promise<void> => {
      for (const [index, { writer }] of queue) await writer.send(itemAt(slices, index));
    };
    const senders = prometheusUrl === undefined ? 0 : CONCURRENT_SENDS;
    const sending = Promise.all(Array.from({ length: senders }, send));
    for (let sliceRow = 0; sliceRow < rows; sliceRow++, row++) {
      clock.nowMs = sliceFromMs + sliceRow * SCRAPE_INTERVAL_MS;
      for (const [index, { table }] of targets.entries()) {
        const { timestamps, values } = itemAt(slices, index);
        const from = sliceRow * series.length;
        table.append(
          timestamps[sliceRow] as number,
          layout,
          values.subarray(from, from + series.length),
        );
      }
      if (row % COMMIT_ROWS === COMMIT_ROWS - 1) await storage.commit();
      if (row % MAINTENANCE_ROWS === MAINTENANCE_ROWS - 1) await maintain(storage);
    }
    await sending;
  }
  await maintain(storage);
  await storage.stop();
  agent.destroy();
}

async function maintain(storage: Storage): Promise<void> {
  await storage.maintainBlocks();
  await storage.maintainJournal();
}

interface TargetRows {
  readonly timestamps: Float64Array;
  /** `values[row * series + s]` */
  readonly values: Float64Array;
}

class BenchTarget {
  readonly address: string;
  readonly labels: Labels;
  private readonly random: Random;
  /** Hundredths for counters, as in processor seconds, so sums have no rounding errors. */
  private readonly numbers: Float64Array;

  constructor(
    private readonly index: number,
    private readonly series: readonly BenchSeries[],
  ) {
    this.address = `10.0.${index >> 8}.${index & 255}`;
    this.labels = Labels.of({ instance: `${this.address}:8732`, job: "pi" });
    this.random = new Random(index + 1);
    this.numbers = Float64Array.from(series, () => this.random.below(1_000_000));
  }

  fullLabels(): Labels[] {
    return this.series.map(({ labels }) => labels.with(this.labels.toObject()));
  }

  next(fromMs: number, rows: number): TargetRows {
    const timestamps = Float64Array.from(
      { length: rows },
      (_, row) => fromMs + row * SCRAPE_INTERVAL_MS + this.index * 17,
    );
    const values = new Float64Array(rows * this.series.length);
    for (let row = 0; row < rows; row++) this.nextRow(values.subarray(row * this.series.length));
    return { timestamps, values };
  }

  private nextRow(values: Float64Array): void {
    for (const [index, { isCounter, isHot }] of this.series.entries()) {
      // Most series of a machine do not change between two scrapes.
      if (isHot || index % 4 === 0) {
        const number = this.numbers[index] as number;
        this.numbers[index] = isCounter
          ? number + this.random.below(1500)
          : 5e5 + this.random.below(1_000_000);
      }
      const number = this.numbers[index] as number;
      values[index] = isCounter ? number / 100 : number;
    }
  }
}

function benchSeries(count: number): BenchSeries[] {
  const series: BenchSeries[] = [];
  const add = (
    name: string,
    isCounter: boolean,
    labels: Readonly<Record<string, string>> = {},
  ): void => {
    series.push({ labels: Labels.of({ __name__: name, ...labels }), isCounter, isHot: true });
  };
  for (const cpu of ["0", "1", "2", "3"]) {
    for (const mode of ["idle", "user", "system", "iowait"])
      add("pihealth_cpu_seconds_total", true, { cpu, mode });
  }
  for (const device of ["eth0", "wlan0"]) {
    add("pihealth_network_receive_bytes_total", true, { device });
    add("pihealth_network_transmit_bytes_total", true, { device });
  }
  for (const mountpoint of ["/", "/boot"]) {
    add("pihealth_filesystem_size_bytes", false, { mountpoint });
    add("pihealth_filesystem_available_bytes", false, { mountpoint });
  }
  for (const name of ["total", "available"]) add(`pihealth_memory_${name}_bytes`, false);
  add("pihealth_load1", false);
  add("pihealth_cpu_temperature_celsius", false);
  for (let index = series.length; index < count; index++) {
    const labels = Labels.of({ __name__: `other_metric_${index >> 2}`, part: String(index & 3) });
    series.push({ labels, isCounter: index % 2 === 0, isHot: false });
  }
  return series;
}

/** A clock that shows the time that was set. */
class SteppedClock implements Clock {
  constructor(public nowMs: number) {}

  wallMs(): number {
    return this.nowMs;
  }

  monotonicMs(): number {
    return this.nowMs;
  }

  sleep(): Promise<void> {
    return new Promise(() => undefined);
  }
}
