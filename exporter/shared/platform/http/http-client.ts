import http from "node:http";
import https from "node:https";
import fetch, { type RequestInit } from "node-fetch";
import { codeOf, messageOf, PihealthError } from "../../model/errors.js";
import { onAbort } from "../abort.js";

export interface HttpRequest {
  readonly url: string;
  readonly method?: "GET" | "HEAD" | "POST" | "PUT" | "DELETE";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /** From the first look at the name until the last byte of the body. */
  readonly timeoutMs: number;
  /** Largest body taken, after decompression. */
  readonly maxBodyBytes: number;
  readonly agent?: HttpAgent;
  readonly signal?: AbortSignal;
}

export interface HttpResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** Lets the memory of `body` be used for other answers; worth calling where they are many, needed nowhere. */
  readonly release?: () => void;
}

/** Keeps connections of one group of peers open; closed by its owner. */
export interface HttpAgent {
  readonly http: http.Agent;
  readonly https: https.Agent;
  /** Takes GETs over plain HTTP where those are many; node-fetch takes them without. */
  readonly lean?: SendHttp;
  close(): void;
}

/** Sends one request. Tests replace it. Redirects are not followed: they arrive as the status they are. */
export type SendHttp = (request: HttpRequest) => Promise<HttpResponse>;

/** The peer did not give a whole answer. `code` of the cause says why where the system knows. */
export class HttpError extends PihealthError {
  constructor(
    readonly code: "timeout" | "too_large" | "aborted" | "unreachable",
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export interface AgentOptions {
  readonly maxSockets: number;
  readonly keepAliveMs?: number;
  readonly tls?: https.AgentOptions;
}

export function createHttpAgent({
  maxSockets,
  keepAliveMs = 60_000,
  tls = {},
}: AgentOptions): HttpAgent {
  const common = { keepAlive: true, maxSockets, maxFreeSockets: maxSockets, timeout: keepAliveMs };
  const agents = { http: new http.Agent(common), https: new https.Agent({ ...common, ...tls }) };
  return {
    ...agents,
    close() {
      agents.http.destroy();
      agents.https.destroy();
    },
  };
}

/**
 * Sends a request with node-fetch, or as its agent wants it. A kept-alive connection the peer has just closed (ECONNRESET, premature close,
 * node-fetch#1767) is tried once more on a fresh socket.
 *
 * @throws {HttpError} when no whole answer within the limits came
 */
export const sendHttp: SendHttp = async (request) => {
  const lean = request.agent?.lean;
  if (lean !== undefined && (request.method ?? "GET") === "GET" && request.url.startsWith("http:"))
    return lean(request);
  try {
    return await sendOnce(request, request.agent);
  } catch (error) {
    if (request.agent === undefined || !isStaleConnection(error)) throw error;
    return sendOnce(request, undefined);
  }
};

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
      throw new HttpError("aborted", `Cannot fetch "${request.url}": stopped`);
    const response = await fetch(request.url, fetchOptions(request, agent, timeout.signal));
    const headers = Object.fromEntries(response.headers.entries());
    const body = await readBody(response.body, request);
    return { status: response.status, headers, body };
  } catch (error) {
    if (error instanceof HttpError) throw error;
    if (request.signal?.aborted === true)
      throw new HttpError("aborted", `Cannot fetch "${request.url}": stopped`);
    if (timeout.signal.aborted) {
      const detail = `no whole answer within ${request.timeoutMs}ms`;
      throw new HttpError("timeout", `Cannot fetch "${request.url}": ${detail}`, { cause: error });
    }
    throw new HttpError("unreachable", `Cannot fetch "${request.url}": ${messageOf(error)}`, {
      cause: error,
    });
  } finally {
    clearTimeout(timer);
    stopListening?.();
  }
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
    ...(agent === undefined
      ? {}
      : { agent: (url: URL) => (url.protocol === "https:" ? agent.https : agent.http) }),
  };
}

function bodyOf(body: Uint8Array | string): Buffer | string {
  return typeof body === "string"
    ? body
    : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
}

async function readBody(
  body: NodeJS.ReadableStream | null,
  { url, maxBodyBytes }: HttpRequest,
): Promise<Buffer> {
  if (body === null) return Buffer.alloc(0);
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  // Leaving the loop by an exception destroys the stream and with it the connection.
  for await (const chunk of body as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > maxBodyBytes) {
      throw new HttpError(
        "too_large",
        `Cannot fetch "${url}": the body is larger than ${maxBodyBytes} bytes`,
      );
    }
    chunks.push(chunk);
  }
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, sizeBytes);
}
