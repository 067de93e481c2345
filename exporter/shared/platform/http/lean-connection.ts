import { validateHeaderName, validateHeaderValue } from "node:http";
import net from "node:net";
import { messageOf } from "../../model/errors.js";
import { onAbort } from "../abort.js";
import {
  cannotFetch,
  HttpError,
  tooManyLines,
  type HttpRequest,
  type HttpResponse,
} from "./http-client.js";
import { TooManyLinesError } from "./line-limit.js";
import { BodyTooLargeError, HttpResponseReader } from "./http-response-reader.js";
import type { BodyDecoder, DecodedBody } from "./lean-body.js";

const HTTP_PORT = 80;
/** Node.js reads a socket many times in one turn; more chunks than this are enough for one. */
const MAX_FRAMES_PER_TURN = 2000;

/** The parts that all connections of one client share. */
export interface LeanConnectionParts {
  /** Connections read into it one after the other. */
  readonly readBuffer: Buffer;
  readonly decoder: BodyDecoder;
  /** The response has arrived, and the connection can take another request. */
  readonly onIdle: (connection: LeanConnection) => void;
  readonly onClosed: (connection: LeanConnection) => void;
  /** Sends a request again, after the peer closed a kept connection without sending a byte. */
  readonly resend: (exchange: Exchange) => void;
}

/** One request, and the promise of its response. */
export interface Exchange {
  readonly request: HttpRequest;
  /** Monotonic time of the timeout. */
  readonly untilMs: number;
  readonly resolve: (response: HttpResponse | Promise<HttpResponse>) => void;
  readonly reject: (error: HttpError) => void;
}

/** A connection for the requests to one URL, one at a time. */
export class LeanConnection {
  /** Monotonic; infinity during a request. */
  idleSinceMs = Number.POSITIVE_INFINITY;
  private readonly socket: net.Socket;
  private exchange: Exchange | undefined;
  private reader: HttpResponseReader | undefined;
  /** The bytes of the last request. Usually the next request is the same. */
  private written: { readonly headers: HttpRequest["headers"]; readonly bytes: Buffer } | undefined;
  private signal: AbortSignal | undefined;
  private stopListening: (() => void) | undefined;
  private isReused = false;
  private hasAnswered = false;
  private problem: Error | undefined;

  constructor(
    readonly url: string,
    private readonly parts: LeanConnectionParts,
  ) {
    const { hostname, port } = new URL(url);
    const onread = {
      buffer: parts.readBuffer,
      callback: (count: number) => {
        const isCheap = this.take(parts.readBuffer.subarray(0, count));
        if (!isCheap) this.rest();
        return isCheap;
      },
    };
    const host = hostname.replace(/^\[|\]$/g, "");
    this.socket = net.connect({
      host,
      port: port === "" ? HTTP_PORT : Number(port),
      noDelay: true,
      onread,
    });
    this.socket.on("error", (error) => (this.problem = error));
    this.socket.on("close", () => this.takeEnd());
  }

  /** Monotonic time of the timeout of the current request; infinity without a request. */
  get untilMs(): number {
    return this.exchange?.untilMs ?? Number.POSITIVE_INFINITY;
  }

  /** Sends a request. The connection must be idle. */
  send(exchange: Exchange): void {
    const { request } = exchange;
    this.idleSinceMs = Number.POSITIVE_INFINITY;
    this.hasAnswered = false;
    this.exchange = exchange;
    try {
      const bytes = this.bytesOf(request);
      this.watch(request.signal);
      this.reader = new HttpResponseReader(request.maxBodyBytes, request.maxLines);
      this.socket.write(bytes);
    } catch (error) {
      this.fail(() => explain(request, error));
    }
  }

  /** Fails a request that has timed out. */
  expire(nowMs: number): void {
    if (this.untilMs <= nowMs) this.fail(timedOut);
  }

  close(): void {
    this.fail(stopped);
  }

  /** Every request to a target has the same signal, so the listener stays between requests. */
  private watch(signal: AbortSignal | undefined): void {
    if (this.signal === signal) return;
    this.stopListening?.();
    this.signal = signal;
    this.stopListening = signal && onAbort(signal, () => this.fail(stopped));
  }

  private bytesOf({ headers }: HttpRequest): Buffer {
    if (this.written !== undefined && this.written.headers === headers) return this.written.bytes;
    const bytes = renderRequest(new URL(this.url), headers ?? {});
    this.written = { headers, bytes };
    return bytes;
  }

  /** @returns false when the peer sent so many chunks that other work must run before the next read */
  private take(piece: Buffer): boolean {
    const { exchange, reader } = this;
    this.hasAnswered = true;
    if (exchange === undefined || reader === undefined) {
      this.socket.destroy(); // The peer sent bytes without a request.
      return true;
    }
    const framesBefore = reader.frames;
    try {
      const used = reader.read(piece);
      if (reader.isDone) this.finish(exchange, reader, reader.isReusable && used === piece.length);
    } catch (error) {
      this.fail((request) => explain(request, error));
    }
    return reader.isDone || reader.frames - framesBefore <= MAX_FRAMES_PER_TURN;
  }

  /** Reads on in the next turn of the event loop. */
  private rest(): void {
    setImmediate(() => {
      if (!this.socket.destroyed) this.socket.resume();
    });
  }

  private finish(
    exchange: Exchange,
    { status, headers, body: sent }: HttpResponseReader,
    isReusable: boolean,
  ): void {
    const { request } = exchange;
    const decoded = this.parts.decoder.decode(headers["content-encoding"], sent, request);
    this.exchange = undefined;
    this.reader = undefined;
    if (isReusable) {
      this.isReused = true;
      this.idleSinceMs = performance.now();
      this.parts.onIdle(this);
    } else {
      this.socket.destroy();
    }
    if (decoded instanceof Promise)
      exchange.resolve(answerLater(request, status, headers, decoded));
    else exchange.resolve({ status, headers, body: decoded.body, release: decoded.release });
  }

  private fail(errorOf: (request: HttpRequest) => HttpError): void {
    const { exchange } = this;
    this.exchange = undefined;
    this.reader = undefined;
    this.socket.destroy();
    exchange?.reject(errorOf(exchange.request));
  }

  /** The socket has been closed, by either side. */
  private takeEnd(): void {
    this.parts.onClosed(this);
    this.watch(undefined);
    const { exchange, reader } = this;
    if (exchange === undefined || reader === undefined) return;
    if (this.isReused && !this.hasAnswered) {
      this.exchange = undefined;
      this.parts.resend(exchange);
      return;
    }
    try {
      if (this.problem !== undefined) throw this.problem;
      reader.end();
      this.finish(exchange, reader, false);
    } catch (error) {
      this.fail((request) => explain(request, error));
    }
  }
}

/** @throws {TypeError} when a header is not valid */
function renderRequest(url: URL, headers: Readonly<Record<string, string>>): Buffer {
  const lines = Object.entries({ Host: url.host, ...headers }).map(([name, value]) => {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    return `${name}: ${value}\r\n`;
  });
  return Buffer.from(
    `GET ${url.pathname}${url.search} HTTP/1.1\r\n${lines.join("")}\r\n`,
    "latin1",
  );
}

async function answerLater(
  request: HttpRequest,
  status: number,
  headers: HttpResponse["headers"],
  decoded: Promise<DecodedBody>,
): Promise<HttpResponse> {
  try {
    return { status, headers, ...(await decoded) };
  } catch (error) {
    throw explain(request, error);
  }
}

export const stopped = (request: HttpRequest): HttpError =>
  new HttpError("aborted", cannotFetch(request, "stopped"));

function timedOut(request: HttpRequest): HttpError {
  const detail = `no complete response within ${request.timeoutMs}ms`;
  return new HttpError("timeout", cannotFetch(request, detail));
}

function explain(request: HttpRequest, error: unknown): HttpError {
  if (error instanceof TooManyLinesError) return tooManyLines(request, error);
  if (error instanceof BodyTooLargeError) {
    const detail = `the body is larger than ${request.maxBodyBytes} bytes`;
    return new HttpError("too_large", cannotFetch(request, detail));
  }
  const detail = messageOf(error);
  return new HttpError("unreachable", cannotFetch(request, detail), { cause: error });
}
