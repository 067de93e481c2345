import { ByteReader } from "../../../exporter/shared/journal/byte-reader.js";
import type { RecordPlace } from "../../../exporter/shared/journal/journal.js";
import { isWholeRecord } from "../../../exporter/shared/journal/record.js";
import type { Files } from "../../../exporter/shared/platform/files.js";
import type { Chunk } from "../model/chunk.js";
import { OpenFiles } from "../model/open-files.js";
import type { Pace } from "../model/pace.js";
import { DamagedDataError } from "../model/storage-errors.js";

/** Segments held open for reading. */
const MAX_OPEN_SEGMENTS = 8;
/** Read from a segment at once at most, unless one record is longer. */
const BATCH_BYTES = 1024 * 1024;
/** Bytes nobody wants are read along with what is around them when they are no more than this. */
const GAP_BYTES = 64 * 1024;
/** What opening a chunk costs, in values looked at. */
const WORK_PER_CHUNK = 512;

/** A chunk that is wanted. One of the two functions is called, once. */
export interface ChunkRequest {
  readonly chunk: Chunk;
  /** @param body valid during the call only; what this throws goes to `fail` */
  take(body: ByteReader): void;
  fail(error: unknown): void;
}

interface Batch {
  readonly sequence: number;
  readonly fromBytes: number;
  untilBytes: number;
  readonly requests: ChunkRequest[];
}

/**
 * Reads chunks back from their segments. A query wants those of many tables from about the same time, and these were
 * written about the same time: so they lie side by side, and are read in long stretches.
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
    // Bodies leave the memory at any commit, which may come at any pause.
    const inMemory = requests.flatMap((request) => withBody(request));
    const batches = batchesOf(requests.filter(({ chunk }) => chunk.body === undefined));
    let reading = readAhead(batches[0], (batch) => this.readBatch(batch));
    for (const { request, body } of inMemory) {
      answer(request, () => new ByteReader(body));
      if (pace.isDue(WORK_PER_CHUNK + request.chunk.rows)) await pace.pause();
    }
    for (const [index, batch] of batches.entries()) {
      const bytes = await reading;
      // While this batch is decoded the next one is read.
      reading = readAhead(batches[index + 1], (next) => this.readBatch(next));
      for (const request of batch.requests) {
        answer(request, () => this.bodyIn(bytes, batch, request.chunk));
        if (pace.isDue(WORK_PER_CHUNK + request.chunk.rows)) await pace.pause();
      }
    }
  }

  /** Closes what is open of segments before `sequence`. */
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

  private bodyIn(bytes: BatchBytes, { sequence, fromBytes }: Batch, chunk: Chunk): ByteReader {
    if ("error" in bytes) throw bytes.error;
    const { offsetBytes } = chunk.place as RecordPlace;
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

type BatchBytes = Uint8Array | { readonly error: unknown };

function answer(request: ChunkRequest, open: () => ByteReader): void {
  try {
    request.take(open());
  } catch (error) {
    request.fail(error);
  }
}

const NOTHING = new Uint8Array(0);

function readAhead(
  batch: Batch | undefined,
  read: (batch: Batch) => Promise<BatchBytes>,
): Promise<BatchBytes> {
  return batch === undefined ? Promise.resolve(NOTHING) : read(batch);
}

/** Puts chunks that lie near each other together, in the order in which they lie. */
function batchesOf(requests: ChunkRequest[]): Batch[] {
  const placeOf = ({ chunk }: ChunkRequest): RecordPlace => chunk.place as RecordPlace;
  requests.sort((left, right) => {
    const [a, b] = [placeOf(left), placeOf(right)];
    return a.sequence - b.sequence || a.offsetBytes - b.offsetBytes;
  });
  const batches: Batch[] = [];
  for (const request of requests) {
    const { sequence, offsetBytes } = placeOf(request);
    const untilBytes = offsetBytes + request.chunk.recordBytes;
    const last = batches[batches.length - 1];
    if (
      last !== undefined &&
      last.sequence === sequence &&
      offsetBytes - last.untilBytes <= GAP_BYTES &&
      untilBytes - last.fromBytes <= BATCH_BYTES
    ) {
      last.untilBytes = Math.max(last.untilBytes, untilBytes);
      last.requests.push(request);
    } else {
      batches.push({ sequence, fromBytes: offsetBytes, untilBytes, requests: [request] });
    }
  }
  return batches;
}
