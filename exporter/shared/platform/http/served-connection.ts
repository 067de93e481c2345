/**
 * One connection of an HTTP server: reads it in small slices and handles its requests one at a time.
 *
 * Node.js parses every pipelined request of a piece at once and starts all of them. A piece of 64 KiB
 * holds thousands. Here the parser gets the next slice when the requests of the last one have been
 * answered, so a client that pipelines waits for itself, and its unread requests vanish with it.
 */
import type { Socket } from "node:net";
import type { HttpRequest, HttpResponse } from "./http-message.js";
import type { Turns } from "./turns.js";

/** The heads of most requests fit. A slice holds at most some 80 requests. */
const HEAD_SLICE_BYTES = 2048;
const BODY_SLICE_BYTES = 16_384;
/** Bytes of a connection that wait for the parser before no more is read from the socket. */
const MAX_UNPARSED_BYTES = 65_536;
/** Bytes of a request body that wait for the handler before no more is read. */
const MAX_WAITING_BODY_BYTES = 65_536;
/** A response that flows slower than this is ended. */
export const LEAST_BYTES_PER_SECOND = 4096;
/** Time that a response may stand still, besides the time that its bytes need at the least speed. */
const STALL_MS = 30_000;

interface Exchange {
  readonly request: HttpRequest;
  readonly response: HttpResponse;
}

export interface ServedConnectionParts {
  readonly socket: Socket;
  /** Of the client. */
  readonly address: string;
  readonly turns: Turns;
  readonly handle: (request: HttpRequest, response: HttpResponse) => void;
  /** A request begins, or the last response has been sent. */
  readonly onChange: (connection: ServedConnection) => void;
}

export class ServedConnection {
  readonly address: string;
  /** A request with the right credentials has been answered on this connection. */
  hasShownCredentials = false;
  private current: Exchange | undefined;
  private readonly parsed: Exchange[] = [];
  private readonly unparsed: Buffer[] = [];
  private unparsedBytes = 0;
  private parse: (slice: Buffer) => void = () => undefined;
  private socket: Socket;
  private isScheduled = false;
  private isClosed = false;
  /** When output waited for the client, and the time by which it must have gone. */
  private output: { readonly sentBytes: number; readonly dueMs: number } | undefined;

  constructor(private readonly parts: ServedConnectionParts) {
    this.address = parts.address;
    this.socket = parts.socket;
  }

  /** True while a request waits for this program. False while the connection waits for its client. */
  get isBusy(): boolean {
    if (this.current === undefined) return false;
    const { request, response } = this.current;
    return request.complete && !response.writableEnded;
  }

  /**
   * Takes over the reading of a socket from Node.js' HTTP server.
   *
   * @param socket the one whose bytes are parsed: with TLS not the one that was accepted
   */
  read(socket: Socket): void {
    const [parse] = socket.listeners("data");
    if (parse === undefined) return; // Another kind of server: its requests still come one at a time.
    socket.removeAllListeners("data");
    this.parse = (slice) => void Reflect.apply(parse, socket, [slice]);
    // A client that has left is noticed at the end of its bytes, so they are read ahead.
    socket.on("readable", () => {
      this.readAhead(socket);
      this.schedule();
    });
    // Node.js resumes the socket when the body of a request has been read.
    socket.on("resume", () => this.schedule());
    socket.on("end", () => this.noteClosed());
    this.socket = socket;
  }

  /** Handles a request that the parser has found: now, or after the requests before it. */
  take(request: HttpRequest, response: HttpResponse): void {
    if (this.current === undefined) this.start({ request, response });
    else this.parsed.push({ request, response });
  }

  /** The client has left: the requests that wait are dropped. */
  noteClosed(): void {
    this.isClosed = true;
    this.parsed.length = 0;
    this.unparsed.length = 0;
  }

  close(): void {
    this.socket.destroy();
    this.parts.socket.destroy();
  }

  /** False when the client reads its response slower than the least speed. */
  isFlowing(nowMs: number): boolean {
    const { socket } = this;
    const waitingBytes = socket.writableLength;
    if (waitingBytes === 0) {
      this.output = undefined;
      return true;
    }
    const sentBytes = socket.bytesWritten - waitingBytes;
    if (this.output === undefined || this.output.sentBytes + LEAST_PROGRESS_BYTES <= sentBytes)
      this.output = { sentBytes, dueMs: nowMs + STALL_MS + msAtLeastSpeed(waitingBytes) };
    return nowMs < this.output.dueMs;
  }

  private readAhead(socket: Socket): void {
    while (this.unparsedBytes < MAX_UNPARSED_BYTES) {
      const piece: unknown = socket.read();
      if (!Buffer.isBuffer(piece)) return;
      this.unparsed.push(piece);
      this.unparsedBytes += piece.length;
    }
  }

  private deliver(): void {
    const [first] = this.unparsed;
    if (first === undefined) return;
    const slice = first.subarray(
      0,
      this.current === undefined ? HEAD_SLICE_BYTES : BODY_SLICE_BYTES,
    );
    if (slice.length === first.length) this.unparsed.shift();
    else this.unparsed[0] = first.subarray(slice.length);
    this.unparsedBytes -= slice.length;
    this.parse(slice);
    if (this.isClosed) return;
    this.readAhead(this.socket);
    this.schedule();
  }

  private schedule(): void {
    if (this.isScheduled || this.unparsed.length === 0 || !this.canDeliver()) return;
    this.isScheduled = true;
    this.parts.turns.run(this.address, () => {
      this.isScheduled = false;
      if (this.canDeliver()) this.deliver();
    });
  }

  /** True between requests, and while the handler reads the body of the request. */
  private canDeliver(): boolean {
    if (this.isClosed || this.socket.destroyed) return false;
    if (this.current === undefined) return this.parsed.length === 0;
    const { request } = this.current;
    return !request.complete && request.readableLength < MAX_WAITING_BODY_BYTES;
  }

  private start(exchange: Exchange): void {
    const { request, response } = exchange;
    this.current = exchange;
    this.parts.onChange(this);
    response.once("close", () => this.finish());
    this.parts.handle(request, response);
  }

  private finish(): void {
    if (this.current?.request.hasCredentials === true) this.hasShownCredentials = true;
    this.current = undefined;
    this.parts.onChange(this);
    if (this.isClosed) return;
    if (this.parsed.length === 0) this.schedule();
    else this.parts.turns.run(this.address, () => this.startNext());
  }

  private startNext(): void {
    const next = this.isClosed ? undefined : this.parsed.shift();
    if (next !== undefined) this.start(next);
  }
}

/** Progress that renews the time a response may take. */
const LEAST_PROGRESS_BYTES = (STALL_MS / 1000) * LEAST_BYTES_PER_SECOND;

const msAtLeastSpeed = (bytes: number): number => (bytes / LEAST_BYTES_PER_SECOND) * 1000;
