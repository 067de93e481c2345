import { readFileSync } from "node:fs";
import path from "node:path";
import { formatShortestFloat } from "../../exporter/shared/model/float-format.js";
import { Labels, quoteLabelValue } from "../../exporter/shared/model/labels.js";
import { FIXTURES } from "../support/repository.js";
import { MemoryQuerier, type MemorySample } from "../support/memory-querier.js";
import { parseMetric } from "../support/series-notation.js";
import { Random } from "../support/random.js";

/** The time of the first sample: the start of a block of two hours. */
export const DATA_START_MS = Date.UTC(2026, 0, 12, 12, 0, 0);
export const SAMPLE_INTERVAL_MS = 15_000;
const SAMPLES = 240;
/**
 * Samples are never at a whole second and evaluations always are, so no sample is exactly on the
 * edge of a window: Prometheus 2 includes a sample at the start of a window, Prometheus 3 does not.
 */
const PHASE_MS = 217;
export const DATA_END_MS = DATA_START_MS + SAMPLES * SAMPLE_INTERVAL_MS;

export interface DataSeries {
  readonly labels: Labels;
  readonly values: readonly MemorySample[];
}

/** Generated counters, gauges and histograms, and the metrics of real Pis with drifting values. */
export function createDataSet(seed: number): DataSeries[] {
  const random = new Random(seed);
  return [...generated(random), ...recorded(random)];
}

export function toOpenMetrics(series: readonly DataSeries[]): string {
  const lines: string[] = [];
  for (const { labels, values } of series) {
    const others = labels.pairs.filter(([name]) => name !== "__name__");
    const head = `${labels.name}{${others.map(([name, value]) => `${name}=${quoteLabelValue(value)}`).join(",")}}`;
    for (const [index, value] of values.entries()) {
      if (typeof value !== "number") continue;
      const timeMs = DATA_START_MS + PHASE_MS + index * SAMPLE_INTERVAL_MS;
      lines.push(`${head} ${formatShortestFloat(value)} ${(timeMs / 1000).toFixed(3)}`);
    }
  }
  return `${lines.join("\n")}\n# EOF\n`;
}

export function toQuerier(series: readonly DataSeries[]): MemoryQuerier {
  const querier = new MemoryQuerier();
  for (const { labels, values } of series) {
    querier.add(labels, values, { fromMs: DATA_START_MS + PHASE_MS, stepMs: SAMPLE_INTERVAL_MS });
  }
  return querier;
}

const INSTANCES = ["a:1", "b:1", "c:2"] as const;
const JOBS = ["api", "db"] as const;

function* generated(random: Random): Iterable<DataSeries> {
  for (const job of JOBS) {
    for (const instance of INSTANCES) {
      yield {
        labels: Labels.of({ __name__: "up", job, instance }),
        values: walk(random, { start: 1, step: 0 }),
      };
      for (const code of ["200", "404", "500"]) {
        const labels = Labels.of({ __name__: "requests_total", job, instance, code });
        yield { labels, values: withGaps(random, counter(random)) };
      }
      const gauge = Labels.of({
        __name__: "temperature",
        job,
        instance,
        room: random.pick(["x", "y"]),
      });
      yield {
        labels: gauge,
        values: withGaps(random, walk(random, { start: 500 + 20 * random.next(), step: 1 })),
      };
      const odd = Labels.of({ __name__: "odd", job, instance });
      yield { labels: odd, values: Array.from({ length: SAMPLES }, () => oddValue(random)) };
      yield* histogram(random, { job, instance });
    }
    const limit = Labels.of({ __name__: "limits", job, kind: "hard" });
    yield { labels: limit, values: walk(random, { start: 1000, step: 0 }) };
  }
}

/** Rises, and is reset to zero from time to time. */
function counter(random: Random): number[] {
  let value = 1e5 * (1 + random.next());
  const rate = 100 * random.next();
  return Array.from({ length: SAMPLES }, () => {
    value = random.chance(0.01) ? 0 : value + Math.round(rate * random.next());
    return value;
  });
}

function walk(
  random: Random,
  { start, step }: { readonly start: number; readonly step: number },
): number[] {
  let value = start;
  return Array.from({ length: SAMPLES }, () => (value += step * (random.next() - 0.5)));
}

function oddValue(random: Random): MemorySample {
  if (random.chance(0.7)) return random.below(5) - 2;
  return random.pick([NaN, Infinity, -Infinity, -0, 1e-9, 1e20, undefined]);
}

/** Removes single samples, and sometimes a long range of samples. */
function withGaps(random: Random, values: readonly number[]): MemorySample[] {
  const silenceAt = random.below(SAMPLES * 2);
  return values.map((value, index) => {
    const isSilent = (index >= silenceAt && index < silenceAt + 40) || random.chance(0.05);
    return isSilent ? undefined : value;
  });
}

function* histogram(
  random: Random,
  labels: Readonly<Record<string, string>>,
): Iterable<DataSeries> {
  const bounds = ["0.1", "0.5", "1", "+Inf"];
  const rows: number[][] = bounds.map(() => []);
  for (let index = 0; index < SAMPLES; index++) {
    let below = 0;
    for (const row of rows) {
      below += random.below(5);
      row.push((row.at(-1) ?? 1000) + below);
    }
  }
  for (const [bucket, le] of bounds.entries()) {
    yield {
      labels: Labels.of({ __name__: "latency_bucket", ...labels, le }),
      values: rows[bucket] ?? [],
    };
  }
}

/**
 * The metrics that the exporter tests expect from recorded machines, as if scraped at every
 * interval.
 */
function* recorded(random: Random): Iterable<DataSeries> {
  for (const machine of ["pi-3", "pi-5"]) {
    const instance = `${machine}:8732`;
    yield {
      labels: Labels.of({ __name__: "up", job: "pi", instance }),
      values: walk(random, { start: 1, step: 0 }),
    };
    for (const line of readFileSync(path.join(FIXTURES, machine, "expected.txt"), "utf8").split(
      "\n",
    )) {
      if (line === "" || line.startsWith("#")) continue;
      const { labels, end } = parseMetric(line);
      yield {
        labels: labels.with({ job: "pi", instance }),
        values: drifting(random, labels.name, Number(line.slice(end))),
      };
    }
  }
}

function drifting(random: Random, name: string, start: number): MemorySample[] {
  if (name.endsWith("_total")) {
    let value = start + 1e6; // Near zero, the results of rate() in Prometheus 2 and 3 differ.
    return Array.from({ length: SAMPLES }, () => (value += random.below(10)));
  }
  if (Number.isInteger(start) && Math.abs(start) < 10)
    return Array.from({ length: SAMPLES }, () => start);
  return Array.from({ length: SAMPLES }, () => start * (1 + 0.1 * random.next()));
}
