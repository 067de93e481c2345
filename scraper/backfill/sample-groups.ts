import {
  ENTRY,
  ExpositionReader,
} from "../../exporter/shared/codec/exposition/exposition-parser-reader.js";
import type { WrittenLabels } from "../../exporter/shared/codec/exposition/exposition-parser-labels.js";

/** A series as a history writes it. */
export class WrittenSeries {
  /**
   * The series of the next line when this one was read last; nearly always the same the next time.
   */
  next: WrittenSeries | undefined;
  /** Groups that begin with this series. */
  readonly groups: SampleGroup[] = [];

  /** @param text the part of the line before the value, with the space */
  constructor(
    readonly text: string,
    /** Undefined when the text is no series. */
    readonly written: WrittenLabels | undefined,
  ) {}
}

/** The series of consecutive lines with one timestamp. Equal lists share one object. */
export interface SampleGroup {
  readonly series: readonly WrittenSeries[];
}

/** Samples with one timestamp, by the clock of the Pi. */
export interface GroupedSamples {
  readonly timestampMs: number;
  readonly group: SampleGroup;
  /** One per series of the group. */
  readonly values: Float64Array;
}

/** With more different series, as a hostile history may have, the cache is cleared. */
const MAX_SERIES = 100_000;
const MAX_GROUPS_PER_SERIES = 256;
/** Series that are compared to find a known group; large groups are remembered less often. */
const MAX_COMPARED_SERIES = 200_000;
const SLICE_CHARACTERS = 65_536;
/** A longer line is damage. */
const MAX_LINE_CHARACTERS = 65_536;
const LINE = /^(.*[^ ] )([^ ]+) (\d{1,15})$/;

/**
 * Reads the lines of members. It caches series, so a line that follows the same line as before
 * costs one comparison.
 */
export class GroupReader {
  private readonly byText = new Map<string, WrittenSeries>();
  private series: WrittenSeries[] = [];
  private values: number[] = [];
  /** Lines that are not samples. */
  damagedLines = 0;

  /** @param text of a member with its header */
  read(text: string, onGroup: (samples: GroupedSamples) => void): void {
    const slices = this.readInSlices(text, onGroup);
    while (slices.next().done !== true);
  }

  /**
   * Reads a member with pauses: it yields after each part of some 64 KiB, so that the caller can let
   * other work run.
   */
  *readInSlices(
    text: string,
    onGroup: (samples: GroupedSamples) => void,
  ): Generator<undefined, void> {
    if (this.byText.size > MAX_SERIES) this.byText.clear();
    let timeText = "";
    let last: WrittenSeries | undefined;
    let sliceEnd = SLICE_CHARACTERS;
    for (let at = text.indexOf("\n") + 1; at > 0 && at < text.length;) {
      const lineEnd = endOfLine(text, at);
      if (at > sliceEnd) {
        yield;
        sliceEnd = at + SLICE_CHARACTERS;
      }
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
        const line = lineEnd - at > MAX_LINE_CHARACTERS ? "" : text.slice(at, lineEnd);
        const match = LINE.exec(line);
        const [, seriesText = "", value = "", timestamp = ""] = match ?? [];
        series = match === null ? undefined : this.seriesOf(seriesText);
        valueText = value;
        time = timestamp;
        if (last !== undefined && series !== undefined) last.next = series;
      }
      at = lineEnd + 1;
      const value = valueOf(valueText);
      const isFull = this.series.length >= MAX_SERIES && time === timeText;
      if (series?.written === undefined || value === undefined || isFull) {
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
    const [first] = series;
    if (first !== undefined && Number.isSafeInteger(timestampMs)) {
      onGroup({ timestampMs, group: groupOf(first, series), values: Float64Array.from(values) });
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

/** @param first the first of `series` */
function groupOf(first: WrittenSeries, series: readonly WrittenSeries[]): SampleGroup {
  const { groups } = first;
  const known = groups.find((group) => {
    return (
      group.series.length === series.length &&
      group.series.every((one, index) => one === series[index])
    );
  });
  if (known !== undefined) return known;
  const group = { series: [...series] };
  const isCheap = (groups.length + 1) * series.length <= MAX_COMPARED_SERIES || groups.length === 0;
  if (groups.length < MAX_GROUPS_PER_SERIES && isCheap) groups.push(group);
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
