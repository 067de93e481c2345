import type { Labels } from "../../../exporter/shared/model/labels.js";
import { isDense, MovedRowsError } from "../model/piece.js";
import type { Pace, SelectedSeries, SelectedTable } from "../model/querier.js";
import { SamplesJoiner } from "../model/samples-joiner.js";
import type { SeriesSamples, StampedPart } from "../model/stamped.js";
import type { TargetLabelCache } from "../selection/target-labels.js";
import type { TableOfTarget } from "../selection/unique-series.js";
import { WatchedPace } from "./watched-pace.js";
import type { TimeRange } from "../../../exporter/shared/model/time-range.js";

/** The stamped samples of one table, in the order of writing. */
export interface FoundStamped {
  readonly target: Labels;
  readonly parts: StampedPart[];
}

export interface StampedReaderParts {
  readonly targetLabels: TargetLabelCache;
  /** Called for a part that cannot be read and is left out of the answer. */
  readonly onUnreadable: (error: unknown) => void;
}

/** Cost of joining the parts of a series, in values looked at. */
const WORK_PER_SERIES = 64;

interface FoundSeries {
  readonly own: Labels;
  readonly parts: SeriesSamples[];
}

/**
 * Reads series with timestamps of their own. Series with equal times come as one table.
 *
 * @throws {MovedRowsError} and what `pace` throws, nothing else
 */
export async function readStamped(
  { target, parts }: FoundStamped,
  range: TimeRange,
  pace: Pace,
  { targetLabels, onUnreadable }: StampedReaderParts,
): Promise<TableOfTarget[]> {
  const found = new Map<Labels | string, FoundSeries>();
  const watched = new WatchedPace(pace);
  for (const part of parts) {
    let samples: readonly SeriesSamples[];
    try {
      samples = await part.read(range, watched);
    } catch (error) {
      if (watched.ending !== undefined) throw watched.ending;
      if (error instanceof MovedRowsError) throw error;
      onUnreadable(error);
      continue;
    }
    collect(found, part.labels, samples, parts.length === 1);
    if (pace.isDue(samples.length * WORK_PER_SERIES)) await pace.pause();
  }
  const joiner = new SamplesJoiner();
  const byTimes = new Map<Float64Array, SelectedSeries[]>();
  for (const { own, parts: ofSeries } of found.values()) {
    const { timestamps, values } = joiner.join(ofSeries);
    const series = { labels: targetLabels.join(own, target), values, dense: isDense(values) };
    const alike = byTimes.get(timestamps);
    if (alike === undefined) byTimes.set(timestamps, [series]);
    else alike.push(series);
    if (pace.isDue(WORK_PER_SERIES + values.length)) await pace.pause();
  }
  const own = Array.from(found.values(), (series) => series.own);
  return Array.from(byTimes, ([timestamps, series], index): TableOfTarget => {
    const table: SelectedTable = { timestamps, series };
    return { target, own, table, isContinued: index > 0 };
  });
}

/** @param isOnly true when no other part can have the same series: then no keys need be compared */
function collect(
  found: Map<Labels | string, FoundSeries>,
  labels: readonly Labels[],
  samples: readonly SeriesSamples[],
  isOnly: boolean,
): void {
  for (const [index, own] of labels.entries()) {
    const of = samples[index];
    if (of === undefined || of.timestamps.length === 0) continue;
    const key = isOnly ? own : own.key;
    const known = found.get(key);
    if (known === undefined) found.set(key, { own, parts: [of] });
    else known.parts.push(of);
  }
}
