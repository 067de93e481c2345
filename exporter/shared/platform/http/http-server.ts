import http, {
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from "node:http";
import https from "node:https";
import { BadInputError, codeOf, messageOf } from "../../model/errors.js";

export type HttpRequest = IncomingMessage;
export type HttpResponse = ServerResponse;
export type HttpHandler = RequestListener;
/** Names in lower case. */
export type HttpHeaders = IncomingHttpHeaders;

export interface ListenOptions {
  readonly host: string;
  /** 0 lets the system choose the port, which is then in `HttpServer.port`. */
  readonly port: number;
  readonly maxConnections: number;
  /** PEM texts; undefined for plain HTTP. */
  readonly tls?: https.ServerOptions | undefined;
}

export interface HttpServer {
  readonly host: string;
  readonly port: number;
  /** Closes the port, waits at most `graceMs` for current requests, then closes their connections. */
  stop(graceMs: number): Promise<void>;
}

/** Time within which a client must send the head of its request. */
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 60_000;
const KEEP_ALIVE_MS = 75_000; // Longer than the usual scrape interval, so scrapers keep their connections.
const MAX_HEADER_BYTES = 16_384;

/**
 * Starts an HTTP or HTTPS server.
 *
 * @throws {BadInputError} when the address cannot be listened on; the cause is the system's error
 */
export async function listenHttp(
  handler: HttpHandler,
  options: ListenOptions,
): Promise<HttpServer> {
  const limits = {
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
  };
  const server =
    options.tls === undefined
      ? http.createServer(limits, handler)
      : https.createServer({ ...options.tls, ...limits }, handler);
  server.maxConnections = options.maxConnections;
  await new Promise<void>((resolve, reject) => {
    const onError = (error: Error): void => reject(explain(error, options));
    server.once("error", onError);
    server.listen(options.port, options.host, () => {
      server.removeListener("error", onError);
      resolve();
    });
  });
  return {
    host: options.host,
    port: portOf(server),
    stop: (graceMs) => stopServer(server, graceMs),
  };
}

function portOf(server: http.Server | https.Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new TypeError("No TCP port is open");
  return address.port;
}

function explain(error: Error, { host, port }: ListenOptions): BadInputError {
  const reason =
    codeOf(error) === "EADDRINUSE" ? "another program listens there" : messageOf(error);
  const detail = `${reason}, it must be a free address of this machine (--listen-address)`;
  return new BadInputError(`Cannot listen on "${host}:${port}": ${detail}`, { cause: error });
}

function stopServer(server: http.Server | https.Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), graceMs);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}
