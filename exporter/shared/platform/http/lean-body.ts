import { promisify } from "node:util";
import { createGunzip, gunzip } from "node:zlib";
import { codeOf } from "../../model/errors.js";
import { BufferPool, type BufferLease } from "../buffer-pool.js";
import { FastZlib } from "../fast-zlib.js";
import { HttpSyntaxError } from "./http-head.js";
import { BodyTooLargeError } from "./http-response-reader.js";

/** A body up to this size is decompressed here, in about a millisecond; a larger one on another thread. */
const MAX_SYNC_BYTES = 1_048_576;
/** The last bytes of a gzip member: the length of the content modulo 2^32, little-endian (RFC 1952). */
const GZIP_LENGTH_BYTES = 4;
const gunzipOnThread = promisify(gunzip);

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
   * @throws {BodyTooLargeError} when the decompressed body is larger than `maxBytes`
   */
  decode(
    encoding: string | undefined,
    sent: Buffer,
    maxBytes: number,
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
    return this.inflateHere(sent, maxBytes) ?? decodeOnThread(Buffer.from(sent), maxBytes);
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

async function decodeOnThread(sent: Buffer, maxBytes: number): Promise<DecodedBody> {
  try {
    return {
      body: await gunzipOnThread(sent, { maxOutputLength: maxBytes }),
      release: () => undefined,
    };
  } catch (error) {
    if (codeOf(error) === "ERR_BUFFER_TOO_LARGE") throw new BodyTooLargeError();
    throw error;
  }
}
