const LINE_FEED = 10;
const HASH_SIGN = 35;
/** A smaller body is never refused: reading it costs little, and the number of its lines can be reported. */
const COUNTED_FROM_BYTES = 1_048_576;

/** A body has more lines than its reader takes. */
export class TooManyLinesError extends Error {
  readonly code = "too_many_lines";

  constructor(readonly lines: number) {
    super(`the body has more than ${lines - 1} lines`);
  }
}

/**
 * Counts the lines of a body while it arrives, without empty lines and comments (`#`), so that a body
 * with too many is refused before the rest is fetched, kept and parsed.
 */
export class LineLimit {
  private lines = 0;
  private counted = 0; // Bytes.
  private isLineStart = true;

  /** @param maxLines undefined for no limit */
  constructor(private readonly maxLines: number | undefined) {}

  /**
   * @param gathered the body so far, at its beginning
   * @param sizeBytes its size
   * @throws {TooManyLinesError}
   */
  checkGathered(gathered: Uint8Array, sizeBytes: number): void {
    if (this.maxLines === undefined || sizeBytes < COUNTED_FROM_BYTES) return;
    const from = this.counted;
    this.counted = sizeBytes;
    this.count(gathered, from, sizeBytes);
  }

  /**
   * @param piece the next bytes of the body
   * @throws {TooManyLinesError}
   */
  take(piece: Uint8Array): void {
    if (this.maxLines === undefined) return;
    this.counted += piece.length;
    this.count(piece, 0, piece.length);
  }

  private count(bytes: Uint8Array, from: number, until: number): void {
    for (let position = from; position < until;) {
      const first = bytes[position];
      if (this.isLineStart && first !== LINE_FEED && first !== HASH_SIGN) this.lines++;
      const found = bytes.indexOf(LINE_FEED, position);
      this.isLineStart = found >= 0 && found < until;
      position = this.isLineStart ? found + 1 : until;
    }
    const limit = this.maxLines ?? Number.POSITIVE_INFINITY;
    if (this.counted >= COUNTED_FROM_BYTES && this.lines > limit)
      throw new TooManyLinesError(this.lines);
  }
}
