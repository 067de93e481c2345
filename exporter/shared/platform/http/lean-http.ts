import type { HttpResponse, SendHttp } from "./http-client.js";
import { BodyDecoder } from "./lean-body.js";
import { LeanConnection, type LeanConnectionParts, stopped } from "./lean-connection.js";

/** All connections read into one buffer of this size, which holds most responses in one piece. */
const READ_BUFFER_BYTES = 131_072;

/**
 * HTTP client for GET requests that are repeated, such as scrapes: plain HTTP/1.1 on kept-alive
 * connections, one for each URL. A request costs one write, one read and the parsing of the head.
 * The scraper calls `send`; sockets and two timers of this class do the rest. All other requests use
 * node-fetch, see docs/decisions/0005-lean-scrapes.md.
 */
export class LeanHttp {
  private readonly idle = new Map<string, LeanConnection[]>();
  private readonly connections = new Set<LeanConnection>();
  private readonly parts: LeanConnectionParts = {
    readBuffer: Buffer.allocUnsafeSlow(READ_BUFFER_BYTES),
    decoder: new BodyDecoder(),
    onIdle: (connection) => this.keep(connection),
    onClosed: (connection) => this.forget(connection),
    resend: (exchange) => this.open(exchange.request.url).send(exchange),
  };
  private reaper: NodeJS.Timeout | undefined;
  /** One timer for the timeouts of all requests, set to the earliest of them. */
  private watcher: NodeJS.Timeout | undefined;
  private watchedMs = Number.POSITIVE_INFINITY;
  private isClosed = false;

  /** @param keepAliveMs time after which an idle connection is closed */
  constructor(private readonly keepAliveMs: number) {}

  /**
   * Works as `sendHttp`. Requests with equal headers should share one object, so that the headers
   * are rendered once. If the peer has just closed a kept connection, the request is sent on a new
   * connection.
   */
  readonly send: SendHttp = (request) =>
    new Promise<HttpResponse>((resolve, reject) => {
      if (this.isClosed || request.signal?.aborted === true) {
        reject(stopped(request));
        return;
      }
      const untilMs = performance.now() + request.timeoutMs;
      const connection = this.idle.get(request.url)?.pop() ?? this.open(request.url);
      connection.send({ request, untilMs, resolve, reject });
      if (untilMs < this.watchedMs) this.watch(untilMs);
    });

  close(): void {
    this.isClosed = true;
    clearInterval(this.reaper);
    clearTimeout(this.watcher);
    for (const connection of this.connections) connection.close();
  }

  private open(url: string): LeanConnection {
    this.reaper ??= setInterval(() => this.closeOld(), this.keepAliveMs / 2).unref();
    const connection = new LeanConnection(url, this.parts);
    this.connections.add(connection);
    return connection;
  }

  private keep(connection: LeanConnection): void {
    const known = this.idle.get(connection.url);
    if (known === undefined) this.idle.set(connection.url, [connection]);
    else known.push(connection);
  }

  private forget(connection: LeanConnection): void {
    this.connections.delete(connection);
    const rest = this.idle.get(connection.url)?.filter((other) => other !== connection) ?? [];
    if (rest.length === 0) this.idle.delete(connection.url);
    else this.idle.set(connection.url, rest);
  }

  private watch(untilMs: number): void {
    clearTimeout(this.watcher);
    this.watchedMs = untilMs;
    if (untilMs === Number.POSITIVE_INFINITY) return;
    // The event loop runs timers before sockets, so a response that waits to be read must not time out.
    const onTime = (): void => void setImmediate(() => this.expire());
    this.watcher = setTimeout(onTime, Math.max(1, Math.ceil(untilMs - performance.now()))).unref();
  }

  private expire(): void {
    const nowMs = performance.now();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const connection of this.connections) {
      connection.expire(nowMs);
      nextMs = Math.min(nextMs, connection.untilMs);
    }
    this.watch(nextMs);
  }

  private closeOld(): void {
    const untilMs = performance.now() - this.keepAliveMs;
    for (const connection of this.connections)
      if (connection.idleSinceMs < untilMs) connection.close();
  }
}
