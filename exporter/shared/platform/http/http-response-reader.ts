import { HttpSyntaxError, NO_HEADERS, readHead } from "./http-head.js";

/** Bytes of status line and headers, and of what may follow a chunked body, as Node.js takes them. */
export const MAX_HEAD_BYTES = 16_384;
/** Size and extensions of one chunk. */
const MAX_CHUNK_LINE_BYTES = 1024;
const FIRST_CAPACITY = 4096;
const NOTHING = Buffer.alloc(0);
/** Room made ahead for what the peer announces; more is made as it comes. */
const MAX_ANNOUNCED_CAPACITY = 1_048_576;

const CARRIAGE_RETURN = 13;
const LINE_FEED = 10;
const END_OF_HEAD = "\r\n\r\n";
const HTTP_NAME = "HTTP/1.";
const CHUNK_LINE = /^([0-9a-fA-F]{1,8})[ \t]*(?:;[^\r\n]*)?$/;
const DIGITS = /^\d{1,15}$/;

/** The body is larger than the reader was told to take. */
export class BodyTooLargeError extends Error {
  readonly code = "too_large";
}

type State =
  "head" | "counted" | "chunk-line" | "chunk" | "chunk-end" | "trailers" | "until-close" | "done";

/**
 * Reads one HTTP/1.x answer to a GET from the pieces in which it arrives (RFC 9112). Interim answers (1xx) are skipped. Of
 * framings it takes Content-Length, chunked, and the end of the connection; anything unclear is an error.
 */
export class HttpResponseReader {
  status = 0;
  headers: Readonly<Record<string, string>> = NO_HEADERS;
  /** As sent, before decompression. May be a part of the piece it came in: good as long as that is. */
  body: Buffer = NOTHING;
  /** True when the connection can take another request after this answer. */
  isReusable = false;
  private state: State = "head";
  /** A line or head that broke off at the end of a piece. */
  private carried = "";
  private missingBytes = 0;
  private trailerBytes = 0;
  private sizeBytes = 0;
  private gathered: Buffer | undefined;

  /** @param maxBodyBytes before decompression */
  constructor(private readonly maxBodyBytes: number) {}

  get isDone(): boolean {
    return this.state === "done";
  }

  /**
   * Takes a piece, which it does not keep, except as `body` when that is whole in it.
   *
   * @returns the bytes of the piece that belong to this answer; fewer than given means that more than the answer came
   * @throws {HttpSyntaxError} {BodyTooLargeError}
   */
  read(piece: Buffer): number {
    let position = 0;
    while (position < piece.length && this.state !== "done") position = this.step(piece, position);
    return position;
  }

  /**
   * Tells that the connection has ended.
   *
   * @throws {HttpSyntaxError} when the answer was not whole
   */
  end(): void {
    if (this.state === "until-close") this.finish();
    if (this.state !== "done")
      throw new HttpSyntaxError("the connection ended before the answer did");
  }

  private step(piece: Buffer, position: number): number {
    switch (this.state) {
      case "head":
        return this.readHead(piece, position);
      case "counted":
      case "chunk":
      case "until-close":
        return this.readBody(piece, position);
      case "chunk-line":
        return this.readLine(piece, position, MAX_CHUNK_LINE_BYTES, (line) => this.openChunk(line));
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
    const end = text.indexOf(END_OF_HEAD);
    if (end > MAX_HEAD_BYTES || (end < 0 && text.length > MAX_HEAD_BYTES)) {
      throw new HttpSyntaxError(`the head is larger than ${MAX_HEAD_BYTES} bytes`);
    }
    if (end < 0) {
      if (text.length >= HTTP_NAME.length && !text.startsWith(HTTP_NAME))
        throw new HttpSyntaxError("it is not HTTP");
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
    if (status === 101) throw new HttpSyntaxError("it changes to a protocol nobody asked for");
    if (status < 200) return; // An interim answer: the head of the real one follows.
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
        throw new HttpSyntaxError("the length of its body is not clear");
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
    if (!DIGITS.test(length)) throw new HttpSyntaxError("the length of its body is not a number");
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
    if (this.gathered === undefined || this.gathered.length < needed) this.grow(needed);
    piece.copy(this.gathered as Buffer, this.sizeBytes, from, until);
    this.sizeBytes = needed;
  }

  private grow(needed: number): void {
    const announced =
      this.state === "counted" ? Math.min(this.missingBytes + needed, MAX_ANNOUNCED_CAPACITY) : 0;
    const larger = Buffer.allocUnsafe(
      Math.max(needed, announced, FIRST_CAPACITY, this.sizeBytes * 2),
    );
    this.gathered?.copy(larger, 0, 0, this.sizeBytes);
    this.gathered = larger;
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
      throw new HttpSyntaxError("a chunk has no proper end");
    const text = this.carried + piece.toString("latin1", position, until);
    if (found < 0) {
      this.carried = text;
      return piece.length;
    }
    this.carried = "";
    if (text.charCodeAt(text.length - 1) !== CARRIAGE_RETURN)
      throw new HttpSyntaxError("a chunk has no proper end");
    take(text.slice(0, -1));
    return found + 1;
  }

  private openChunk(line: string): void {
    const [, digits] = CHUNK_LINE.exec(line) ?? [];
    if (digits === undefined) throw new HttpSyntaxError("a chunk has no proper length");
    this.missingBytes = Number.parseInt(digits, 16);
    this.checkSize(this.sizeBytes + this.missingBytes);
    this.state = this.missingBytes === 0 ? "trailers" : "chunk";
  }

  /** What trailers say is not used. */
  private takeTrailer(line: string): void {
    this.trailerBytes += line.length;
    if (this.trailerBytes > MAX_HEAD_BYTES) throw new HttpSyntaxError("too much follows its body");
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
