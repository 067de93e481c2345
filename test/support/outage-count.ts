import { JsonFields } from "../../exporter/shared/codec/json-fields.js";
import { itemAt } from "../../exporter/shared/model/get-or-throw.js";
import type { TimeRange } from "../../exporter/shared/model/time-range.js";
import type { PacedMaster, TimedGap } from "./paced-master.js";
import type { RecordedHistory, SamplesBySeries, TimedSample } from "./recorded-history.js";

/** Result of an outage, counted in samples. */
export interface OutageCount {
  /**
   * Samples in filled ranges: recorded by the Pi, stored with the same value and time, stored in
   * addition.
   */
  readonly recorded: number;
  readonly present: number;
  readonly duplicated: number;
  /** Stretches in filled ranges in which the Pi recorded nothing. */
  readonly falselyFilled: number;
  /**
   * Samples seen by the witness, and of these: equal here, missing in a lost range, missing without
   * a cause.
   */
  readonly witnessed: number;
  readonly equal: number;
  readonly explained: number;
  readonly unexplained: number;
  readonly lostSeconds: number;
  readonly causes: string;
  /** Every lost range. */
  readonly lost: readonly string[];
  /** The first wrong samples, and the gaps. */
  readonly wrong: readonly string[];
}

/** Reads a count that another process wrote as JSON. */
export function parseOutageCount(text: string): OutageCount {
  const fields = JsonFields.parse(text, "count of an outage");
  return {
    recorded: fields.integer("recorded"),
    present: fields.integer("present"),
    duplicated: fields.integer("duplicated"),
    falselyFilled: fields.integer("falselyFilled"),
    witnessed: fields.integer("witnessed"),
    equal: fields.integer("equal"),
    explained: fields.integer("explained"),
    unexplained: fields.integer("unexplained"),
    lostSeconds: fields.number("lostSeconds"),
    causes: fields.text("causes"),
    lost: fields.texts("lost"),
    wrong: fields.texts("wrong"),
  };
}

export interface CountOrder {
  readonly master: PacedMaster;
  readonly witness: PacedMaster;
  readonly history: RecordedHistory;
  readonly gaps: readonly TimedGap[];
  /** The outage. */
  readonly range: TimeRange;
  /** Largest distance of a stored sample from its true time, for clocks that were wrong. */
  readonly toleranceMs: number;
  /**
   * This close to the end of a range, a sample may be on the other side, by the clock of the
   * master.
   */
  readonly edgeMs: number;
  /** Largest difference between the values of a scrape and its timestamp, older and newer. */
  readonly ageMs: number;
  readonly latencyMs: number;
}

const ALL = '{__name__=~"pihealth_.+"}';
const MARGIN_MS = 600_000;
const MAX_WRONG = 12;

/** Compares the samples of the master with the history of the Pi and with the witness. */
export async function countOutage(order: CountOrder): Promise<OutageCount> {
  const { master, witness, history, gaps, range, toleranceMs, edgeMs } = order;
  const filled = gaps
    .filter(({ state }) => state === "filled")
    .map((gap) => narrowed(gap, Math.max(toleranceMs, edgeMs)));
  const lost = gaps.filter(({ state }) => state === "lost");
  const wide = {
    fromMs: Math.min(range.fromMs, ...gaps.map(({ fromMs }) => fromMs)) - MARGIN_MS,
    untilMs: Math.max(range.untilMs, ...gaps.map(({ untilMs }) => untilMs)) + MARGIN_MS,
  };
  const recorded = history.samples(wide);
  const stored = await master.stored(ALL, wide);
  const seen = await witness.stored(ALL, range);
  const wrong: string[] = emptyStretches(recorded, gaps, { leastMs: 2 * order.ageMs });
  return {
    falselyFilled: wrong.length,
    ...compareRecorded(recorded, stored, { filled, toleranceMs, wrong }),
    ...compareWitness(recorded, seen, stored, { ...order, lost, wrong }),
    lostSeconds: lost.reduce((sum, { fromMs, untilMs }) => sum + untilMs - fromMs, 0) / 1000,
    causes: [...new Set(lost.map(({ cause }) => cause))].join(", "),
    lost: lost.map(describeGap),
    wrong: wrong.length === 0 ? [] : [...firstOf(wrong), ...gaps.map(describeGap)],
  };
}

function compareRecorded(
  recorded: SamplesBySeries,
  stored: SamplesBySeries,
  { filled, toleranceMs, wrong }: { filled: TimeRange[]; toleranceMs: number; wrong: string[] },
): Pick<OutageCount, "recorded" | "present" | "duplicated"> {
  let [expected, present, duplicated] = [0, 0, 0];
  for (const [series, samples] of recorded) {
    const left = [...(stored.get(series) ?? [])];
    let from = 0;
    for (const sample of samples.toSorted((one, other) => one.timeMs - other.timeMs)) {
      while (from < left.length && itemAt(left, from).timeMs < sample.timeMs - toleranceMs) from++;
      const at = findEqual(left, sample, { from, toleranceMs });
      const isExpected = isIn(filled, sample.timeMs);
      if (isExpected) expected++;
      if (at === undefined) {
        if (isExpected) wrong.push(`missing: ${describeSample(series, sample)}`);
        continue;
      }
      if (isExpected) present++;
      left.splice(at, 1);
    }
    const beside = left.filter(({ timeMs }) => isIn(filled, timeMs));
    duplicated += beside.length;
    wrong.push(...beside.map((sample) => `stored beside: ${describeSample(series, sample)}`));
  }
  return { recorded: expected, present, duplicated };
}

/** Finds filled ranges in which nothing was recorded for several samplings. */
function emptyStretches(
  recorded: SamplesBySeries,
  gaps: readonly TimedGap[],
  { leastMs }: { leastMs: number },
): string[] {
  const times = [
    ...new Set([...recorded.values()].flatMap((samples) => samples.map(({ timeMs }) => timeMs))),
  ];
  const instants = [0, ...times.sort((one, other) => one - other), Number.POSITIVE_INFINITY];
  const filled = gaps.filter(({ state }) => state === "filled");
  return instants.slice(1).flatMap((timeMs, index) => {
    const beforeMs = itemAt(instants, index);
    return filled.flatMap(({ fromMs, untilMs }) => {
      const lengthMs = Math.min(timeMs, untilMs) - Math.max(beforeMs, fromMs);
      return lengthMs > leastMs
        ? [`falsely filled: ${lengthMs} ms between ${beforeMs} and ${timeMs}`]
        : [];
    });
  });
}

/** The nearest equal sample. */
function findEqual(
  samples: readonly TimedSample[],
  { timeMs, value }: TimedSample,
  { from, toleranceMs }: { from: number; toleranceMs: number },
): number | undefined {
  let nearest: number | undefined;
  let leastMs = Number.POSITIVE_INFINITY;
  for (let index = from; index < samples.length; index++) {
    const sample = itemAt(samples, index);
    if (sample.timeMs > timeMs + toleranceMs) break;
    const distanceMs = Math.abs(sample.timeMs - timeMs);
    if (distanceMs > toleranceMs || distanceMs >= leastMs || !Object.is(sample.value, value))
      continue;
    nearest = index;
    leastMs = distanceMs;
  }
  return nearest;
}

/** Series that are not in the history, such as the exporter's own metrics, are not compared. */
function compareWitness(
  recorded: SamplesBySeries,
  seen: SamplesBySeries,
  stored: SamplesBySeries,
  {
    lost,
    ageMs,
    latencyMs,
    wrong,
  }: { lost: readonly TimeRange[]; ageMs: number; latencyMs: number; wrong: string[] },
): Pick<OutageCount, "witnessed" | "equal" | "explained" | "unexplained"> {
  const count = { witnessed: 0, equal: 0, explained: 0, unexplained: 0 };
  for (const [series, samples] of seen) {
    if (!recorded.has(series)) continue;
    const ours = stored.get(series) ?? [];
    for (const { timeMs, value } of samples) {
      count.witnessed++;
      const isThere = ours.some((own) => {
        return (
          own.timeMs >= timeMs - ageMs &&
          own.timeMs <= timeMs + latencyMs &&
          Object.is(own.value, value)
        );
      });
      if (isThere) count.equal++;
      else if (isIn(lost, timeMs) || isIn(lost, timeMs - ageMs)) count.explained++;
      else {
        count.unexplained++;
        wrong.push(`seen by the witness: ${describeSample(series, { timeMs, value })}`);
      }
    }
  }
  return count;
}

const isIn = (ranges: readonly TimeRange[], timeMs: number): boolean =>
  ranges.some(({ fromMs, untilMs }) => timeMs >= fromMs && timeMs < untilMs);

const narrowed = ({ fromMs, untilMs }: TimeRange, byMs: number): TimeRange => ({
  fromMs: fromMs + byMs,
  untilMs: untilMs - byMs,
});

const describeSample = (series: string, { timeMs, value }: TimedSample): string =>
  `${timeMs} ${series} ${value}`;

const describeGap = ({ fromMs, untilMs, state, cause }: TimedGap): string =>
  `${state} ${cause}: ${fromMs} to ${untilMs}`;

/** A few of each kind. */
function firstOf(wrong: readonly string[]): string[] {
  const kinds = new Map<string, string[]>();
  for (const one of wrong) {
    const kind = one.slice(0, one.indexOf(":"));
    kinds.set(kind, [...(kinds.get(kind) ?? []), one].slice(0, MAX_WRONG));
  }
  return [...kinds.values()].flat();
}
