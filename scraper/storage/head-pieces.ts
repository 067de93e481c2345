import type { Labels } from "../../exporter/shared/model/labels.js";
import type { TimeRange } from "../../exporter/shared/model/time-range.js";
import type { ChunkLog } from "./chunk-log.js";
import type { Chunk } from "./chunk.js";
import type { LayoutRegistry } from "./layout-registry.js";
import { cutRows, type Piece, type PieceRows } from "./piece.js";
import type { RowWindow } from "./row-window.js";
import type { SeriesSelection } from "./series-selection.js";
import type { StreamRows, Table } from "./table.js";

/** What of a table is not in blocks, as parts of an answer: earlier written ones first. */
export interface HeadPieces {
  readonly main: readonly Piece[];
  readonly late: readonly Piece[];
}

export interface HeadReader {
  readonly registry: LayoutRegistry;
  readonly chunkLog: ChunkLog;
}

/**
 * Finds the parts of a table that hold wanted series; rows still in a window are copied at once.
 */
export function findHeadPieces(
  reader: HeadReader,
  table: Table,
  selection: SeriesSelection,
  range: TimeRange,
): HeadPieces {
  const satisfied = selection.satisfiedBy(table.key.labels);
  const ofStream = (rows: StreamRows): Piece[] => {
    const pieces: Piece[] = [];
    const fromMs = Math.max(range.fromMs, rows.coveredUntilMs); // What blocks hold is read from there.
    const unblocked = { fromMs, untilMs: range.untilMs };
    for (const chunk of rows.chunks) {
      const piece = findInChunk(reader, chunk, selection, satisfied, unblocked);
      if (piece !== undefined) pieces.push(piece);
    }
    const piece = findInWindow(reader, rows.window, selection, satisfied, unblocked);
    if (piece !== undefined) pieces.push(piece);
    return pieces;
  };
  return { main: ofStream(table.streams.main), late: ofStream(table.streams.late) };
}

function findInChunk(
  { chunkLog }: HeadReader,
  chunk: Chunk,
  selection: SeriesSelection,
  satisfied: number,
  range: TimeRange,
): Piece | undefined {
  if (chunk.lastMs < range.fromMs || chunk.fromMs >= range.untilMs) return undefined;
  const columns = selection.columns(chunk.layout, satisfied);
  if (columns.length === 0) return undefined;
  return {
    labels: labelsOf(chunk.layout.series, columns),
    fromMs: chunk.fromMs,
    lastMs: chunk.lastMs,
    read: async () => cutRows(await chunkLog.read(chunk, columns), range),
  };
}

function findInWindow(
  { registry }: HeadReader,
  window: RowWindow | undefined,
  selection: SeriesSelection,
  satisfied: number,
  range: TimeRange,
): Piece | undefined {
  if (window === undefined) return undefined;
  const from = window.rowAtOrAfter(range.fromMs);
  const until = window.rowAtOrAfter(range.untilMs);
  if (from === until) return undefined;
  const { sharedLayout } = window;
  const ids = window.columns;
  const columns =
    sharedLayout === undefined
      ? selection.columnsAmong(ids, satisfied)
      : selection.columns(sharedLayout, satisfied);
  if (columns.length === 0) return undefined;
  const rows: PieceRows = {
    timestamps: window.copyTimestamps(from, until),
    columns: Array.from(columns, (column) => window.copyColumn(column, from, until)),
  };
  const labels =
    sharedLayout === undefined
      ? Array.from(columns, (column) => registry.labels(ids[column] as number))
      : labelsOf(sharedLayout.series, columns);
  return {
    labels,
    fromMs: window.timestampAt(from),
    lastMs: window.timestampAt(until - 1),
    read: () => rows,
  };
}

function labelsOf(series: readonly Labels[], columns: Uint32Array): Labels[] {
  return Array.from(columns, (column) => series[column] as Labels);
}
