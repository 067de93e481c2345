import { validateHeaderName, validateHeaderValue } from "node:http";
import net from "node:net";
import { messageOf } from "../model/errors.js";
import { HttpError, type HttpRequest, type HttpResponse } from "./http-client.js";
import { BodyTooLargeError, HttpResponseReader } from "./http-response-reader.js";
import type { BodyDecoder, DecodedBody } from "./lean-body.js";

const HTTP_PORT = 80;

export interface LeanConnectionParts {
  /** Shared by many connections: one reads after the other. */
  readonly readBuffer: Buffer;
  readonly decoder: BodyDecoder;
  /** The answer is there and the connection can take another request. */
  readonly onIdle: () => void;
  readonly onClosed: () => void;
}

/** One request and who waits for its answer. */
interface Exchange {
  readonly request: HttpRequest;
  readonly reader: HttpResponseReader;
  readonly timer: NodeJS.Timeout;
  readonly resolve: (response: HttpResponse | Promise<HttpResponse> | undefined) => void;
  readonly reject: (error: HttpError) => void;
}

/** A connection for the requests to one URL, one at a time. */
export class LeanConnection {
  /** Monotonic; infinity while a request is under way. */
  idleSinceMs = Number.POSITIVE_INFINITY;
  private readonly socket: net.Socket;
  private exchange: Exchange | undefined;
  /** The bytes of the last request, which most often are those of the next one too. */
  private written: { readonly headers: HttpRequest["headers"]; readonly bytes: Buffer } | undefined;
  private signal: AbortSignal | undefined;
  private isReused = false;
  private hasAnswered = false;
  private problem: Error | undefined;

  constructor(private readonly url: string, private readonly parts: LeanConnectionParts) {
    const { hostname, port } = new URL(url);
    const onread = {
      buffer: parts.readBuffer,
      callback: (count: number) => {
        this.take(parts.readBuffer.subarray(0, count));
        return true;
      },
    };
    const host = hostname.replace(/^\[|\]$/g, "");
    this.socket = net.connect({ host, port: port === "" ? HTTP_PORT : Number(port), noDelay: true, onread });
    this.socket.on("error", (error) => (this.problem = error));
    this.socket.on("close", () => this.takeEnd());
  }

  /**
   * @returns undefined when the peer ended a kept connection without a byte of an answer
   * @throws {HttpError} when no whole answer came
   */
  async send(request: HttpRequest, timeoutMs: number): Promise<HttpResponse | undefined> {
    let bytes: Buffer;
    try {
      bytes = this.bytesOf(request);
    } catch (error) {
      this.close();
      throw explain(request, error);
    }
    this.idleSinceMs = Number.POSITIVE_INFINITY;
    this.hasAnswered = false;
    this.watch(request.signal);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.fail(timedOut), timeoutMs);
      const reader = new HttpResponseReader(request.maxBodyBytes);
      this.exchange = { request, reader, timer, resolve, reject };
      this.socket.write(bytes);
    });
  }

  close(): void {
    this.fail(stopped);
  }

  private readonly onAbort = (): void => this.fail(stopped);

  /** Signals belong to targets, which are asked again and again: listening goes on between requests. */
  private watch(signal: AbortSignal | undefined): void {
    if (this.signal === signal) return;
    this.signal?.removeEventListener("abort", this.onAbort);
    this.signal = signal;
    signal?.addEventListener("abort", this.onAbort);
  }

  private bytesOf({ headers }: HttpRequest): Buffer {
    if (this.written !== undefined && this.written.headers === headers) return this.written.bytes;
    const bytes = renderRequest(new URL(this.url), headers ?? {});
    this.written = { headers, bytes };
    return bytes;
  }

  private take(piece: Buffer): void {
    const { exchange } = this;
    this.hasAnswered = true;
    if (exchange === undefined) {
      this.socket.destroy(); // The peer talks without being asked.
      return;
    }
    try {
      const used = exchange.reader.read(piece);
      if (exchange.reader.isDone) this.finish(exchange, exchange.reader.isReusable && used === piece.length);
    } catch (error) {
      this.fail((request) => explain(request, error));
    }
  }

  private finish(exchange: Exchange, isReusable: boolean): void {
    const { request, reader } = exchange;
    const { status, headers } = reader;
    const decoded = this.parts.decoder.decode(headers["content-encoding"], reader.body, request.maxBodyBytes);
    this.exchange = undefined;
    clearTimeout(exchange.timer);
    if (isReusable) {
      this.isReused = true;
      this.idleSinceMs = performance.now();
      this.parts.onIdle();
    } else {
      this.socket.destroy();
    }
    const answer = { status, headers };
    exchange.resolve(decoded instanceof Promise ? answerLater(request, answer, decoded) : { ...answer, ...decoded });
  }

  private fail(errorOf: (request: HttpRequest) => HttpError): void {
    const { exchange } = this;
    this.exchange = undefined;
    this.socket.destroy();
    if (exchange === undefined) return;
    clearTimeout(exchange.timer);
    exchange.reject(errorOf(exchange.request));
  }

  /** The socket is closed, by whichever side. */
  private takeEnd(): void {
    this.parts.onClosed();
    this.watch(undefined);
    const { exchange } = this;
    if (exchange === undefined) return;
    if (this.isReused && !this.hasAnswered) {
      this.exchange = undefined;
      clearTimeout(exchange.timer);
      exchange.resolve(undefined);
      return;
    }
    try {
      if (this.problem !== undefined) throw this.problem;
      exchange.reader.end();
      this.finish(exchange, false);
    } catch (error) {
      this.fail((request) => explain(request, error));
    }
  }
}

/** @throws {TypeError} when a header cannot be written */
function renderRequest(url: URL, headers: Readonly<Record<string, string>>): Buffer {
  const lines = Object.entries({ Host: url.host, ...headers }).map(([name, value]) => {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    return `${name}: ${value}\r\n`;
  });
  return Buffer.from(`GET ${url.pathname}${url.search} HTTP/1.1\r\n${lines.join("")}\r\n`, "latin1");
}

async function answerLater(
  request: HttpRequest, answer: Omit<HttpResponse, "body">, decoded: Promise<DecodedBody>,
): Promise<HttpResponse> {
  try {
    return { ...answer, ...(await decoded) };
  } catch (error) {
    throw explain(request, error);
  }
}

export function stopped({ url }: HttpRequest): HttpError {
  return new HttpError("aborted", `Cannot fetch "${url}": stopped`);
}

function timedOut({ url, timeoutMs }: HttpRequest): HttpError {
  return new HttpError("timeout", `Cannot fetch "${url}": no whole answer within ${timeoutMs}ms`);
}

function explain({ url, maxBodyBytes }: HttpRequest, error: unknown): HttpError {
  if (error instanceof BodyTooLargeError) {
    return new HttpError("too_large", `Cannot fetch "${url}": the body is larger than ${maxBodyBytes} bytes`);
  }
  return new HttpError("unreachable", `Cannot fetch "${url}": ${messageOf(error)}`, { cause: error });
}
