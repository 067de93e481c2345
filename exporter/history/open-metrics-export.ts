import { compareStrings } from "../shared/model/labels.js";
import type { MetricDefinition } from "../shared/model/metric.js";
import { linesOf, type StoredHistory } from "./stored-history.js";

/** Most text of samples held in memory; a single series may exceed it. */
const MAX_HELD_CHARACTERS = 32 * 1024 * 1024;
/** Memory of the objects of one sample, in characters. */
const SAMPLE_OVERHEAD_CHARACTERS = 48;

interface Series {
  readonly name: string;
  readonly text: string;
  characters: number;
}

interface HeldSample {
  readonly timestampMs: number;
  readonly value: string;
}

export interface ExportOptions {
  readonly sinceMs: number;
  readonly metrics: readonly MetricDefinition[];
  /** Resolves when more can be written. */
  readonly write: (text: string) => Promise<void>;
  readonly maxHeldCharacters?: number;
}

/**
 * Writes the history as OpenMetrics 1.0: metric families in the order of their names, each series
 * as a whole in the order of time. If a series has two samples at one time, the first counts.
 *
 * The history is read once to find the series, and then once for every group of series that fits
 * {@link MAX_HELD_CHARACTERS}. Memory is bounded by that, by the number of series, and by the
 * longest series.
 *
 * @returns the number of samples written
 */
export async function exportOpenMetrics(
  history: StoredHistory,
  options: ExportOptions,
): Promise<number> {
  const { sinceMs, metrics, write, maxHeldCharacters = MAX_HELD_CHARACTERS } = options;
  const definitions = new Map(metrics.map((metric) => [metric.name, metric]));
  const series = await findSeries(history, sinceMs);
  let lastName: string | undefined;
  let samples = 0;
  for (const part of partsOf(series, maxHeldCharacters)) {
    const held = await readPart(history, sinceMs, part);
    for (const { name, text } of part) {
      if (name !== lastName) await write(headOf(name, definitions.get(name)));
      lastName = name;
      const lines = linesInTime(text, held.get(text) ?? []);
      samples += lines.length;
      await write(lines.join(""));
    }
  }
  await write("# EOF\n");
  return samples;
}

async function findSeries(history: StoredHistory, sinceMs: number): Promise<Series[]> {
  const found = new Map<string, Series>();
  for await (const text of history.members(sinceMs)) {
    for (const { series, value } of linesOf(text, sinceMs)) {
      const characters = value.length + SAMPLE_OVERHEAD_CHARACTERS;
      const known = found.get(series);
      if (known === undefined)
        found.set(series, { name: nameOf(series), text: series, characters });
      else known.characters += characters;
    }
  }
  return [...found.values()].sort(
    (left, right) => compareStrings(left.name, right.name) || compareStrings(left.text, right.text),
  );
}

function* partsOf(series: readonly Series[], maxCharacters: number): Generator<Series[], void> {
  let part: Series[] = [];
  let characters = 0;
  for (const one of series) {
    if (part.length > 0 && characters + one.characters > maxCharacters) {
      yield part;
      part = [];
      characters = 0;
    }
    part.push(one);
    characters += one.characters;
  }
  if (part.length > 0) yield part;
}

async function readPart(
  history: StoredHistory,
  sinceMs: number,
  part: readonly Series[],
): Promise<Map<string, HeldSample[]>> {
  const held = new Map<string, HeldSample[]>(part.map(({ text }) => [text, []]));
  for await (const text of history.members(sinceMs)) {
    for (const { series, value, timestampMs } of linesOf(text, sinceMs)) {
      held.get(series)?.push({ timestampMs, value });
    }
  }
  return held;
}

function linesInTime(series: string, samples: HeldSample[]): string[] {
  samples.sort((left, right) => left.timestampMs - right.timestampMs); // The clock may have been set back.
  const isFirst = ({ timestampMs }: HeldSample, index: number): boolean =>
    samples[index - 1]?.timestampMs !== timestampMs;
  return samples
    .filter(isFirst)
    .map(({ value, timestampMs }) => `${series} ${value} ${formatSeconds(timestampMs)}\n`);
}

/** Exact: thousandths are written as digits, not computed as a binary fraction. */
function formatSeconds(timestampMs: number): string {
  const digits = String(timestampMs).padStart(4, "0");
  return `${digits.slice(0, -3)}.${digits.slice(-3)}`;
}

/** OpenMetrics names the family of a counter without the `_total` of its samples. */
function headOf(name: string, metric: MetricDefinition | undefined): string {
  if (metric === undefined) return `# TYPE ${name} unknown\n`;
  const family = metric.type === "counter" ? name.replace(/_total$/, "") : name;
  return `# HELP ${family} ${escapeHelp(metric.help)}\n# TYPE ${family} ${metric.type}\n`;
}

const escapeHelp = (help: string): string =>
  help.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");

function nameOf(series: string): string {
  const brace = series.indexOf("{");
  return brace < 0 ? series : series.slice(0, brace);
}
