import { constants, createGunzip, type Gunzip } from "node:zlib";

/** What node:zlib keeps inside a Gunzip. Not documented, so `Inflater` does without where it is missing. */
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
  /** Afterwards: bytes of output not used, bytes of input not read. */
  readonly _writeState?: Uint32Array;
}

/**
 * Decompresses gzip again and again with one set of zlib's tables. `gunzipSync` makes them (some 50 KB) for each call, and
 * the garbage costs as much as the work.
 */
export class Inflater {
  private stream: (Gunzip & ZlibInside) | undefined;

  /**
   * Decompresses the whole of `sent` into `output`.
   *
   * @param output one byte larger than the content at least
   * @returns bytes written; undefined when `sent` is damaged, `output` too small, or this Node.js keeps zlib elsewhere:
   * then the documented way has to be taken, which says what is wrong
   */
  inflate(sent: Buffer, output: Buffer): number | undefined {
    this.stream ??= openGunzip();
    const { stream } = this;
    const { _handle: handle, _writeState: state } = stream;
    if (
      typeof handle?.writeSync !== "function" ||
      typeof handle.reset !== "function" ||
      state?.length !== 2
    )
      return undefined;
    handle.reset();
    handle.writeSync(constants.Z_FINISH, sent, 0, sent.length, output, 0, output.length);
    const [spareBytes = 0, unreadBytes = 0] = state;
    if (!stream.destroyed && spareBytes > 0 && unreadBytes === 0) return output.length - spareBytes;
    stream.destroy();
    this.stream = undefined;
    return undefined;
  }
}

function openGunzip(): Gunzip & ZlibInside {
  const stream = createGunzip();
  stream.on("error", () => undefined); // Known already: zlib destroys the stream before it tells why.
  return stream;
}
