import { constants, createGzip, gunzipSync, type Gunzip, type Gzip } from "node:zlib";
import type { Logger } from "./logger.js";

/** Private parts of a node:zlib stream, as Node.js 20 to 24 have them. */
interface ZlibInside {
  readonly _handle?: {
    writeSync?(
      flush: number,
      input: Buffer,
      inputAt: number,
      inputBytes: number,
      output: Buffer,
      outputAt: number,
      outputBytes: number,
    ): void;
    reset?(): void;
  } | null;
  /** After a write: unused bytes of the output, unread bytes of the input. */
  readonly _writeState?: Uint32Array;
}

export type ZlibStream = (Gzip | Gunzip) & ZlibInside;

/**
 * Runs many inputs, each whole and in this thread, through the tables of one zlib stream. The
 * synchronous functions of node:zlib allocate these tables (50 to 270 KB) for every call, which
 * costs more than compressing some kilobytes.
 *
 * This is the only file that uses private parts of node:zlib. Where they are missing, `run` fails
 * and its callers use the documented functions.
 */
export class FastZlib {
  private stream: ZlibStream | undefined;

  constructor(private readonly open: () => ZlibStream) {}

  /**
   * @param output at least one byte larger than the result
   * @returns bytes written to `output`; undefined when the input is damaged, `output` is too small
   * or this Node.js has other private parts
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

  /** zlib destroys a stream that fails before the error event says why. */
  private openQuietly(): ZlibStream {
    return this.open().on("error", () => undefined);
  }
}

const PROBE = Buffer.from("pihealth pihealth");
const openProbe = (): ZlibStream => createGzip({ windowBits: 9, memLevel: 1 });

/**
 * Whether `FastZlib` works with this Node.js; logs a warning when it does not. Called once, when a
 * program starts.
 */
export function checkFastZlib(log: Logger, open: () => ZlibStream = openProbe): boolean {
  const output = Buffer.alloc(256);
  const bytes = new FastZlib(open).run(PROBE, output);
  if (bytes !== undefined && gunzipSync(output.subarray(0, bytes)).equals(PROBE)) return true;
  log.warn("Fast compression is not available, the documented way takes more CPU", {
    nodejs: process.version,
  });
  return false;
}
