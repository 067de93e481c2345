import { X509Certificate } from "node:crypto";
import http from "node:http";
import https from "node:https";
import tls from "node:tls";
import { isIP } from "node:net";
import fetch, { type RequestInit } from "node-fetch";
import { codeOf, messageOf, PihealthError } from "../../model/errors.js";
import { originOf, withoutSecretUrl, withoutUrlSecrets } from "../../model/shown-text.js";
import { onAbort } from "../abort.js";
import { yieldToEventLoop } from "../clock.js";
import { BodyGatherer } from "./body-gatherer.js";
import { LineLimit, TooManyLinesError } from "./line-limit.js";
import { HttpProxy, type PlainResponse, type ProxyOptions } from "./http-proxy.js";

/** A body in more pieces than this is refused when they are tiny: each costs as much as a large one. */
const MAX_PIECES = 100_000;
const MIN_MEAN_PIECE_BYTES = 16;
const PIECES_PER_TURN = 1000;

export interface HttpRequest {
  readonly url: string;
  /** The path is a key, as in the URL of a webhook: errors show the host only. */
  readonly isSecretUrl?: boolean;
  readonly method?: "GET" | "HEAD" | "POST" | "PUT" | "DELETE";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /** From the name lookup to the last byte of the body. */
  readonly timeoutMs: number;
  /** Largest body accepted, after decompression. */
  readonly maxBodyBytes: number;
  /** Most lines of a large body, without empty lines and comments (`#`). Undefined for no limit. */
  readonly maxLines?: number | undefined;
  readonly agent?: HttpAgent;
  readonly signal?: AbortSignal;
}

export interface HttpResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** Lets other responses reuse the memory of `body`. Optional; it saves garbage where responses are many. */
  readonly release?: () => void;
}

/** Keeps the connections to a group of peers open. The owner closes it. */
export interface HttpAgent {
  readonly http: http.Agent;
  readonly https: https.Agent;
  /** Sends GET requests over plain HTTP; undefined where they are too few to bypass node-fetch. */
  readonly lean?: SendHttp;
  /** Undefined: every connection is direct. */
  readonly proxy?: HttpProxy;
  /** An agent with the same settings and no open connection. The caller closes it. */
  fresh(): HttpAgent;
  /**
   * An agent with the same settings except the client certificate, for a server that the
   * configuration does not name, such as the destination of a redirect. The caller closes it.
   */
  withoutClientCertificate(): HttpAgent;
  close(): void;
}

/** Sends one request. Redirects are not followed: the caller gets their status. Tests replace this function. */
export type SendHttp = (request: HttpRequest) => Promise<HttpResponse>;

/** The peer sent no complete response. The `code` of `cause` is the system's error, where there is one. */
export class HttpError extends PihealthError {
  constructor(
    readonly code: "timeout" | "too_large" | "too_many_lines" | "aborted" | "unreachable",
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export interface AgentOptions {
  readonly maxSockets: number;
  /** Time after which an idle connection is closed; 0: connections are not kept. */
  readonly keepAliveMs?: number;
  readonly tls?: https.AgentOptions;
  readonly proxy?: ProxyOptions;
  /** IP address of this machine from which connections leave; default: the system chooses. */
  readonly localAddress?: string;
  /** Path of a Unix socket through which every request goes, whatever its URL. */
  readonly socketPath?: string;
}

/** @throws {Error} when certificate, key or authorities cannot be used */
export function checkTls(options: tls.SecureContextOptions): void {
  tls.createSecureContext(options);
  // Node.js takes authorities that are no certificates, and then trusts nobody.
  const { ca = [] } = options;
  for (const authority of Array.isArray(ca) ? ca : [ca]) new X509Certificate(authority);
}

export function createHttpAgent(options: AgentOptions): HttpAgent {
  const { maxSockets, keepAliveMs = 60_000, tls: tlsOptions = {}, proxy: proxyOptions } = options;
  const keepAlive = keepAliveMs > 0;
  const { localAddress } = options;
  const local =
    localAddress === undefined ? {} : { localAddress, family: isIP(localAddress) === 6 ? 6 : 4 };
  const sockets = { maxSockets, maxFreeSockets: maxSockets };
  const unix = options.socketPath === undefined ? {} : { socketPath: options.socketPath };
  const common = { ...local, ...unix, ...sockets, keepAlive, timeout: keepAliveMs };
  const agents = {
    http: new http.Agent(common),
    https: new https.Agent({ ...common, ...tlsOptions }),
  };
  const proxy = proxyOptions && new HttpProxy(proxyOptions, common, tlsOptions);
  return {
    ...agents,
    ...(proxy === undefined ? {} : { proxy }),
    fresh: () => createHttpAgent({ ...options, keepAliveMs: 0 }),
    withoutClientCertificate: () =>
      createHttpAgent({ ...options, keepAliveMs: 0, tls: withoutCertificate(tlsOptions) }),
    close() {
      agents.http.destroy();
      agents.https.destroy();
      proxy?.close();
    },
  };
}

function withoutCertificate(options: https.AgentOptions): https.AgentOptions {
  const names = new Set(["cert", "key", "pfx", "passphrase"]);
  return Object.fromEntries(Object.entries(options).filter(([name]) => !names.has(name)));
}

/**
 * Sends a request with the agent's own client where it has one, otherwise with node-fetch. If the
 * peer has just closed a kept-alive connection (ECONNRESET, premature close, node-fetch#1767), the
 * request is sent once more on a new connection.
 *
 * @throws {HttpError} when no complete response within the limits arrives
 */
export const sendHttp: SendHttp = async (request) => {
  const lean = request.agent?.lean;
  if (lean !== undefined && (request.method ?? "GET") === "GET" && request.url.startsWith("http:"))
    return lean(request);
  try {
    return await sendOnce(request, request.agent);
  } catch (error) {
    if (request.agent === undefined || !isStaleConnection(error)) throw error;
    const fresh = request.agent.fresh();
    try {
      return await sendOnce(request, fresh);
    } finally {
      fresh.close();
    }
  }
};

/** The text that node-fetch puts before the reason. */
const FETCH_PREAMBLE = /^request to \S+ failed, reason: /;

/** The text of an error about a request, without the secrets of its URL. */
export function cannotFetch(
  { url, isSecretUrl }: Pick<HttpRequest, "url" | "isSecretUrl">,
  detail: string,
): string {
  if (isSecretUrl !== true)
    return `Cannot fetch "${withoutUrlSecrets(url)}": ${withoutUrlSecrets(detail)}`;
  return `Cannot fetch "${originOf(url)}": ${withoutSecretUrl(detail, url)}`;
}

const STALE_CONNECTION_CODES = new Set(["ECONNRESET", "EPIPE", "ERR_STREAM_PREMATURE_CLOSE"]);

function isStaleConnection(error: unknown): boolean {
  return error instanceof HttpError && STALE_CONNECTION_CODES.has(codeOf(error.cause) ?? "");
}

async function sendOnce(request: HttpRequest, agent: HttpAgent | undefined): Promise<HttpResponse> {
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(), request.timeoutMs);
  const stopListening = request.signal && onAbort(request.signal, () => timeout.abort());
  try {
    if (request.signal?.aborted === true)
      throw new HttpError("aborted", cannotFetch(request, "stopped"));
    const { status, headers, body } = await open(request, agent, timeout.signal);
    return { status, headers, body: await readBody(body, request) };
  } catch (error) {
    if (error instanceof HttpError) throw error;
    if (error instanceof TooManyLinesError) throw tooManyLines(request, error);
    if (request.signal?.aborted === true)
      throw new HttpError("aborted", cannotFetch(request, "stopped"));
    if (timeout.signal.aborted) {
      const detail = `no complete response within ${request.timeoutMs}ms`;
      throw new HttpError("timeout", cannotFetch(request, detail), { cause: error });
    }
    const detail = messageOf(error).replace(FETCH_PREAMBLE, "");
    throw new HttpError("unreachable", cannotFetch(request, detail), { cause: error });
  } finally {
    clearTimeout(timer);
    stopListening?.();
  }
}

/**
 * Sends the user information of the URL as basic authentication, unless the request has an
 * `Authorization` header, as Go's net/http does. node-fetch refuses such URLs.
 */
function withUserInformation(request: HttpRequest): HttpRequest {
  if (!request.url.includes("@")) return request;
  const url = new URL(request.url);
  const { username, password } = url;
  if (username === "" && password === "") return request;
  url.username = "";
  url.password = "";
  const headers = { ...request.headers };
  const isSet = Object.keys(headers).some((name) => name.toLowerCase() === "authorization");
  if (!isSet) {
    const credentials = `${decodePart(username)}:${decodePart(password)}`;
    headers["authorization"] = `Basic ${Buffer.from(credentials).toString("base64")}`;
  }
  return { ...request, url: url.href, headers };
}

function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // A percent sign that begins no escape stands for itself.
  }
}

/** Resolves when the response begins. */
async function open(
  given: HttpRequest,
  agent: HttpAgent | undefined,
  signal: AbortSignal,
): Promise<Omit<PlainResponse, "body"> & { body: NodeJS.ReadableStream | null }> {
  const request = withUserInformation(given);
  const url = new URL(request.url);
  const proxy = url.protocol === "http:" ? agent?.proxy?.proxyOf(url) : undefined;
  if (agent?.proxy !== undefined && proxy !== undefined) {
    const { method = "GET", headers = {}, body } = request;
    return agent.proxy.send(url, proxy, { method, headers, signal, body: body && bodyOf(body) });
  }
  const response = await fetch(request.url, fetchOptions(request, agent, signal));
  const headers = Object.fromEntries(response.headers.entries());
  return { status: response.status, headers, body: response.body };
}

function fetchOptions(
  request: HttpRequest,
  agent: HttpAgent | undefined,
  signal: AbortSignal,
): RequestInit {
  return {
    method: request.method ?? "GET",
    headers: { ...request.headers },
    redirect: "manual",
    signal,
    ...(request.body === undefined ? {} : { body: bodyOf(request.body) }),
    ...(agent === undefined ? {} : { agent: (url: URL) => agentOf(agent, url) }),
  };
}

function agentOf(agent: HttpAgent, url: URL): http.Agent {
  if (url.protocol !== "https:") return agent.http;
  return agent.proxy?.proxyOf(url) === undefined ? agent.https : agent.proxy.tunnels;
}

function bodyOf(body: Uint8Array | string): Buffer | string {
  return typeof body === "string"
    ? body
    : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
}

export function tooManyLines(request: HttpRequest, cause: TooManyLinesError): HttpError {
  return new HttpError("too_many_lines", cannotFetch(request, cause.message), { cause });
}

async function readBody(body: NodeJS.ReadableStream | null, request: HttpRequest): Promise<Buffer> {
  const { maxBodyBytes, maxLines } = request;
  const gathered = new BodyGatherer();
  let pieces = 0;
  const lines = new LineLimit(maxLines);
  // An exception inside the loop destroys the stream and its connection.
  for await (const piece of body ?? []) {
    if (typeof piece === "string") throw new TypeError("The body must be a stream of bytes");
    gathered.add(piece);
    if (gathered.sizeBytes > maxBodyBytes) {
      const detail = `the body is larger than ${maxBodyBytes} bytes`;
      throw new HttpError("too_large", cannotFetch(request, detail));
    }
    lines.take(piece);
    if (++pieces > MAX_PIECES && gathered.sizeBytes < pieces * MIN_MEAN_PIECE_BYTES) {
      const detail = `the body comes in ${pieces} pieces of less than ${MIN_MEAN_PIECE_BYTES} bytes`;
      throw new HttpError("unreachable", cannotFetch(request, detail));
    }
    // The pieces of one read come without a turn of the event loop between them.
    if (pieces % PIECES_PER_TURN === 0) await yieldToEventLoop();
  }
  return gathered.take();
}
