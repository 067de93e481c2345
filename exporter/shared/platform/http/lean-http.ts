import type { HttpResponse, SendHttp } from "./http-client.js";
import { BodyDecoder } from "./lean-body.js";
import { LeanConnection, type LeanConnectionParts, stopped } from "./lean-connection.js";

/** All connections read into one buffer of this size: large enough to take most answers in one piece. */
const READ_BUFFER_BYTES = 131_072;

/**
 * GET over plain HTTP/1.1 on kept-alive connections, one per URL, for what is asked for again and again: a scrape costs
 * one write, one read and a look at the head. All else is for node-fetch; see docs/decisions/0005-lean-scrapes.md.
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
  /** One timer watches all requests: it looks again at the time at which the first of them may be too late. */
  private watcher: NodeJS.Timeout | undefined;
  private watchedMs = Number.POSITIVE_INFINITY;
  private isClosed = false;

  /** @param keepAliveMs how long a connection waits for the next request */
  constructor(private readonly keepAliveMs: number) {}

  /**
   * As `sendHttp`. Equal headers should be the same object, so that they are written out once.
   *
   * A kept connection that the peer has just closed is no failure: the request goes over a new one.
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
    // Timers come before sockets in a turn of the event loop: an answer that waits there to be read is not too late.
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
