import { LineLimit } from "./line-limit.js";
import { HttpSyntaxError, NO_HEADERS, readHead } from "./http-head.js";

/** Largest status line and headers, and largest trailers; the limit of Node.js. */
export const MAX_HEAD_BYTES = 16_384;
/** Largest line with the size and the extensions of a chunk. */
const MAX_CHUNK_LINE_BYTES = 1024;
const FIRST_CAPACITY = 4096;
const NOTHING = Buffer.alloc(0);
/** Memory allocated in advance for the length that the peer announces; more follows as bytes arrive. */
const MAX_ANNOUNCED_CAPACITY = 1_048_576;

const LINE_END_BYTES = 2;
const CARRIAGE_RETURN = 13;
const LINE_FEED = 10;
const END_OF_HEAD = "\r\n\r\n";
const HTTP_NAME = "HTTP/1.";
const CHUNK_LINE = /^([0-9a-fA-F]{1,8})[ \t]*(?:;[^\r\n]*)?$/;
const DIGITS = /^\d{1,15}$/;
/** Most interim responses (1xx) before the final one. */
const MAX_INTERIM_RESPONSES = 32;
const MAX_CHUNK_DIGITS = 8;
/** Copying byte by byte is faster for so few bytes. */
const MAX_COPIED_BY_BYTE = 32;
/** The value of each hexadecimal digit; -1 for other bytes. */
const HEX_VALUE = Int8Array.from({ length: 256 }, (_, code) => {
  const character = String.fromCharCode(code);
  return /^[0-9a-fA-F]$/.test(character) ? Number.parseInt(character, 16) : -1;
});

/** The body is larger than the limit of the reader. */
export class BodyTooLargeError extends Error {
  readonly code = "too_large";
}

type State =
  "head" | "counted" | "chunk-line" | "chunk" | "chunk-end" | "trailers" | "until-close" | "done";

/**
 * Reads one HTTP/1.x response to a GET from the pieces in which it arrives (RFC 9112). Interim
 * responses (1xx) are skipped. The body is framed by Content-Length, by chunks or by the end of the
 * connection; ambiguous framing is an error.
 */
export class HttpResponseReader {
  status = 0;
  headers: Readonly<Record<string, string>> = NO_HEADERS;
  /** As sent, before decompression. May share the memory of the last piece. */
  body: Buffer = NOTHING;
  /** True when the connection can take another request after this response. */
  isReusable = false;
  /** Frames read so far: a measure of the work that a peer causes by sending many small chunks. */
  frames = 0;
  private interimResponses = 0;
  private state: State = "head";
  /** The beginning of a line or of the head, from pieces that ended inside it. */
  private carried = "";
  private missingBytes = 0;
  private trailerBytes = 0;
  private sizeBytes = 0;
  private gathered: Buffer | undefined;
  private readonly lines: LineLimit;

  /**
   * @param maxBodyBytes before decompression
   * @param maxLines of a body that is not compressed; undefined for no limit
   */
  constructor(
    private readonly maxBodyBytes: number,
    maxLines?: number,
  ) {
    this.lines = new LineLimit(maxLines);
  }

  get isDone(): boolean {
    return this.state === "done";
  }

  /**
   * Reads a piece. `body` shares the memory of a piece that holds the whole body; otherwise bytes are copied.
   *
   * @returns the bytes of the piece that belong to this response; fewer than given when the peer sent more
   * @throws {HttpSyntaxError} when the bytes are not an HTTP/1.1 response
   * @throws {BodyTooLargeError}
   * @throws {TooManyLinesError}
   */
  read(piece: Buffer): number {
    let position = 0;
    while (position < piece.length && this.state !== "done") position = this.step(piece, position);
    return position;
  }

  /**
   * Ends the response because the connection has ended.
   *
   * @throws {HttpSyntaxError} when the response is incomplete
   */
  end(): void {
    if (this.state === "until-close") this.finish();
    if (this.state !== "done")
      throw new HttpSyntaxError("the connection ended before the response");
  }

  private step(piece: Buffer, position: number): number {
    switch (this.state) {
      case "head":
        return this.readHead(piece, position);
      case "counted":
      case "chunk":
      case "until-close":
        return this.readBody(piece, position);
      case "chunk-line": {
        const after = this.carried === "" ? this.readWholeChunks(piece, position) : position;
        if (after > position) return after;
        return this.readLine(piece, position, MAX_CHUNK_LINE_BYTES, (line) => this.openChunk(line));
      }
      case "chunk-end":
        return this.readLine(piece, position, 0, () => (this.state = "chunk-line"));
      case "trailers":
        return this.readLine(piece, position, MAX_HEAD_BYTES, (line) => this.takeTrailer(line));
      case "done":
        return position;
    }
  }

  private readHead(piece: Buffer, position: number): number {
    const found = this.carried === "" ? piece.indexOf(END_OF_HEAD, position, "latin1") : -1;
    if (found >= 0 && found - position <= MAX_HEAD_BYTES) {
      this.openBody(piece.toString("latin1", position, found));
      return found + END_OF_HEAD.length;
    }
    const before = this.carried.length;
    const text =
      this.carried +
      piece.toString("latin1", position, position + MAX_HEAD_BYTES + END_OF_HEAD.length);
    const end = text.indexOf(END_OF_HEAD, Math.max(0, before - END_OF_HEAD.length));
    if (end > MAX_HEAD_BYTES || (end < 0 && text.length > MAX_HEAD_BYTES)) {
      throw new HttpSyntaxError(`the head is larger than ${MAX_HEAD_BYTES} bytes`);
    }
    if (end < 0) {
      if (text.length >= HTTP_NAME.length && !text.startsWith(HTTP_NAME))
        throw new HttpSyntaxError("the peer does not speak HTTP");
      this.carried = text;
      return piece.length;
    }
    this.carried = "";
    this.openBody(text.slice(0, end));
    return position + end + END_OF_HEAD.length - before;
  }

  private openBody(head: string): void {
    const { minorVersion, status, headers } = readHead(head);
    this.status = status;
    if (status === 101)
      throw new HttpSyntaxError("the peer switches to a protocol that was not requested");
    if (status < 200) {
      // An interim response: the final head follows.
      if (++this.interimResponses > MAX_INTERIM_RESPONSES)
        throw new HttpSyntaxError("no final response follows the interim ones");
      return;
    }
    this.headers = headers;
    const connection = headers["connection"]?.toLowerCase() ?? "";
    this.isReusable =
      minorVersion === 1 ? !connection.includes("close") : connection.includes("keep-alive");
    this.chooseFraming(headers["content-length"], headers["transfer-encoding"]);
  }

  private chooseFraming(length: string | undefined, encoding: string | undefined): void {
    if (this.status === 204 || this.status === 304) return this.finish();
    if (encoding !== undefined) {
      if (encoding.toLowerCase() !== "chunked" || length !== undefined) {
        throw new HttpSyntaxError("the body length is ambiguous");
      }
      this.state = "chunk-line";
      return;
    }
    if (length === undefined) {
      this.state = "until-close";
      this.isReusable = false;
      this.missingBytes = Number.POSITIVE_INFINITY;
      return;
    }
    if (!DIGITS.test(length)) throw new HttpSyntaxError("the body length is not a number");
    this.missingBytes = Number(length);
    this.checkSize(this.missingBytes);
    if (this.missingBytes === 0) return this.finish();
    this.state = "counted";
  }

  private readBody(piece: Buffer, position: number): number {
    const until = Math.min(piece.length, position + this.missingBytes);
    const taken = until - position;
    this.checkSize(this.sizeBytes + taken);
    this.missingBytes -= taken;
    if (this.state === "counted" && this.missingBytes === 0 && this.gathered === undefined) {
      this.body = piece.subarray(position, until);
      this.state = "done";
      return until;
    }
    this.gather(piece, position, until);
    if (this.missingBytes > 0) return until;
    if (this.state === "counted") this.finish();
    else this.state = "chunk-end";
    return until;
  }

  private gather(piece: Buffer, from: number, until: number): void {
    const needed = this.sizeBytes + until - from;
    const { gathered } = this;
    const target =
      gathered !== undefined && gathered.length >= needed ? gathered : this.grow(needed);
    if (until - from > MAX_COPIED_BY_BYTE) piece.copy(target, this.sizeBytes, from, until);
    else
      for (let at = from, to = this.sizeBytes; at < until; at++, to++)
        target[to] = piece[at] as number;
    this.sizeBytes = needed;
    if (this.headers["content-encoding"] === undefined) this.lines.checkGathered(target, needed);
  }

  private grow(needed: number): Buffer {
    const announced =
      this.state === "counted" ? Math.min(this.missingBytes + needed, MAX_ANNOUNCED_CAPACITY) : 0;
    const larger = Buffer.allocUnsafe(
      Math.max(needed, announced, FIRST_CAPACITY, this.sizeBytes * 2),
    );
    this.gathered?.copy(larger, 0, 0, this.sizeBytes);
    this.gathered = larger;
    return larger;
  }

  /**
   * Reads the chunks that lie whole in the piece. A peer may send millions of one byte each, so they
   * cost no text and no call each.
   *
   * @returns where the first other bytes begin: a chunk with an extension, the last one, a cut one
   */
  private readWholeChunks(piece: Buffer, start: number): number {
    let position = start;
    for (;;) {
      let at = position;
      let size = 0;
      for (; at < position + MAX_CHUNK_DIGITS && at < piece.length; at++) {
        const digit = HEX_VALUE[piece[at] as number] as number;
        if (digit < 0) break;
        size = size * 16 + digit;
      }
      const from = at + LINE_END_BYTES;
      const until = from + size;
      if (size === 0 || until + LINE_END_BYTES > piece.length) return position;
      if (!isLineEnd(piece, at) || !isLineEnd(piece, until)) return position;
      this.checkSize(this.sizeBytes + size);
      this.gather(piece, from, until);
      this.frames++;
      position = until + LINE_END_BYTES;
    }
  }

  private readLine(
    piece: Buffer,
    position: number,
    maxBytes: number,
    take: (line: string) => void,
  ): number {
    const found = piece.indexOf(LINE_FEED, position);
    const until = found < 0 ? piece.length : found;
    if (this.carried.length + until - position > maxBytes + 1)
      throw new HttpSyntaxError("the end of a chunk is malformed");
    const text = this.carried + piece.toString("latin1", position, until);
    if (found < 0) {
      this.carried = text;
      return piece.length;
    }
    this.carried = "";
    if (text.charCodeAt(text.length - 1) !== CARRIAGE_RETURN)
      throw new HttpSyntaxError("the end of a chunk is malformed");
    take(text.slice(0, -1));
    return found + 1;
  }

  private openChunk(line: string): void {
    const [, digits] = CHUNK_LINE.exec(line) ?? [];
    if (digits === undefined) throw new HttpSyntaxError("the length of a chunk is malformed");
    this.frames++;
    this.missingBytes = Number.parseInt(digits, 16);
    this.checkSize(this.sizeBytes + this.missingBytes);
    this.state = this.missingBytes === 0 ? "trailers" : "chunk";
  }

  /** Trailers are read and ignored. */
  private takeTrailer(line: string): void {
    this.trailerBytes += line.length;
    if (this.trailerBytes > MAX_HEAD_BYTES) throw new HttpSyntaxError("the trailers are too large");
    if (line === "") this.finish();
  }

  private checkSize(sizeBytes: number): void {
    if (sizeBytes > this.maxBodyBytes) throw new BodyTooLargeError();
  }

  private finish(): void {
    this.state = "done";
    this.body = this.gathered?.subarray(0, this.sizeBytes) ?? this.body;
  }
}

const isLineEnd = (piece: Buffer, at: number): boolean =>
  piece[at] === CARRIAGE_RETURN && piece[at + 1] === LINE_FEED;
