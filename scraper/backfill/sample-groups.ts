import {
  ENTRY,
  ExpositionReader,
} from "../../exporter/shared/codec/exposition/exposition-parser-reader.js";
import type { WrittenLabels } from "../../exporter/shared/codec/exposition/exposition-parser-labels.js";

/** A series as the lines of a history name it. */
export class WrittenSeries {
  /** The series that followed it last; nearly always the one that follows again. */
  next: WrittenSeries | undefined;
  /** Groups that begin with this series. */
  readonly groups: SampleGroup[] = [];

  /** @param text what stands before the value, with the space */
  constructor(
    readonly text: string,
    /** Undefined when the text is no series. */
    readonly written: WrittenLabels | undefined,
  ) {}
}

/** The series of lines that follow each other with one timestamp. One object for equal lists. */
export interface SampleGroup {
  readonly series: readonly WrittenSeries[];
}

/** Samples of one instant by the clock of the Pi. */
export interface GroupedSamples {
  readonly timestampMs: number;
  readonly group: SampleGroup;
  /** One per series of the group. */
  readonly values: Float64Array;
}

/** Past so many different series, as hostile ones may be, what was seen is forgotten. */
const MAX_SERIES = 100_000;
const MAX_GROUPS_PER_SERIES = 256;
const LINE = /^(.*[^ ] )([^ ]+) (\d{1,15})$/;

/** Reads the lines of members. Keeps what it saw, so that a line like the one before costs a comparison. */
export class GroupReader {
  private readonly byText = new Map<string, WrittenSeries>();
  private series: WrittenSeries[] = [];
  private values: number[] = [];
  /** Lines that are none of samples. */
  damagedLines = 0;

  /** @param text of a member, its header included */
  read(text: string, onGroup: (samples: GroupedSamples) => void): void {
    if (this.byText.size > MAX_SERIES) this.byText.clear();
    let timeText = "";
    let last: WrittenSeries | undefined;
    for (let at = text.indexOf("\n") + 1; at > 0 && at < text.length;) {
      const lineEnd = endOfLine(text, at);
      const expected = last?.next;
      let series: WrittenSeries | undefined;
      let valueText: string;
      let time: string;
      if (expected !== undefined && text.startsWith(expected.text, at)) {
        series = expected;
        const valueStart = at + expected.text.length;
        const valueEnd = text.indexOf(" ", valueStart);
        valueText = text.slice(valueStart, valueEnd);
        time = text.slice(valueEnd + 1, lineEnd);
      } else {
        const match = LINE.exec(text.slice(at, lineEnd));
        series = match === null ? undefined : this.seriesOf(match[1] as string);
        valueText = match?.[2] ?? "";
        time = match?.[3] ?? "";
        if (last !== undefined && series !== undefined) last.next = series;
      }
      at = lineEnd + 1;
      const value = valueOf(valueText);
      if (series?.written === undefined || value === undefined) {
        this.damagedLines++;
        continue;
      }
      if (time !== timeText) {
        this.end(timeText, onGroup);
        timeText = time;
      }
      this.series.push(series);
      this.values.push(value);
      last = series;
    }
    this.end(timeText, onGroup);
  }

  private end(timeText: string, onGroup: (samples: GroupedSamples) => void): void {
    const { series, values } = this;
    const timestampMs = Number(timeText);
    if (series.length > 0 && Number.isSafeInteger(timestampMs)) {
      onGroup({ timestampMs, group: groupOf(series), values: Float64Array.from(values) });
    }
    this.series = [];
    this.values = [];
  }

  private seriesOf(text: string): WrittenSeries {
    const known = this.byText.get(text);
    if (known !== undefined) return known;
    const series = new WrittenSeries(text, parseSeries(text));
    this.byText.set(text, series);
    return series;
  }
}

function endOfLine(text: string, at: number): number {
  const end = text.indexOf("\n", at);
  return end === -1 ? text.length : end;
}

function groupOf(series: readonly WrittenSeries[]): SampleGroup {
  const { groups } = series[0] as WrittenSeries;
  const known = groups.find((group) => {
    return (
      group.series.length === series.length &&
      group.series.every((one, index) => one === series[index])
    );
  });
  if (known !== undefined) return known;
  const group = { series: [...series] };
  if (groups.length < MAX_GROUPS_PER_SERIES) groups.push(group);
  return group;
}

function valueOf(text: string): number | undefined {
  const value = Number(text);
  if (!Number.isNaN(value)) return text === "" ? undefined : value;
  if (text === "NaN") return value;
  if (text === "+Inf") return Number.POSITIVE_INFINITY;
  return text === "-Inf" ? Number.NEGATIVE_INFINITY : undefined;
}

function parseSeries(text: string): WrittenLabels | undefined {
  try {
    const reader = new ExpositionReader(Buffer.from(`${text}0\n`), "text");
    return reader.next() === ENTRY.sample ? reader.labels() : undefined;
  } catch {
    return undefined; // Counted by the caller as a damaged line.
  }
}
