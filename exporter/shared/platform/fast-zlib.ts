import {
  constants,
  createGzip,
  gunzipSync,
  gzipSync,
  type Gunzip,
  type Gzip,
  type ZlibOptions,
} from "node:zlib";
import type { Logger } from "./logger.js";

/** Private fields of a node:zlib stream in Node.js 20 to 24. */
interface ZlibPrivates {
  readonly _handle?: {
    writeSync?(
      flush: number,
      input: Buffer,
      inputOffset: number,
      inputBytes: number,
      output: Buffer,
      outputOffset: number,
      outputBytes: number,
    ): void;
    reset?(): void;
  } | null;
  /** After a write: the unused bytes of the output and the unread bytes of the input. */
  readonly _writeState?: Uint32Array;
}

export type ZlibStream = (Gzip | Gunzip) & ZlibPrivates;

/**
 * Compresses or decompresses many complete inputs, synchronously, with the state of one zlib
 * stream. The synchronous functions of node:zlib allocate this state (50 to 270 KB) on every call,
 * which costs more than compressing a few kilobytes.
 *
 * This is the only file that uses private fields of node:zlib. When a Node.js version lacks them,
 * `run` returns undefined and the callers use the documented functions.
 */
export class FastZlib {
  private stream: ZlibStream | undefined;

  constructor(private readonly open: () => ZlibStream) {}

  /**
   * @param output at least one byte larger than the result
   * @returns the number of bytes written to `output`; undefined when the input is damaged, `output`
   * is too small or this Node.js lacks the private fields
   */
  run(input: Buffer, output: Buffer): number | undefined {
    this.stream ??= this.openQuietly();
    const { stream } = this;
    const { _handle: handle, _writeState: state } = stream;
    if (
      typeof handle?.writeSync !== "function" ||
      typeof handle.reset !== "function" ||
      state?.length !== 2
    )
      return undefined;
    handle.reset();
    handle.writeSync(constants.Z_FINISH, input, 0, input.length, output, 0, output.length);
    const [spareBytes = 0, unreadBytes = 0] = state;
    if (!stream.destroyed && spareBytes > 0 && unreadBytes === 0) return output.length - spareBytes;
    stream.destroy();
    this.stream = undefined;
    return undefined;
  }

  /**
   * Ignores error events: zlib destroys a failed stream before it emits the error, and `run` checks
   * for that.
   */
  private openQuietly(): ZlibStream {
    return this.open().on("error", () => undefined);
  }
}

/** Compresses texts with gzip. Reuses the state of one zlib stream and one output buffer. */
export class Gzipper {
  private readonly zlib: FastZlib;
  private output = Buffer.alloc(0);

  constructor(
    private readonly options: ZlibOptions,
    open: () => ZlibStream = () => createGzip(options),
  ) {
    this.zlib = new FastZlib(open);
  }

  /**
   * Compresses synchronously.
   *
   * @returns a buffer that is not reused
   */
  gzip(text: Buffer): Buffer {
    // Incompressible content grows by less than 1 percent.
    if (this.output.length < text.length * 1.01 + 1024)
      this.output = Buffer.allocUnsafeSlow(Math.ceil(text.length * 1.25) + 1024);
    const bytes = this.zlib.run(text, this.output);
    if (bytes === undefined) return gzipSync(text, this.options);
    return Buffer.from(this.output.subarray(0, bytes));
  }
}

const PROBE = Buffer.from("pihealth pihealth");
const openProbe = (): ZlibStream => createGzip({ windowBits: 9, memLevel: 1 });

/**
 * Tests whether `FastZlib` works with this Node.js and logs a warning when it does not. Called
 * once, at program start.
 */
export function checkFastZlib(log: Logger, open: () => ZlibStream = openProbe): boolean {
  const output = Buffer.alloc(256);
  const bytes = new FastZlib(open).run(PROBE, output);
  if (bytes !== undefined && gunzipSync(output.subarray(0, bytes)).equals(PROBE)) return true;
  log.warn("Fast compression is not available, the documented functions take more CPU time", {
    nodejs: process.version,
  });
  return false;
}
