import type { Collector } from "../../exporter/collectors/collector.js";
import { COLLECTORS } from "../../exporter/collectors/registry.js";
import { DEFAULT_COLLECTOR_SETTINGS } from "../../exporter/collectors/collector-settings.js";
import { itemAt } from "../../exporter/shared/model/get-or-throw.js";
import type { Sample } from "../../exporter/shared/model/metric.js";
import { systemClock } from "../../exporter/shared/platform/clock.js";
import { realFiles } from "../../exporter/shared/platform/real-files.js";
import { createSources } from "../../exporter/sources/sources.js";

/** The samples of one collector, continued over time. */
export interface SimulatedCollector {
  readonly name: string;
  readonly intervalMs: number;
  /** The samples of the next run. */
  next(): readonly Sample[];
}

/** Time between the two looks that show which values change. */
const LOOK_AGAIN_AFTER_MS = 5000;
const PAGE_BYTES = 4096;
/** Relative change of a varying gauge from run to run. */
const GAUGE_NOISE = 0.02;

interface Moving {
  readonly sample: Sample;
  /** Value in the second look. */
  readonly later: number;
}

/**
 * Samples every collector of this machine twice. Values that changed between the two looks continue
 * to change in every run: counters at about their rate, gauges around their value.
 */
export async function simulateCollectors(seed: number): Promise<SimulatedCollector[]> {
  const sources = createSources({ clock: systemClock, files: realFiles });
  const random = createRandom(seed);
  const collectors = COLLECTORS.map(({ create }) => create(sources, DEFAULT_COLLECTOR_SETTINGS));
  const first = await Promise.all(collectors.map(sampleOnce));
  await systemClock.sleep(LOOK_AGAIN_AFTER_MS);
  const second = await Promise.all(collectors.map(sampleOnce));
  return COLLECTORS.map(({ name, defaultIntervalMs }, index) => {
    const moving = withCpus(pair(itemAt(first, index), itemAt(second, index)));
    return simulate({ name, intervalMs: defaultIntervalMs }, moving, random);
  });
}

const sampleOnce = (collector: Collector): Promise<Sample[]> =>
  collector.collect(new AbortController().signal).catch(() => []); // Not on this machine.

function pair(first: readonly Sample[], second: readonly Sample[]): Moving[] {
  const keyOf = ({ metric, labels }: Sample): string => metric.name + JSON.stringify(labels);
  const later = new Map(second.map((sample) => [keyOf(sample), sample.value]));
  return first.map((sample) => ({ sample, later: later.get(keyOf(sample)) ?? sample.value }));
}

/** Reduces or extends the processors to the number a Pi has. */
function withCpus(moving: readonly Moving[]): Moving[] {
  const ofFirst = moving.filter(({ sample }) => sample.labels["cpu"] === "0");
  const others = moving.filter(({ sample }) => sample.labels["cpu"] === undefined);
  const ofCpu = (cpu: number): Moving[] =>
    ofFirst.map(({ sample, later }) => {
      const labels = { ...sample.labels, cpu: String(cpu) };
      return { sample: { ...sample, labels }, later };
    });
  return [...others, ...(ofFirst.length === 0 ? [] : [0, 1, 2, 3].flatMap(ofCpu))];
}

function simulate(
  { name, intervalMs }: { name: string; intervalMs: number },
  moving: readonly Moving[],
  random: () => number,
): SimulatedCollector {
  const values = moving.map(({ sample }) => sample.value);
  const looks = intervalMs / LOOK_AGAIN_AFTER_MS;
  return {
    name,
    intervalMs,
    next: () =>
      moving.map((one, index) => {
        const value = nextValue(one, itemAt(values, index), { looks, random });
        values[index] = value;
        return { ...one.sample, value };
      }),
  };
}

function nextValue(
  { sample, later }: Moving,
  value: number,
  { looks, random }: { looks: number; random: () => number },
): number {
  const moved = later - sample.value;
  if (moved === 0) return value;
  if (sample.metric.type === "counter") {
    const grown = value + moved * looks * (0.5 + random());
    return Number.isInteger(later) ? Math.round(grown) : Math.round(grown * 100) / 100;
  }
  const wandered = later * (1 + GAUGE_NOISE * (random() - 0.5));
  if (sample.metric.name.endsWith("_bytes")) return Math.round(wandered / PAGE_BYTES) * PAGE_BYTES;
  if (Number.isInteger(later)) return Math.round(wandered);
  return String(later).length < 8 ? Math.round(wandered * 100) / 100 : wandered;
}

/**
 * Numbers from 0 to below 1, equal for every run with the same seed (a linear congruential
 * generator).
 */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
