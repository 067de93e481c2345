import { createGunzip } from "node:zlib";
import { BufferPool, type BufferLease } from "../buffer-pool.js";
import { FastZlib } from "../fast-zlib.js";
import { LineLimit } from "./line-limit.js";
import { HttpSyntaxError } from "./http-head.js";
import { BodyTooLargeError } from "./http-response-reader.js";

/** A body up to this size is decompressed here, in about a millisecond; a larger one on another thread. */
const MAX_SYNC_BYTES = 1_048_576;
/** The last bytes of a gzip member: the length of the content modulo 2^32, little-endian (RFC 1952). */
const GZIP_LENGTH_BYTES = 4;
/** A large body is decompressed in pieces of this size. */
const PIECE_BYTES = 262_144;

export interface BodyLimits {
  /** After decompression. */
  readonly maxBodyBytes: number;
  readonly maxLines?: number | undefined;
}

/** A body after decompression. */
export interface DecodedBody {
  readonly body: Buffer;
  /** Lets other bodies reuse the memory. */
  readonly release: () => void;
}

/** Decompresses bodies, nearly always into memory that is reused. */
export class BodyDecoder {
  private readonly pool = new BufferPool();
  private readonly inflater = new FastZlib(createGunzip);

  /**
   * @param sent may be overwritten after the call
   * @returns a promise when the body is large
   * @throws {BodyTooLargeError} when the decompressed body is larger than `maxBodyBytes`
   * @throws {TooManyLinesError} when a large body has more than `maxLines`
   */
  decode(
    encoding: string | undefined,
    sent: Buffer,
    limits: BodyLimits,
  ): DecodedBody | Promise<DecodedBody> {
    if (encoding === undefined || sent.length === 0) return this.copy(sent);
    if (encoding !== "gzip") {
      const coding = encoding.toLowerCase();
      if (coding === "identity") return this.copy(sent);
      if (coding !== "gzip" && coding !== "x-gzip") {
        throw new HttpSyntaxError(
          "the content encoding was not asked for, it must be gzip or none",
        );
      }
    }
    return this.inflateHere(sent, limits.maxBodyBytes) ?? decodeOnThread(Buffer.from(sent), limits);
  }

  private copy(sent: Buffer): DecodedBody {
    const lease = this.pool.take(sent.length);
    sent.copy(lease.buffer);
    return decoded(lease, sent.length);
  }

  /** Returns undefined when the body is large, or larger than the length at its end says. */
  private inflateHere(sent: Buffer, maxBytes: number): DecodedBody | undefined {
    if (sent.length < GZIP_LENGTH_BYTES || sent.length > MAX_SYNC_BYTES) return undefined;
    const claimedBytes = sent.readUInt32LE(sent.length - GZIP_LENGTH_BYTES);
    if (claimedBytes > Math.min(maxBytes, MAX_SYNC_BYTES)) return undefined;
    const lease = this.pool.take(claimedBytes + 1);
    const length = this.inflater.run(sent, lease.buffer);
    if (length !== undefined && length <= maxBytes) return decoded(lease, length);
    lease.release();
    return undefined;
  }
}

const decoded = ({ buffer, release }: BufferLease, length: number): DecodedBody => ({
  body: buffer.subarray(0, length),
  release,
});

/** Decompresses in pieces: each is inflated on another thread, and checked here. */
async function decodeOnThread(
  sent: Buffer,
  { maxBodyBytes, maxLines }: BodyLimits,
): Promise<DecodedBody> {
  const lines = new LineLimit(maxLines);
  const pieces: Buffer[] = [];
  let sizeBytes = 0;
  const inflater = createGunzip({ chunkSize: PIECE_BYTES });
  inflater.end(sent);
  // An exception inside the loop destroys the stream.
  for await (const piece of inflater) {
    if (!Buffer.isBuffer(piece)) throw new TypeError("The body must be a stream of bytes");
    sizeBytes += piece.length;
    if (sizeBytes > maxBodyBytes) throw new BodyTooLargeError();
    pieces.push(piece);
    lines.take(piece);
  }
  return { body: Buffer.concat(pieces, sizeBytes), release: () => undefined };
}
