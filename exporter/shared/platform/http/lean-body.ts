import { promisify } from "node:util";
import { createGunzip, gunzip } from "node:zlib";
import { codeOf } from "../../model/errors.js";
import { BufferPool, type BufferLease } from "../buffer-pool.js";
import { FastZlib } from "../fast-zlib.js";
import { HttpSyntaxError } from "./http-head.js";
import { BodyTooLargeError } from "./http-response-reader.js";

/** Up to here a body is decompressed at once, in about a millisecond; a larger one on another thread. */
const MAX_SYNC_BYTES = 1_048_576;
/** Length of the content modulo 2^32, little-endian, the end of a gzip member (RFC 1952). */
const GZIP_LENGTH_BYTES = 4;
const gunzipOnThread = promisify(gunzip);

/** A body after decompression. */
export interface DecodedBody {
  readonly body: Buffer;
  /** Lets the memory be used for other bodies. */
  readonly release: () => void;
}

/** Undoes the content encoding of bodies, most of them in memory that is used again. */
export class BodyDecoder {
  private readonly pool = new BufferPool();
  private readonly inflater = new FastZlib(createGunzip);

  /**
   * @param sent may be overwritten when the call has returned
   * @returns a promise when the body is large
   * @throws {BodyTooLargeError} when there are more than `maxBytes`
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
          "its content encoding was not asked for, it must be gzip or none",
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

  /** A body that says it is small is given that room; when it said so wrongly, this is undefined. */
  private inflateHere(sent: Buffer, maxBytes: number): DecodedBody | undefined {
    if (sent.length < GZIP_LENGTH_BYTES || sent.length > MAX_SYNC_BYTES) return undefined;
    const saidBytes = sent.readUInt32LE(sent.length - GZIP_LENGTH_BYTES);
    if (saidBytes > Math.min(maxBytes, MAX_SYNC_BYTES)) return undefined;
    const lease = this.pool.take(saidBytes + 1);
    const length = this.inflater.run(sent, lease.buffer);
    if (length !== undefined && length <= maxBytes) return decoded(lease, length);
    lease.release();
    return undefined;
  }
}

const decoded = ({ buffer, release }: BufferLease, length: number): DecodedBody => {
  return { body: buffer.subarray(0, length), release: release };
};

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
