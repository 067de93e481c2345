import type { TimeRange } from "../../../exporter/shared/model/time-range.js";
import { firstIndexWhere } from "../../base/binary-search.js";
import type { ChunkLog } from "./chunk-log.js";
import type { Chunk } from "../model/chunk.js";
import type { LayoutRegistry } from "../model/layout-registry.js";
import { cutRows, type Piece, type PieceRows } from "../model/piece.js";
import type { RowWindow } from "./row-window.js";
import type { TableKey } from "../model/sample-writer.js";
import type { SelectedColumns } from "../selection/selection-memory.js";
import type { SeriesSelection } from "../selection/series-selection.js";
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
 * Finds the parts of a table with rows in the range; those without wanted series too, if any stream
 * of the table has such. Rows still in a window are copied at once.
 */
export function findHeadPieces(
  reader: HeadReader,
  { labels: target }: TableKey,
  { main, late }: Table["streams"],
  selection: SeriesSelection,
  range: TimeRange,
): HeadPieces {
  const satisfied = selection.satisfiedBy(target);
  const search = { reader, selection, satisfied };
  return {
    main: piecesOfStream(main, chunksWithin(main, range), search, range),
    late: isEmpty(late) ? NO_PIECES : piecesOfStream(late, late.chunks, search, range),
  };
}

interface Search {
  readonly reader: HeadReader;
  readonly selection: SeriesSelection;
  readonly satisfied: number;
}

const isEmpty = ({ chunks, window }: StreamRows): boolean =>
  chunks.length === 0 && window === undefined;

/** Chunks of the main stream with rows in the range; these are in the order of time. */
function chunksWithin({ chunks }: StreamRows, { fromMs, untilMs }: TimeRange): readonly Chunk[] {
  const first = firstIndexWhere(chunks, ({ lastMs }) => lastMs >= fromMs);
  const behind = firstIndexWhere(chunks, (chunk) => chunk.fromMs >= untilMs, first);
  return behind - first === chunks.length ? chunks : chunks.slice(first, behind);
}

function piecesOfStream(
  rows: StreamRows,
  chunks: readonly Chunk[],
  { reader, selection, satisfied }: Search,
  range: TimeRange,
): readonly Piece[] {
  const fromMs = Math.max(range.fromMs, rows.coveredUntilMs); // What blocks hold is read from there.
  if (fromMs >= range.untilMs) return NO_PIECES;
  const unblocked = { fromMs, untilMs: range.untilMs };
  const pieces: Piece[] = [];
  let isWanted = false;
  let layout: Chunk["layout"] | undefined;
  let selected: SelectedColumns | undefined;
  for (const chunk of chunks) {
    if (chunk.lastMs < fromMs || chunk.fromMs >= range.untilMs) continue;
    // Nearly always the layout is that of the chunk before.
    if (selected === undefined || chunk.layout !== layout) {
      layout = chunk.layout;
      selected = selection.columns(layout, satisfied);
      isWanted ||= selected.columns.length > 0;
    }
    pieces.push(new ChunkPiece(reader.chunkLog, chunk, selected, unblocked));
  }
  const piece = pieceOfWindow(reader, rows.window, selection, satisfied, unblocked);
  if (piece !== undefined) pieces.push(piece);
  isWanted ||= piece !== undefined && piece.labels.length > 0;
  return isWanted ? pieces : NO_PIECES;
}

/** What of a chunk is wanted. */
class ChunkPiece implements Piece {
  readonly labels: SelectedColumns["labels"];
  readonly columns: Uint32Array;
  readonly fromMs: number;
  readonly lastMs: number;
  readonly rows: number;

  constructor(
    private readonly chunkLog: ChunkLog,
    readonly chunk: Chunk,
    { columns, labels }: SelectedColumns,
    /** Of its rows, those that blocks do not hold, until the end of what was asked for. */
    readonly range: TimeRange,
  ) {
    this.labels = labels;
    this.columns = columns;
    this.fromMs = Math.max(chunk.fromMs, range.fromMs);
    this.lastMs = Math.min(chunk.lastMs, range.untilMs - 1);
    this.rows = chunk.rows;
  }

  get inChunk(): this {
    return this;
  }

  get aheadUntilMs(): number {
    return this.chunk.lastMs + 1;
  }

  async read(): Promise<PieceRows> {
    return cutRows(await this.chunkLog.read(this.chunk, this.columns), this.range);
  }
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
