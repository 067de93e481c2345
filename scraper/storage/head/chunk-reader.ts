import { ByteReader } from "../../../exporter/shared/journal/byte-reader.js";
import type { RecordPlace } from "../../../exporter/shared/journal/journal.js";
import { isWholeRecord } from "../../../exporter/shared/journal/record.js";
import { present } from "../../../exporter/shared/model/get-or-throw.js";
import type { Files } from "../../../exporter/shared/platform/files.js";
import type { Chunk } from "../model/chunk.js";
import { DamagedDataError } from "../model/damage.js";
import { OpenFiles } from "../model/open-files.js";
import type { Pace } from "../model/querier.js";

/** Segments held open for reading. */
const MAX_OPEN_SEGMENTS = 8;
/** Longest single read of a segment, unless one record is longer. */
const BATCH_BYTES = 1024 * 1024;
/** Up to this size, a gap between two wanted records is read along with them. */
const GAP_BYTES = 64 * 1024;
/** Cost of opening a chunk, in values looked at. */
const WORK_PER_CHUNK = 512;

/** A wanted chunk. Either `take` or `fail` is called, once. */
export interface ChunkRequest {
  readonly chunk: Chunk;
  /** Values that `take` decodes, rows times columns. */
  readonly values: number;
  /** @param body valid during the call only; `fail` gets what this function throws */
  take(body: ByteReader): void;
  fail(error: unknown): void;
}

interface PlacedRequest {
  readonly request: ChunkRequest;
  readonly place: RecordPlace;
}

/** Records that one read covers. */
interface Batch {
  readonly sequence: number;
  readonly fromBytes: number;
  untilBytes: number;
  readonly requests: PlacedRequest[];
}

type BatchBytes = Uint8Array | { readonly error: unknown };

const NOTHING = new Uint8Array(0);

/**
 * Reads chunks back from their segments. A query wants the chunks of many tables from about one
 * time, and these were written about the same time: they are neighbors, and one read covers many.
 */
export class ChunkReader {
  private readonly open: OpenFiles;
  private readonly sequenceOfPath = new Map<string, number>();

  constructor(
    files: Files,
    private readonly pathOf: (sequence: number) => string,
  ) {
    this.open = new OpenFiles(files, MAX_OPEN_SEGMENTS);
  }

  /** @throws what `pace` throws, nothing else */
  async read(requests: readonly ChunkRequest[], pace: Pace): Promise<void> {
    // A commit drops bodies from memory, and may run during any pause: take them now.
    const inMemory = requests.flatMap((request) => withBody(request));
    const batches = batchesOf(requests.filter(({ chunk }) => chunk.body === undefined));
    let reading = readAhead(batches[0], (batch) => this.readBatch(batch));
    for (const { request, body } of inMemory) {
      answer(request, () => new ByteReader(body));
      if (pace.isDue(WORK_PER_CHUNK + request.values)) await pace.pause();
    }
    for (const [index, batch] of batches.entries()) {
      const bytes = await reading;
      // The next batch is read while this one is decoded.
      reading = readAhead(batches[index + 1], (next) => this.readBatch(next));
      for (const { request, place } of batch.requests) {
        answer(request, () => this.bodyIn(bytes, batch, request.chunk, place));
        if (pace.isDue(WORK_PER_CHUNK + request.values)) await pace.pause();
      }
    }
  }

  /** Closes the files of segments before `sequence`. */
  async closeBefore(sequence: number): Promise<void> {
    for (const [filePath, number] of this.sequenceOfPath) {
      if (number >= sequence) continue;
      this.sequenceOfPath.delete(filePath);
      await this.open.close(filePath);
    }
  }

  private async readBatch({ sequence, fromBytes, untilBytes }: Batch): Promise<BatchBytes> {
    const filePath = this.pathOf(sequence);
    this.sequenceOfPath.set(filePath, sequence);
    try {
      return await this.open.use(filePath, (file) => file.read(fromBytes, untilBytes - fromBytes));
    } catch (error) {
      return { error };
    }
  }

  private bodyIn(
    bytes: BatchBytes,
    { fromBytes }: Batch,
    chunk: Chunk,
    { sequence, offsetBytes }: RecordPlace,
  ): ByteReader {
    if ("error" in bytes) throw bytes.error;
    const from = offsetBytes - fromBytes;
    const record = bytes.subarray(from, from + chunk.recordBytes);
    const isWhole =
      record.length === chunk.recordBytes &&
      (chunk.isChecked === true || isWholeRecord(record, offsetBytes));
    if (!isWhole) {
      const detail = "a chunk does not match its checksum";
      throw new DamagedDataError(this.pathOf(sequence), offsetBytes, detail);
    }
    chunk.isChecked = true;
    return new ByteReader(record, record.length - chunk.bodyBytes);
  }
}

function withBody(request: ChunkRequest): { request: ChunkRequest; body: Uint8Array }[] {
  const { body } = request.chunk;
  return body === undefined ? [] : [{ request, body }];
}

function answer(request: ChunkRequest, open: () => ByteReader): void {
  try {
    request.take(open());
  } catch (error) {
    request.fail(error);
  }
}

function readAhead(
  batch: Batch | undefined,
  read: (batch: Batch) => Promise<BatchBytes>,
): Promise<BatchBytes> {
  return batch === undefined ? Promise.resolve(NOTHING) : read(batch);
}

/** Joins neighbors, in the order of their places. */
function batchesOf(requests: readonly ChunkRequest[]): Batch[] {
  const placed = requests.map((request) => ({ request, place: placeOf(request.chunk) }));
  placed.sort(
    ({ place: left }, { place: right }) =>
      left.sequence - right.sequence || left.offsetBytes - right.offsetBytes,
  );
  const batches: Batch[] = [];
  for (const next of placed) {
    const { sequence, offsetBytes } = next.place;
    const untilBytes = offsetBytes + next.request.chunk.recordBytes;
    const last = batches.at(-1);
    if (
      last !== undefined &&
      last.sequence === sequence &&
      offsetBytes - last.untilBytes <= GAP_BYTES &&
      untilBytes - last.fromBytes <= BATCH_BYTES
    ) {
      last.untilBytes = Math.max(last.untilBytes, untilBytes);
      last.requests.push(next);
    } else {
      batches.push({ sequence, fromBytes: offsetBytes, untilBytes, requests: [next] });
    }
  }
  return batches;
}

const placeOf = ({ place }: Chunk): RecordPlace => present(place, "place of a chunk on disk");
