import http from "node:http";
import https from "node:https";
import type { Socket } from "node:net";
import { BadInputError, codeOf, messageOf } from "../../model/errors.js";
import { silentLogger, type Logger } from "../logger.js";
import { type CloseReason, ConnectionBounds } from "./connection-bounds.js";
import type { HttpHandler, HttpRequest, HttpResponse } from "./http-message.js";
import { ServedConnection } from "./served-connection.js";
import { Turns } from "./turns.js";

export interface ListenOptions {
  readonly host: string;
  /** 0 lets the system choose the port, which is then in `HttpServer.port`. */
  readonly port: number;
  /** At this number, the connection that waits longest for its client is closed for a new one. */
  readonly maxConnections: number;
  /** The same for each address; undefined for `maxConnections`. */
  readonly maxPerAddress?: number;
  /** True for the address of a client whose connections are not closed for a stranger. */
  readonly isFriend?: (address: string) => boolean;
  readonly log?: Logger;
  /** PEM texts; undefined for plain HTTP. */
  readonly tls?: https.ServerOptions | undefined;
}

export interface HttpServer {
  readonly host: string;
  readonly port: number;
  /** Connections that are open now. */
  readonly openConnections: () => number;
  /** Connections closed or refused since the start, by reason. */
  readonly closedConnections: () => Readonly<Record<CloseReason, number>>;
  /** Closes the port, waits at most `graceMs` for current requests, then closes their connections. */
  stop(graceMs: number): Promise<void>;
}

/** Time within which a client must send the head of its request. */
const HEADERS_TIMEOUT_MS = 10_000;
/** Time within which a whole request must arrive: the least speed of a body. */
const REQUEST_TIMEOUT_MS = 60_000;
const TLS_HANDSHAKE_TIMEOUT_MS = 10_000;
/** How often the times above and the speed of responses are checked. */
const CHECK_EVERY_MS = 5000;
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
    connectionsCheckingInterval: CHECK_EVERY_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
  };
  const handshakeTimeout = TLS_HANDSHAKE_TIMEOUT_MS;
  const server =
    options.tls === undefined
      ? http.createServer(limits)
      : https.createServer({ ...options.tls, ...limits, handshakeTimeout });
  const bounds = boundConnections(server, handler, options);
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
    openConnections: () => bounds.size,
    closedConnections: () => bounds.closed,
    stop: (graceMs) => stopServer(server, graceMs),
  };
}

/** Bounds the connections of a server and makes each of them handle one request at a time. */
function boundConnections(
  server: http.Server | https.Server,
  handle: HttpHandler,
  options: ListenOptions,
): ConnectionBounds {
  const { maxConnections, maxPerAddress = maxConnections, isFriend = () => false } = options;
  const log = options.log ?? silentLogger;
  const monotonicMs = (): number => performance.now();
  const bounds = new ConnectionBounds(
    { maxConnections, maxPerAddress, isFriend },
    monotonicMs,
    (message, fields) => log.warn(message, fields),
  );
  const turns = new Turns();
  const served = new WeakMap<Socket, ServedConnection>();
  const handshakes = new Map<string, ServedConnection>();
  const onChange = (connection: ServedConnection): void => bounds.noteChange(connection);
  const read = (connection: ServedConnection, socket: Socket): void => {
    served.set(socket, connection);
    connection.read(socket);
  };
  server.on("connection", (socket: Socket) => {
    const key = keyOf(socket);
    const address = (socket.remoteAddress ?? "").replace(/^::ffff:/, "");
    const connection = new ServedConnection({ socket, address, turns, handle, onChange });
    if (!bounds.admit(connection)) return;
    socket.once("close", () => {
      connection.noteClosed();
      bounds.forget(connection);
      handshakes.delete(key);
    });
    if (options.tls === undefined) read(connection, socket);
    else handshakes.set(key, connection);
  });
  server.on("secureConnection", (socket: Socket) => {
    const connection = handshakes.get(keyOf(socket));
    if (connection === undefined) socket.destroy();
    else read(connection, socket);
  });
  server.on("request", (request: HttpRequest, response: HttpResponse) => {
    served.get(request.socket)?.take(request, response);
  });
  const timer = setInterval(() => bounds.closeSlow(), CHECK_EVERY_MS).unref();
  server.once("close", () => clearInterval(timer));
  return bounds;
}

/** A TLS socket has the key of the socket that it was made from. */
const keyOf = ({ remoteAddress, remotePort, localAddress }: Socket): string =>
  `${remoteAddress} ${remotePort} ${localAddress}`;

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
