import { constants, createGzip, gzipSync, type Gzip, type ZlibOptions } from "node:zlib";

/** What node:zlib keeps inside a Gzip. Not documented, so `Gzipper` does without where it is missing. */
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
 * Compresses again and again with one set of zlib's tables. `gzipSync` makes them for each call, in
 * fresh memory that the system has to clear first, which costs more than compressing some kilobytes.
 */
export class Gzipper {
  private stream: (Gzip & ZlibInside) | undefined;
  private output = Buffer.alloc(0);

  constructor(private readonly options: ZlibOptions) {}

  /** At once, in this thread. */
  gzip(text: Buffer): Buffer {
    const bytes = this.compress(text);
    if (bytes === undefined) return gzipSync(text, this.options);
    return Buffer.from(this.output.subarray(0, bytes));
  }

  /** @returns bytes written to `output`; undefined when the documented way has to be taken */
  private compress(text: Buffer): number | undefined {
    this.stream ??= openGzip(this.options);
    const { stream } = this;
    const { _handle: handle, _writeState: state } = stream;
    const { writeSync, reset } = handle ?? {};
    if (typeof writeSync !== "function" || typeof reset !== "function" || state?.length !== 2)
      return undefined;
    // What cannot be made smaller grows by less than a hundredth.
    if (this.output.length < text.length * 1.01 + 1024)
      this.output = Buffer.allocUnsafeSlow(Math.ceil(text.length * 1.25) + 1024);
    reset.call(handle);
    const { output } = this;
    writeSync.call(handle, constants.Z_FINISH, text, 0, text.length, output, 0, output.length);
    const [spareBytes = 0, unreadBytes = 0] = state;
    if (!stream.destroyed && spareBytes > 0 && unreadBytes === 0) return output.length - spareBytes;
    stream.destroy();
    this.stream = undefined;
    return undefined;
  }
}

function openGzip(options: ZlibOptions): Gzip & ZlibInside {
  const stream = createGzip(options);
  stream.on("error", () => undefined); // Known already: zlib destroys the stream before it tells why.
  return stream;
}
