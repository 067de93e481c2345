import type { RecordPlace } from "../../../exporter/shared/journal/journal.js";
import type { Labels } from "../../../exporter/shared/model/labels.js";
import type { Chunk } from "../model/chunk.js";
import type { Stream } from "../model/record-kinds.js";
import type { RowWindow } from "./row-window.js";
import type { Layout, TableKey, TableWriter } from "../model/sample-writer.js";

/** The rows of one stream of a table that are not in blocks. */
export interface StreamRows {
  window: RowWindow | undefined;
  /** Oldest first; those of the main stream do not overlap. */
  chunks: readonly Chunk[];
  /** Row records of this stream before this place are in chunks. */
  sealedUntil: RecordPlace;
  /** Journal segment of the oldest row that is in no durable chunk. */
  oldestJournaled: number | undefined;
  /** Of the row added last. */
  lastMs: number;
  /** Rows before this are in blocks. */
  coveredUntilMs: number;
}

export type AppendResult = ReturnType<TableWriter["append"]>;

/** What a table needs of the head it belongs to. */
export type AppendRow = (
  table: Table,
  timestampMs: number,
  layout: Layout,
  values: Float64Array,
) => AppendResult;

/** Everything in memory about the samples of one target. */
export class Table implements TableWriter {
  streams: Readonly<Record<Stream, StreamRows>> = { main: emptyStream(), late: emptyStream() };
  /** The newest time known for this table; a row at or before it is late. */
  lastMs = Number.NEGATIVE_INFINITY;
  /** Rows appended since the start. */
  appendedRows = 0;

  constructor(
    readonly id: number,
    readonly key: TableKey,
    private readonly appendRow: AppendRow,
  ) {}

  append(timestampMs: number, layout: Layout, values: Float64Array): AppendResult {
    return this.appendRow(this, timestampMs, layout, values);
  }

  /** Forgets every row. */
  reset(): void {
    this.streams = { main: emptyStream(), late: emptyStream() };
    this.lastMs = Number.NEGATIVE_INFINITY;
    this.appendedRows = 0;
  }
}

/** Name of a table among all: it is known by its folder and the labels of its target. */
export const tableName = (folder: string, target: Labels): string =>
  `${folder}\u{ffff}${target.key}`;

/** Series of the newest rows. */
export function seriesIn({ window, chunks }: StreamRows): number {
  return window?.columns.length ?? chunks.at(-1)?.layout.seriesIds.length ?? 0;
}

/** True when a record at `place` comes before `other`. */
export function isBefore(place: RecordPlace, other: RecordPlace): boolean {
  if (place.sequence !== other.sequence) return place.sequence < other.sequence;
  return place.offsetBytes < other.offsetBytes;
}

function emptyStream(): StreamRows {
  return {
    window: undefined,
    chunks: [],
    sealedUntil: { sequence: 0, offsetBytes: 0 },
    oldestJournaled: undefined,
    lastMs: Number.NEGATIVE_INFINITY,
    coveredUntilMs: Number.NEGATIVE_INFINITY,
  };
}
