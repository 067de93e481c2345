import { HttpError, type HttpRequest, type HttpResponse, type SendHttp } from "./http-client.js";
import { BodyDecoder } from "./lean-body.js";
import { LeanConnection, stopped } from "./lean-connection.js";

/** All connections read into one buffer of this size: large enough to take most answers in one piece. */
const READ_BUFFER_BYTES = 131_072;

/**
 * GET over plain HTTP/1.1 on kept-alive connections, one per URL, for what is asked for again and again: a scrape costs
 * one write, one read and a look at the head. All else is for node-fetch; see docs/decisions/0005-lean-scrapes.md.
 */
export class LeanHttp {
  private readonly idle = new Map<string, LeanConnection[]>();
  private readonly connections = new Set<LeanConnection>();
  private readonly readBuffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);
  private readonly decoder = new BodyDecoder();
  private reaper: NodeJS.Timeout | undefined;
  private isClosed = false;

  /** @param keepAliveMs how long a connection waits for the next request */
  constructor(private readonly keepAliveMs: number) {}

  /**
   * As `sendHttp`. Equal headers should be the same object, so that they are written out once.
   *
   * A kept connection that the peer has just closed is no failure: the request goes over a new one.
   */
  readonly send: SendHttp = async (request) => {
    if (this.isClosed || request.signal?.aborted === true) throw stopped(request);
    const kept = this.idle.get(request.url)?.pop();
    if (kept === undefined) return this.sendFresh(request, request.timeoutMs);
    const startMs = performance.now();
    const response = await kept.send(request, request.timeoutMs);
    return response ?? this.sendFresh(request, Math.max(1, request.timeoutMs - (performance.now() - startMs)));
  };

  close(): void {
    this.isClosed = true;
    clearInterval(this.reaper);
    for (const connection of this.connections) connection.close();
  }

  private async sendFresh(request: HttpRequest, timeoutMs: number): Promise<HttpResponse> {
    const response = await this.open(request.url).send(request, timeoutMs);
    if (response === undefined) throw new HttpError("unreachable", `Cannot fetch "${request.url}": no answer`);
    return response;
  }

  private open(url: string): LeanConnection {
    this.reaper ??= setInterval(() => this.closeOld(), this.keepAliveMs / 2).unref();
    const connection: LeanConnection = new LeanConnection(url, {
      readBuffer: this.readBuffer,
      decoder: this.decoder,
      onIdle: () => this.keep(url, connection),
      onClosed: () => this.forget(url, connection),
    });
    this.connections.add(connection);
    return connection;
  }

  private keep(url: string, connection: LeanConnection): void {
    const known = this.idle.get(url);
    if (known === undefined) this.idle.set(url, [connection]);
    else known.push(connection);
  }

  private forget(url: string, connection: LeanConnection): void {
    this.connections.delete(connection);
    const rest = this.idle.get(url)?.filter((other) => other !== connection) ?? [];
    if (rest.length === 0) this.idle.delete(url);
    else this.idle.set(url, rest);
  }

  private closeOld(): void {
    const untilMs = performance.now() - this.keepAliveMs;
    for (const connection of this.connections) if (connection.idleSinceMs < untilMs) connection.close();
  }
}
