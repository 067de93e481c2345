import { parseExposition } from "../shared/codec/exposition/exposition-parser.js";
import type { Family } from "../shared/model/family.js";
import { formatFamilyLines } from "../shared/model/human-lines.js";
import { namedValue, type NamedValue, SampleReading } from "../shared/model/sample-reading.js";
import { linesOf, type StoredHistory } from "./stored-history.js";

/** A family's line uses values of its collectors that are at most this old. */
const FRESH_MS = 600_000;
const RUN_END = /^pihealth_collector_success\{collector="([a-z_]+)"\}$/;
const ABOUT_RUN = "pihealth_collector_";

/** The last run of a collector. */
interface Run {
  readonly timestampMs: number;
  /** Its samples in the text exposition format without timestamps. */
  readonly text: string;
}

export interface FamilyLine {
  readonly family: Family;
  readonly line: string;
}

/**
 * The human lines of a history: for every successful run of a family's collector, the line that
 * `pihealth get` would have printed right after it.
 */
export async function* familyLines(
  history: StoredHistory,
  { families, sinceMs }: { readonly families: readonly Family[]; readonly sinceMs: number },
): AsyncGenerator<FamilyLine, void> {
  const runs = new Map<string, Run>();
  // The first line uses values that other collectors reported shortly before.
  const readSinceMs = sinceMs - FRESH_MS;
  for await (const text of history.members(readSinceMs)) {
    for (const collector of replay(text, readSinceMs, runs)) {
      const family = families.find((candidate) => candidate === collector);
      const timestampMs = runs.get(collector)?.timestampMs ?? 0;
      if (family === undefined || timestampMs < sinceMs) continue;
      const reading = new SampleReading(timestampMs, valuesOf(runs, timestampMs));
      for (const line of formatFamilyLines(family, reading)) yield { family, line };
    }
  }
}

/** @yields the collector of every successful run, when `runs` contains it */
function* replay(text: string, sinceMs: number, runs: Map<string, Run>): Generator<string, void> {
  let lines: string[] = [];
  for (const { series, value, timestampMs } of linesOf(text, sinceMs)) {
    // The samples of a run come first, then the samples about the run, of which this is the first.
    const collector = RUN_END.exec(series)?.[1];
    if (collector === undefined) {
      if (!series.startsWith(ABOUT_RUN)) lines.push(`${series} ${value}\n`);
      continue;
    }
    if (value === "1") runs.set(collector, { timestampMs, text: lines.join("") });
    lines = [];
    if (value === "1") yield collector;
  }
}

function* valuesOf(runs: ReadonlyMap<string, Run>, nowMs: number): Generator<NamedValue, void> {
  for (const { timestampMs, text } of runs.values()) {
    if (Math.abs(nowMs - timestampMs) > FRESH_MS) continue;
    yield* parseExposition(text).samples.map(namedValue);
  }
}
