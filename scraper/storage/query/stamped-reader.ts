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

/** Tables that are remembered, for series that share their times. */
const RECENT_TABLES = 1024;
/** Cost of a series besides its samples, in values looked at. */
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
  const read: ReadPart[] = [];
  const watched = new WatchedPace(pace);
  for (const part of parts) {
    try {
      read.push({ labels: part.labels, samples: await part.read(range, watched) });
    } catch (error) {
      if (watched.ending !== undefined) throw watched.ending;
      if (error instanceof MovedRowsError) throw error;
      onUnreadable(error);
    }
  }
  const [only] = read;
  const { labels, samples } =
    read.length === 1 && only !== undefined ? only : await joinParts(read, pace);
  return tablesOf(labels, samples, { target, targetLabels, pace });
}

/** One list of samples for each label set. */
interface ReadPart {
  readonly labels: readonly Labels[];
  readonly samples: readonly SeriesSamples[];
}

/** Joins the samples of each series. */
async function joinParts(read: readonly ReadPart[], pace: Pace): Promise<ReadPart> {
  const found = new Map<string, FoundSeries>();
  for (const { labels, samples } of read) {
    for (const [index, own] of labels.entries()) {
      const ofSeries = samples[index];
      if (ofSeries === undefined || ofSeries.timestamps.length === 0) continue;
      const known = found.get(own.key);
      if (known === undefined) found.set(own.key, { own, parts: [ofSeries] });
      else known.parts.push(ofSeries);
      if (pace.isDue(WORK_PER_SERIES)) await pace.pause();
    }
  }
  const joiner = new SamplesJoiner();
  const labels: Labels[] = [];
  const samples: SeriesSamples[] = [];
  for (const { own, parts } of found.values()) {
    const joined = joiner.join(parts);
    labels.push(own);
    samples.push(joined);
    if (pace.isDue(WORK_PER_SERIES + joined.values.length)) await pace.pause();
  }
  return { labels, samples };
}

interface GrowingTable extends SelectedTable {
  readonly series: SelectedSeries[];
}

/**
 * Makes tables of series with equal times. Some of them may get a table of their own: a map of all lists
 * would cost more than it saves where nearly all are different.
 */
async function tablesOf(
  own: readonly Labels[],
  samples: readonly SeriesSamples[],
  {
    target,
    targetLabels,
    pace,
  }: { readonly target: Labels; readonly pace: Pace } & Pick<StampedReaderParts, "targetLabels">,
): Promise<TableOfTarget[]> {
  const tables: TableOfTarget[] = [];
  const recent = new Array<GrowingTable | undefined>(RECENT_TABLES).fill(undefined);
  let index = 0;
  for (const { timestamps, values } of samples) {
    const labels = own[index++];
    if (labels === undefined || timestamps.length === 0) continue;
    const series = {
      labels: targetLabels.join(labels, target),
      values,
      dense: isDense(values),
    };
    const place = Math.abs(timestamps[0] as number) % RECENT_TABLES;
    const alike = recent[place];
    if (alike?.timestamps === timestamps) alike.series.push(series);
    else {
      const table = { timestamps, series: [series] };
      recent[place] = table;
      tables.push({ target, own, source: samples, table });
    }
    if (pace.isDue(WORK_PER_SERIES + values.length)) await pace.pause();
  }
  return tables;
}
