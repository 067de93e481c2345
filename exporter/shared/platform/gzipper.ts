import { createGzip, gzipSync, type ZlibOptions } from "node:zlib";
import { FastZlib, type ZlibStream } from "./fast-zlib.js";

/** Compresses texts with gzip, reusing one set of zlib's tables and one output buffer. */
export class Gzipper {
  private readonly zlib: FastZlib;
  private output = Buffer.alloc(0);

  constructor(
    private readonly options: ZlibOptions,
    open: () => ZlibStream = () => createGzip(options),
  ) {
    this.zlib = new FastZlib(open);
  }

  /** Compresses in this thread and returns memory of its own. */
  gzip(text: Buffer): Buffer {
    // Content that cannot be compressed grows by less than a hundredth.
    if (this.output.length < text.length * 1.01 + 1024)
      this.output = Buffer.allocUnsafeSlow(Math.ceil(text.length * 1.25) + 1024);
    const bytes = this.zlib.run(text, this.output);
    if (bytes === undefined) return gzipSync(text, this.options);
    return Buffer.from(this.output.subarray(0, bytes));
  }
}
