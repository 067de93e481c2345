import type { TimeRange } from "../../../exporter/shared/model/time-range.js";
import { firstIndexWhere } from "../../base/binary-search.js";
import type { Chunk } from "../model/chunk.js";
import type { LayoutRegistry } from "../model/layout-registry.js";
import { cutRows, MovedRowsError, type Piece, type PieceRows } from "../model/piece.js";
import type { TableKey } from "../model/sample-writer.js";
import type { SelectedColumns } from "../selection/selection-memory.js";
import type { SeriesSelection } from "../selection/series-selection.js";
import type { ChunkLog } from "./chunk-log.js";
import type { RowWindow } from "./row-window.js";
import type { StreamRows } from "./stream-rows.js";
import type { Table } from "./table.js";

/** The rows of a table that no block holds, as pieces in the order in which they were written. */
export interface HeadPieces {
  /** In the order of time, without overlap. */
  readonly main: readonly Piece[];
  readonly late: readonly Piece[];
}

const NO_PIECES: readonly Piece[] = [];

export interface HeadReader {
  readonly registry: LayoutRegistry;
  readonly chunkLog: ChunkLog;
}

/**
 * Finds the pieces of a table with rows in the range. If any piece of a stream has wanted series, the
 * pieces without them are found too. Rows in a window are copied when they are read.
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
    late: late.isEmpty ? NO_PIECES : piecesOfStream(late, late.chunks, search, range),
  };
}

interface Search {
  readonly reader: HeadReader;
  readonly selection: SeriesSelection;
  readonly satisfied: number;
}

/** Chunks of the main stream, which are in the order of time, with rows in the range. */
function chunksWithin({ chunks }: StreamRows, { fromMs, untilMs }: TimeRange): readonly Chunk[] {
  const first = firstIndexWhere(chunks, ({ lastMs }) => lastMs >= fromMs);
  const end = firstIndexWhere(chunks, (chunk) => chunk.fromMs >= untilMs, first);
  return end - first === chunks.length ? chunks : chunks.slice(first, end);
}

function piecesOfStream(
  rows: StreamRows,
  chunks: readonly Chunk[],
  { reader, selection, satisfied }: Search,
  range: TimeRange,
): readonly Piece[] {
  const fromMs = Math.max(range.fromMs, rows.coveredUntilMs); // Earlier rows are read from blocks.
  if (fromMs >= range.untilMs) return NO_PIECES;
  const unblocked = { fromMs, untilMs: range.untilMs };
  const pieces: Piece[] = [];
  let isWanted = false;
  let layout: Chunk["layout"] | undefined;
  let selected: SelectedColumns | undefined;
  for (const chunk of chunks) {
    if (chunk.lastMs < fromMs || chunk.fromMs >= range.untilMs) continue;
    // Nearly always a chunk has the layout of the chunk before it.
    if (selected === undefined || chunk.layout !== layout) {
      layout = chunk.layout;
      selected = selection.columns(layout, satisfied);
      isWanted ||= selected.columns.length > 0;
    }
    pieces.push(new ChunkPiece(reader.chunkLog, chunk, selected, unblocked));
  }
  const piece = pieceOfWindow(reader, rows, selection, satisfied, unblocked);
  if (piece !== undefined) pieces.push(piece);
  isWanted ||= piece !== undefined && piece.labels.length > 0;
  return isWanted ? pieces : NO_PIECES;
}

/** The wanted columns of a chunk. */
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
    /** Rows of the chunk outside this range are in blocks or not wanted. */
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

  narrow(from: number, until: number): ChunkPiece {
    const columns = this.columns.subarray(from, until);
    const labels = this.labels.slice(from, until);
    return new ChunkPiece(this.chunkLog, this.chunk, { columns, labels }, this.range);
  }
}

function pieceOfWindow(
  { registry, chunkLog }: HeadReader,
  stream: StreamRows,
  selection: SeriesSelection,
  satisfied: number,
  range: TimeRange,
): Piece | undefined {
  const { window } = stream;
  if (window === undefined) return undefined;
  const from = window.rowAtOrAfter(range.fromMs);
  const until = window.rowAtOrAfter(range.untilMs);
  if (from >= until) return undefined;
  const selected = columnsOfWindow(window, registry, selection, satisfied);
  return new WindowPiece({ stream, window, chunkLog, from, until }, selected);
}

interface WindowPlace {
  readonly stream: StreamRows;
  readonly window: RowWindow;
  readonly chunkLog: ChunkLog;
  /** First row, inclusive. */
  readonly from: number;
  /** Last row, exclusive. */
  readonly until: number;
}

/**
 * The wanted columns of a window. Rows are copied when they are read, so that finding them takes
 * little time. If the window has been sealed meanwhile, they are read from the chunk.
 */
class WindowPiece implements Piece {
  readonly fromMs: number;
  readonly lastMs: number;
  readonly rows: number;

  constructor(
    private readonly place: WindowPlace,
    private readonly selected: SelectedColumns,
    private readonly clears = place.window.clears,
    times: { readonly fromMs: number; readonly lastMs: number } = {
      fromMs: place.window.timestampAt(place.from),
      lastMs: place.window.timestampAt(place.until - 1),
    },
  ) {
    this.fromMs = times.fromMs;
    this.lastMs = times.lastMs;
    this.rows = place.until - place.from;
  }

  get labels(): SelectedColumns["labels"] {
    return this.selected.labels;
  }

  get inMemory(): PieceRows | undefined {
    const { window, stream, from, until } = this.place;
    if (window.clears !== this.clears || stream.window !== window) return undefined;
    return {
      timestamps: window.copyTimestamps(from, until),
      columns: Array.from(this.selected.columns, (column) =>
        window.copyColumn(column, from, until),
      ),
    };
  }

  read(): Promise<PieceRows> | PieceRows {
    return this.inMemory ?? this.readSealed();
  }

  narrow(from: number, until: number): WindowPiece {
    const { columns, labels } = this.selected;
    const narrowed = { columns: columns.subarray(from, until), labels: labels.slice(from, until) };
    return new WindowPiece(this.place, narrowed, this.clears, this);
  }

  /** Columns of a window keep their numbers in its chunk. */
  private async readSealed(): Promise<PieceRows> {
    const { stream, chunkLog } = this.place;
    const chunk = stream.chunks.find(
      ({ fromMs, lastMs }) => fromMs <= this.fromMs && lastMs >= this.lastMs,
    );
    if (chunk === undefined)
      throw new MovedRowsError(
        "Cannot read rows: they have moved to a block since they were found",
      );
    const range = { fromMs: this.fromMs, untilMs: this.lastMs + 1 };
    return cutRows(await chunkLog.read(chunk, this.selected.columns), range);
  }
}

/** The wanted columns of a window, in a table whose target satisfies `satisfied`. */
export function columnsOfWindow(
  window: RowWindow,
  registry: LayoutRegistry,
  selection: SeriesSelection,
  satisfied: number,
): SelectedColumns {
  const { sharedLayout } = window;
  if (sharedLayout !== undefined) return selection.columns(sharedLayout, satisfied);
  return selection.columnsOfWindow(window, () => {
    const ids = window.columns;
    const columns = selection.columnsAmong(ids, satisfied);
    return {
      columns,
      labels: Array.from(columns, (column) => registry.labels(ids[column] as number)),
    };
  });
}
