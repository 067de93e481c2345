/**
 * Requests through an HTTP proxy: an https URL goes through a tunnel (CONNECT, RFC 9110 section
 * 9.3.6), an http URL is sent to the proxy as a whole (absolute form, RFC 9112 section 3.2.2).
 */
import http from "node:http";
import https from "node:https";
import { PassThrough, pipeline, type Duplex } from "node:stream";
import tls from "node:tls";
import { createGunzip } from "node:zlib";
import { present } from "../../model/get-or-throw.js";

export interface ProxyOptions {
  /** The proxy for a URL, `http:` or `https:`; undefined for a direct connection. */
  readonly choose: (url: URL) => URL | undefined;
  /** Sent with CONNECT. */
  readonly connectHeaders: Readonly<Record<string, string>>;
}

/** A request whose URL is `http:`. */
export interface PlainRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | string | undefined;
  readonly signal: AbortSignal;
}

export interface PlainResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** After decompression. */
  readonly body: NodeJS.ReadableStream;
}

/** A proxy that does not answer CONNECT in this time has failed. */
const CONNECT_TIMEOUT_MS = 30_000;
const HTTPS_PORT = 443;
const OK = 200;

/** The connections of one agent that go through proxies. */
export class HttpProxy {
  /** For https URLs: each connection is a tunnel through the proxy of its URL. */
  readonly tunnels: https.Agent;
  private readonly toHttpProxy: http.Agent;
  private readonly toHttpsProxy: https.Agent;

  constructor(
    private readonly options: ProxyOptions,
    common: http.AgentOptions,
    private readonly tlsOptions: https.AgentOptions,
  ) {
    this.toHttpProxy = new http.Agent(common);
    this.toHttpsProxy = new https.Agent({ ...common, ...tlsOptions });
    const agentOptions = { ...common, ...tlsOptions };
    this.tunnels = new TunnelAgent((host) => this.openTunnel(host), agentOptions);
  }

  proxyOf(url: URL): URL | undefined {
    return this.options.choose(url);
  }

  /** Sends a request for an `http:` URL to its proxy. Rejects when no response begins. */
  send(url: URL, proxy: URL, request: PlainRequest): Promise<PlainResponse> {
    return new Promise((resolve, reject) => {
      const outgoing = this.requestTo(proxy, {
        method: request.method,
        path: `${url.origin}${url.pathname}${url.search}`,
        headers: { host: url.host, ...authorizationOf(proxy), ...request.headers },
        signal: request.signal,
        agent: proxy.protocol === "https:" ? this.toHttpsProxy : this.toHttpProxy,
      });
      outgoing.on("error", reject);
      outgoing.on("response", (response) => resolve(plainResponseOf(response)));
      outgoing.end(request.body);
    });
  }

  close(): void {
    for (const agent of [this.tunnels, this.toHttpProxy, this.toHttpsProxy]) agent.destroy();
  }

  /** @param host with its port */
  private openTunnel(host: string): Promise<Duplex> {
    return new Promise((resolve, reject) => {
      const proxy = present(this.options.choose(new URL(`https://${host}`)), "The proxy");
      const outgoing = this.requestTo(proxy, {
        method: "CONNECT",
        path: host,
        headers: { host, ...authorizationOf(proxy), ...this.options.connectHeaders },
        timeout: CONNECT_TIMEOUT_MS,
        agent: false,
      });
      outgoing.on("timeout", () => outgoing.destroy(new Error("the proxy did not answer in time")));
      outgoing.on("error", reject);
      outgoing.on("connect", (response: http.IncomingMessage, socket: Duplex) => {
        if (response.statusCode === OK) {
          resolve(socket);
          return;
        }
        socket.destroy();
        reject(new Error(`the proxy refused the connection with status ${response.statusCode}`));
      });
      outgoing.end();
    });
  }

  private requestTo(proxy: URL, options: http.RequestOptions): http.ClientRequest {
    const place = { host: unbracketed(proxy.hostname), ...(proxy.port && { port: proxy.port }) };
    return proxy.protocol === "https:"
      ? https.request({ ...this.tlsOptions, ...options, ...place })
      : http.request({ ...options, ...place });
  }
}

class TunnelAgent extends https.Agent {
  constructor(
    private readonly openTunnel: (host: string) => Promise<Duplex>,
    private readonly agentOptions: https.AgentOptions,
  ) {
    super(agentOptions);
  }

  override createConnection(
    { host, port, servername }: https.RequestOptions,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    const name = bracketed(host ?? "localhost");
    this.openTunnel(`${name}:${port ?? HTTPS_PORT}`).then(
      (socket) =>
        callback?.(
          null,
          tls.connect({
            ...this.agentOptions,
            socket,
            ...(servername === undefined ? {} : { servername }),
          }),
        ),
      (error: unknown) => callback?.(asError(error), new PassThrough().destroy()),
    );
    return undefined;
  }
}

/** User and password in the URL of a proxy. */
function authorizationOf({ username, password }: URL): Record<string, string> {
  if (username === "" && password === "") return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { "proxy-authorization": `Basic ${Buffer.from(pair).toString("base64")}` };
}

function plainResponseOf(response: http.IncomingMessage): PlainResponse {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(response.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  const isGzip = /^(x-)?gzip$/i.test(headers["content-encoding"] ?? "");
  // An error of the response destroys the decompressor, whose reader gets the error.
  const body = isGzip ? pipeline(response, createGunzip(), () => undefined) : response;
  return { status: response.statusCode ?? 0, headers, body };
}

const bracketed = (host: string): string =>
  host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
const unbracketed = (host: string): string => host.replace(/^\[(.*)\]$/, "$1");
const asError = (error: unknown): Error =>
  error instanceof Error ? error : new Error(String(error));
