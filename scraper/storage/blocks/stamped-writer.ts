import { compareStrings, type Labels } from "../../../exporter/shared/model/labels.js";
import { yieldToEventLoop } from "../../../exporter/shared/platform/clock.js";
import { sortPaced } from "../../base/paced-sort.js";
import { SECTION_SERIES, type StampedSectionContent } from "../codec/stamped-slices.js";
import type { Pace } from "../model/querier.js";
import { SampleCutter, type SeriesSamples } from "../model/stamped.js";
import type { StorageCounters } from "../model/storage-counters.js";
import type { BlockStore, StoredBlock } from "./block-store.js";

/** Comparisons and the like between two turns of the event loop: some milliseconds. */
const WORK_AT_ONCE = 20_000;

/** The samples of one series, with its labels without target labels. */
export interface LabeledSamples extends SeriesSamples {
  readonly labels: Labels;
}

export interface StampedBlocks {
  readonly folder: string;
  readonly target: Labels;
  /** Each with at least one sample. Those with equal times share the array. */
  readonly series: readonly LabeledSamples[];
  /** Range of time of a block. */
  readonly spanMs: number;
}

/** Writes stamped samples to blocks, one for each span of time. */
export class StampedWriter {
  constructor(
    private readonly blocks: BlockStore,
    private readonly counters: StorageCounters,
  ) {}

  /**
   * @returns the blocks, which are not in the list yet
   * @throws the system's error when the disk refuses; the blocks before are complete and not in the list
   */
  async write({ folder, target, series, spanMs }: StampedBlocks): Promise<StoredBlock[]> {
    const sorted = await sortByLabels(series, ({ labels }) => labels);
    const written: StoredBlock[] = [];
    for (const range of spansOf(sorted, spanMs)) {
      const cutter = new SampleCutter(range);
      const inSpan = sorted
        .map(({ labels, ...samples }) => ({ labels, ...cutter.cut(samples) }))
        .filter(({ timestamps }) => timestamps.length > 0);
      try {
        const content = {
          target,
          series: inSpan.map(({ labels }) => labels),
          sections: sectionsOf(inSpan),
        };
        written.push(await this.blocks.writeStamped(folder, rangeOf(inSpan), content));
        this.counters.blocksWritten++;
      } catch (error) {
        this.counters.failedBlocks++;
        throw error;
      }
    }
    return written;
  }
}

/**
 * Sorts by labels: most queries want the series of one name, which are neighbors then.
 *
 * @returns a new array
 */
export function sortByLabels<Item>(
  items: readonly Item[],
  labelsOf: (item: Item) => Labels,
): Promise<Item[]> {
  return sortPaced(
    [...items],
    (left, right) => compareStrings(labelsOf(left).key, labelsOf(right).key),
    new CountingPace(),
  );
}

/** Makes sections of series in their order. Lets the event loop run before each. */
export async function* sectionsOf(
  all: readonly SeriesSamples[],
): AsyncGenerator<StampedSectionContent> {
  for (let from = 0; from < all.length; from += SECTION_SERIES) {
    await yieldToEventLoop();
    const part = all.slice(from, from + SECTION_SERIES);
    yield { series: Uint32Array.from(part, (_, index) => from + index), parts: [part] };
  }
}

/** Lets other work run after some work, by no clock. */
class CountingPace implements Pace {
  private work = 0;

  isDue(values: number): boolean {
    this.work += values;
    return this.work >= WORK_AT_ONCE;
  }

  async pause(): Promise<void> {
    this.work = 0;
    await yieldToEventLoop();
  }

  hold(): void {
    // The samples are in memory already.
  }
}

function spansOf(
  all: readonly SeriesSamples[],
  spanMs: number,
): { fromMs: number; untilMs: number }[] {
  const spans = new Set<number>();
  for (const { timestamps } of all) {
    let last = NaN;
    for (const timestampMs of timestamps) {
      const span = Math.floor(timestampMs / spanMs);
      if (span !== last) spans.add((last = span));
    }
  }
  return [...spans]
    .sort((left, right) => left - right)
    .map((span) => ({ fromMs: span * spanMs, untilMs: (span + 1) * spanMs }));
}

function rangeOf(all: readonly SeriesSamples[]): { fromMs: number; untilMs: number } {
  let [fromMs, lastMs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { timestamps } of all) {
    fromMs = Math.min(fromMs, timestamps[0] ?? fromMs);
    lastMs = Math.max(lastMs, timestamps.at(-1) ?? lastMs);
  }
  return { fromMs, untilMs: lastMs + 1 };
}
