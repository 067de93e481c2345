import { createWriteStream } from "node:fs";
import { once } from "node:events";
import { type Clock } from "../../exporter/shared/platform/clock.js";
import { realFiles } from "../../exporter/shared/platform/files.js";
import { silentLogger } from "../../exporter/shared/platform/logger.js";
import { Labels } from "../../exporter/shared/model/labels.js";
import { Storage } from "../../scraper/storage/storage.js";
import { Random } from "../differential/random.js";

const HOUR_MS = 3_600_000;
export const SCRAPE_INTERVAL_MS = 15_000;
/** How seldom Prometheus gets a sample of a series that no query asks for: its text would be 15 GB otherwise. */
const COLD_ROWS = 80;

interface BenchSeries {
  readonly labels: Labels;
  readonly isCounter: boolean;
  /** Asked for by a query. */
  readonly isHot: boolean;
}

export interface QueryData {
  readonly targets: number;
  readonly seriesPerTarget: number;
  readonly fromMs: number;
  readonly untilMs: number;
}

/** Writes the same samples into our storage and as OpenMetrics text. Of cold series the text has only some. */
export async function writeQueryData(
  data: QueryData,
  { folder, textFile }: { readonly folder: string; readonly textFile: string },
): Promise<void> {
  const clock = new SteppedClock(data.fromMs);
  const storage = await openStorage(folder, clock);
  const text = createWriteStream(textFile);
  const series = benchSeries(data.seriesPerTarget);
  const layout = storage.internLayout(series.map(({ labels }) => labels));
  const targets = Array.from({ length: data.targets }, (_, index) => new BenchTarget(index, series));
  const tables = targets.map(({ address, labels }) => storage.openTable({ folder: `hosts/${address}`, labels }));
  let row = 0;
  for (let timeMs = data.fromMs; timeMs < data.untilMs; timeMs += SCRAPE_INTERVAL_MS, row++) {
    clock.nowMs = timeMs;
    for (const [index, target] of targets.entries()) {
      const values = target.next();
      tables[index]?.append(timeMs + index * 17, layout, values);
      if (!text.write(target.render(timeMs + index * 17, row % COLD_ROWS === 0))) await once(text, "drain");
    }
    if (row % 20 === 19) await storage.commit();
    if (row % 240 === 239) {
      await storage.maintainBlocks();
      await storage.maintainJournal();
    }
  }
  await storage.commit();
  text.end("# EOF\n");
  await once(text, "close");
  await storage.stop();
}

class BenchTarget {
  readonly address: string;
  readonly labels: Labels;
  private readonly random: Random;
  private readonly values: Float64Array;
  private readonly heads: readonly string[];

  constructor(
    index: number,
    private readonly series: readonly BenchSeries[],
  ) {
    this.address = `10.0.${index >> 8}.${index & 255}`;
    this.labels = Labels.of({ instance: `${this.address}:8732`, job: "pi" });
    this.random = new Random(index + 1);
    this.values = Float64Array.from(series, () => this.random.below(1_000_000));
    this.heads = series.map(({ labels }) => labels.with(this.labels.toObject()).toString().replaceAll(", ", ","));
  }

  next(): Float64Array {
    for (const [index, { isCounter, isHot }] of this.series.entries()) {
      const value = this.values[index] as number;
      // Most series of a machine do not change from one scrape to the next.
      if (!isHot && index % 4 !== 0) continue;
      this.values[index] = isCounter ? value + this.random.below(1500) / 100 : 5e5 + this.random.below(1_000_000);
    }
    return this.values;
  }

  render(timeMs: number, withCold: boolean): string {
    const time = (timeMs / 1000).toFixed(3);
    let text = "";
    for (const [index, { isHot }] of this.series.entries()) {
      if (isHot || withCold) text += `${this.heads[index]} ${this.values[index]} ${time}\n`;
    }
    return text;
  }
}

function benchSeries(count: number): BenchSeries[] {
  const series: BenchSeries[] = [];
  const add = (name: string, isCounter: boolean, labels: Readonly<Record<string, string>> = {}): void => {
    series.push({ labels: Labels.of({ __name__: name, ...labels }), isCounter, isHot: true });
  };
  for (const cpu of ["0", "1", "2", "3"]) {
    for (const mode of ["idle", "user", "system", "iowait"]) add("pihealth_cpu_seconds_total", true, { cpu, mode });
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

/** A clock that shows what it is told. */
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

function openStorage(folder: string, clock: Clock): Promise<Storage> {
  const settings = {
    path: folder,
    retentionMs: 90 * 24 * HOUR_MS,
    retentionBytes: 0,
    commitIntervalMs: 5000,
    blockDurationMs: 2 * HOUR_MS,
    maxBlockDurationMs: 8 * 24 * HOUR_MS,
  };
  return Storage.open({ folder, files: realFiles, clock, log: silentLogger, settings });
}
