/** How one route answers one request, whoever found the route. */
import type { BasicAuth } from "../shared/config/basic-auth.js";
import { messageOf } from "../shared/model/errors.js";
import type { listenHttp } from "../shared/platform/http/http-server.js";
import { streamBody } from "../shared/platform/http/http-stream.js";
import type { Logger } from "../shared/platform/logger.js";
import { textAnswer, type HttpAnswer, type HttpRoute } from "./http-route.js";

export type HttpListener = Parameters<typeof listenHttp>[0];
export type HttpRequest = Parameters<HttpListener>[0];
export type HttpResponse = Parameters<HttpListener>[1];

export interface HttpHandlerParts {
  readonly routes: readonly HttpRoute[];
  readonly basicAuth: BasicAuth;
  readonly log: Logger;
}

const ALLOWED_METHODS = "GET, HEAD";

interface Asked {
  readonly request: HttpRequest;
  readonly response: HttpResponse;
  /** Values of the named parts of the path. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** @throws what the route throws; nothing has been sent then, unless the body is a stream */
export async function answerRequest(
  route: HttpRoute,
  basicAuth: BasicAuth,
  { request, response, parameters }: Asked,
): Promise<void> {
  if (request.method !== "GET" && request.method !== "HEAD") {
    const refusal = textAnswer(405, `Method not allowed: it must be one of ${ALLOWED_METHODS}`);
    await send(response, {
      ...refusal,
      headers: { ...refusal.headers, allow: ALLOWED_METHODS, connection: "close" },
    });
    return;
  }
  if (route.isOpen !== true && !(await basicAuth(request.headers.authorization))) {
    const refusal = textAnswer(401, "Unauthorized");
    await send(response, {
      ...refusal,
      headers: { ...refusal.headers, "www-authenticate": 'Basic realm="pihealth"' },
    });
    return;
  }
  const answer = await route.answer({
    headers: request.headers as Readonly<Record<string, string | undefined>>,
    parameters,
    peer: request.socket.remoteAddress ?? "",
    isHead: request.method === "HEAD",
  });
  await send(response, answer);
}

/** Written with Node's own calls: HEAD gets the length and no body. */
export async function send(
  response: HttpResponse,
  { status, headers, body }: HttpAnswer,
): Promise<void> {
  const content = typeof body === "string" ? Buffer.from(body) : body;
  const isWhole = Buffer.isBuffer(content);
  response.writeHead(status, {
    ...headers,
    "x-content-type-options": "nosniff",
    "content-length": isWhole ? content.length : content.sizeBytes,
  });
  if (isWhole) response.end(content);
  else if (response.req.method === "HEAD") response.end();
  else await streamBody(response, content.pieces);
}

/** Errors with a status from 400 to 499 are the client's; others are logged and not told. */
export async function sendError(
  error: unknown,
  response: HttpResponse,
  log: Logger,
): Promise<void> {
  const status = (error as { status?: unknown } | undefined)?.status;
  const isClientError = typeof status === "number" && status >= 400 && status < 500;
  if (!isClientError)
    log.error("Cannot answer a request", {
      path: (response.req.url ?? "").replace(/\?.*$/s, ""),
      error: messageOf(error),
    });
  // What has begun is cut off: the client must not take it for whole.
  if (response.headersSent) response.destroy();
  else {
    const answer = isClientError ? textAnswer(status, "Bad request") : undefined;
    await send(response, answer ?? textAnswer(500, "Internal error"));
  }
}
