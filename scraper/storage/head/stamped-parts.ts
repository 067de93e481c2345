import type { TimeRange } from "../../../exporter/shared/model/time-range.js";
import { openStampedChunk } from "../codec/stamped-codec.js";
import type { Chunk } from "../model/chunk.js";
import type { Pace } from "../model/querier.js";
import { SampleCutter, type SeriesSamples, type StampedPart } from "../model/stamped.js";
import type { SeriesSelection } from "../selection/series-selection.js";
import type { ChunkLog } from "./chunk-log.js";
import type { HeadReader } from "./head-pieces.js";
import type { StampedRows } from "./stamped-rows.js";
import type { Table } from "./table.js";

/** Finds the stamped samples of a table in the range, in the order of writing. */
export function findStampedParts(
  { registry, chunkLog }: HeadReader,
  { key, stamped }: Table,
  selection: SeriesSelection,
  range: TimeRange,
): StampedPart[] {
  if (stamped === undefined || stamped.isEmpty) return [];
  const satisfied = selection.satisfiedBy(key.labels);
  const parts: StampedPart[] = [];
  for (const chunk of stamped.chunks) {
    if (chunk.lastMs < range.fromMs || chunk.fromMs >= range.untilMs) continue;
    const { columns, labels } = selection.columns(chunk.layout, satisfied);
    if (columns.length > 0) parts.push(partOfChunk(chunk, { columns, labels }, stamped, chunkLog));
  }
  const { window } = stamped;
  if (window.lastMs < range.fromMs || window.fromMs >= range.untilMs) return parts;
  const ids = window.seriesIds;
  const columns = selection.columnsAmong(ids, satisfied);
  if (columns.length === 0) return parts;
  const labels = Array.from(columns, (column) => registry.labels(ids[column] as number));
  parts.push({ labels, read: readerOf(window.bySeries(), columns) });
  return parts;
}

function partOfChunk(
  chunk: Chunk,
  { columns, labels }: { columns: Uint32Array; labels: StampedPart["labels"] },
  stamped: StampedRows,
  chunkLog: ChunkLog,
): StampedPart {
  const inMemory = stamped.inMemory(chunk);
  if (inMemory !== undefined) return { labels, read: readerOf(inMemory, columns) };
  return { labels, read: (range, pace) => readChunk(chunk, columns, { chunkLog, range, pace }) };
}

/** Reads from samples that are in memory now, whatever happens to them later. */
function readerOf(series: readonly SeriesSamples[], columns: Uint32Array): StampedPart["read"] {
  return (range) => {
    const cutter = new SampleCutter(range);
    // eslint-disable-next-line house/no-type-assertion -- each column has samples
    return Array.from(columns, (column) => cutter.cut(series[column] as SeriesSamples));
  };
}

async function readChunk(
  chunk: Chunk,
  columns: Uint32Array,
  { chunkLog, range, pace }: { chunkLog: ChunkLog; range: TimeRange; pace: Pace },
): Promise<SeriesSamples[]> {
  let found: SeriesSamples[] | undefined;
  let failure: unknown;
  const share = columns.length / Math.max(1, chunk.layout.seriesIds.length);
  const values = Math.ceil(2 * chunk.rows * share);
  const request = {
    chunk,
    values,
    take: (body: Parameters<typeof openStampedChunk>[0]) => {
      const cutter = new SampleCutter(range);
      const opened = openStampedChunk(body, chunk.layout.seriesIds.length);
      found = Array.from(columns, (column) => cutter.cut(opened.decode(column)));
    },
    fail: (error: unknown) => (failure = error),
  };
  pace.hold(values * Float64Array.BYTES_PER_ELEMENT);
  await chunkLog.readAll([request], pace);
  if (found === undefined) throw failure;
  return found;
}
