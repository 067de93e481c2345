import type { TimeRange } from "../../exporter/shared/model/time-range.js";
import type { ChunkLog } from "./chunk-log.js";
import type { Chunk } from "./chunk.js";
import type { LayoutRegistry } from "./layout-registry.js";
import { cutRows, type Piece, type PieceRows } from "./piece.js";
import type { RowWindow } from "./row-window.js";
import type { TableKey } from "./sample-writer.js";
import type { SelectedColumns, SeriesSelection } from "./series-selection.js";
import type { StreamRows, Table } from "./table.js";

/** What of a table is not in blocks, as parts of an answer: earlier written ones first. */
export interface HeadPieces {
  /** In the order of time, not overlapping. */
  readonly main: readonly Piece[];
  readonly late: readonly Piece[];
}

const NO_PIECES: readonly Piece[] = [];

export interface HeadReader {
  readonly registry: LayoutRegistry;
  readonly chunkLog: ChunkLog;
}

/**
 * Finds the parts of a table with rows in the range, those without wanted series too; rows still in a window are copied
 * at once.
 */
export function findHeadPieces(
  reader: HeadReader,
  { labels: target }: TableKey,
  { main, late }: Table["streams"],
  selection: SeriesSelection,
  range: TimeRange,
): HeadPieces {
  const satisfied = selection.satisfiedBy(target);
  const ofStream = (rows: StreamRows): readonly Piece[] => {
    const fromMs = Math.max(range.fromMs, rows.coveredUntilMs); // What blocks hold is read from there.
    if (fromMs >= range.untilMs) return NO_PIECES;
    const unblocked = { fromMs, untilMs: range.untilMs };
    const pieces: Piece[] = [];
    for (const chunk of rows.chunks) {
      if (chunk.lastMs < fromMs || chunk.fromMs >= range.untilMs) continue;
      const selected = selection.columns(chunk.layout, satisfied);
      pieces.push(pieceOfChunk(reader, chunk, selected, unblocked));
    }
    const piece = pieceOfWindow(reader, rows.window, selection, satisfied, unblocked);
    if (piece !== undefined) pieces.push(piece);
    return pieces.length === 0 ? NO_PIECES : pieces;
  };
  return { main: ofStream(main), late: ofStream(late) };
}

function pieceOfChunk(
  { chunkLog }: HeadReader,
  chunk: Chunk,
  { columns, labels }: SelectedColumns,
  range: TimeRange,
): Piece {
  return {
    labels,
    fromMs: Math.max(chunk.fromMs, range.fromMs),
    lastMs: Math.min(chunk.lastMs, range.untilMs - 1),
    rows: chunk.rows,
    inChunk: { chunk, columns, range },
    read: async () => cutRows(await chunkLog.read(chunk, columns), range),
  };
}

function pieceOfWindow(
  { registry }: HeadReader,
  window: RowWindow | undefined,
  selection: SeriesSelection,
  satisfied: number,
  range: TimeRange,
): Piece | undefined {
  if (window === undefined) return undefined;
  const from = window.rowAtOrAfter(range.fromMs);
  const until = window.rowAtOrAfter(range.untilMs);
  if (from >= until) return undefined;
  const { columns, labels } = columnsOfWindow(window, registry, selection, satisfied);
  const rows: PieceRows = {
    timestamps: window.copyTimestamps(from, until),
    columns: Array.from(columns, (column) => window.copyColumn(column, from, until)),
  };
  return {
    labels,
    fromMs: window.timestampAt(from),
    lastMs: window.timestampAt(until - 1),
    rows: until - from,
    inMemory: rows,
    read: () => rows,
  };
}

function columnsOfWindow(
  window: RowWindow,
  registry: LayoutRegistry,
  selection: SeriesSelection,
  satisfied: number,
): SelectedColumns {
  const { sharedLayout } = window;
  if (sharedLayout !== undefined) return selection.columns(sharedLayout, satisfied);
  const ids = window.columns;
  const columns = selection.columnsAmong(ids, satisfied);
  return {
    columns,
    labels: Array.from(columns, (column) => registry.labels(ids[column] as number)),
  };
}
