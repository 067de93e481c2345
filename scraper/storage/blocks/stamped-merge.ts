import type { Labels } from "../../../exporter/shared/model/labels.js";
import type { TimeRange } from "../../../exporter/shared/model/time-range.js";
import { yieldToEventLoop } from "../../../exporter/shared/platform/clock.js";
import { SECTION_SERIES, type StampedSectionContent } from "../codec/stamped-slices.js";
import { NO_SAMPLES, type SeriesSamples } from "../model/stamped.js";
import { SamplesJoiner } from "../model/samples-joiner.js";

/** Samples of a section that are merged together, roughly: 16 bytes each, in the sources and merged. */
const SAMPLES_AT_ONCE = 1 << 18;

/** A block of stamped samples to be merged. */
export interface StampedSource {
  readonly series: readonly Labels[];
  /** Number of its samples, roughly. */
  readonly samples: number;
  /** Reads series, given by their numbers in ascending order. */
  readonly read: (
    numbers: readonly number[],
    range: TimeRange,
  ) => Promise<readonly SeriesSamples[]>;
}

/**
 * Merges blocks of stamped samples: the sections of the merged block, one after the other.
 *
 * @param series of all sources, each once, in the order of the merged block
 * @param range of all samples
 * @param sources in the order of writing: of two samples at one instant, the first source's one stays
 */
export async function* mergedSections(
  series: readonly Labels[],
  range: TimeRange,
  sources: readonly StampedSource[],
): AsyncGenerator<StampedSectionContent> {
  const numbersIn = sources.map(
    (source) => new Map(source.series.map(({ key }, number) => [key, number])),
  );
  const samples = sources.reduce((sum, source) => sum + source.samples, 0);
  const inSection = (samples * SECTION_SERIES) / Math.max(SECTION_SERIES, series.length);
  const windows = windowsOf(range, Math.ceil(inSection / SAMPLES_AT_ONCE));
  for (let from = 0; from < series.length; from += SECTION_SERIES) {
    const ofSection = series.slice(from, from + SECTION_SERIES);
    const wanted = sources.map((source, index) => ({
      read: source.read,
      numbers: ofSection.map(({ key }) => numbersIn[index]?.get(key)),
    }));
    yield {
      series: Uint32Array.from(ofSection, (_, index) => from + index),
      parts: mergedParts(ofSection.length, windows, wanted),
    };
  }
}

interface WantedOfSource {
  readonly read: StampedSource["read"];
  /** Number in the source of each series of the section; undefined where it has none. */
  readonly numbers: readonly (number | undefined)[];
}

async function* mergedParts(
  seriesCount: number,
  windows: readonly TimeRange[],
  sources: readonly WantedOfSource[],
): AsyncGenerator<readonly SeriesSamples[]> {
  for (const window of windows) {
    await yieldToEventLoop();
    const found = Array.from({ length: seriesCount }, (): SeriesSamples[] => []);
    for (const { read, numbers } of sources) {
      const wanted = [...numbers.entries()]
        .flatMap(([place, number]) => (number === undefined ? [] : [{ place, number }]))
        .sort((left, right) => left.number - right.number);
      if (wanted.length === 0) continue;
      const samples = await read(
        wanted.map(({ number }) => number),
        window,
      );
      for (const [index, { place }] of wanted.entries()) {
        const own = samples[index] ?? NO_SAMPLES;
        if (own.timestamps.length > 0) found[place]?.push(own);
      }
    }
    const joiner = new SamplesJoiner();
    yield found.map((parts) => joiner.join(parts));
  }
}

function windowsOf({ fromMs, untilMs }: TimeRange, count: number): TimeRange[] {
  const stepMs = Math.max(1, Math.ceil((untilMs - fromMs) / Math.max(1, count)));
  const windows: TimeRange[] = [];
  for (let at = fromMs; at < untilMs; at += stepMs)
    windows.push({ fromMs: at, untilMs: Math.min(untilMs, at + stepMs) });
  return windows;
}
