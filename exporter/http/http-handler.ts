/**
 * Handles the HTTP requests to the exporter. Requests come in from the HTTP server, one at a time on
 * each connection. The router finds the route; this file authenticates the client and sends the
 * response of the route, a refusal or an error.
 */
import type { BasicAuth } from "../shared/config/basic-auth.js";
import { traceOf } from "../shared/model/errors.js";
import type {
  HttpHandler,
  HttpRequest,
  HttpResponse,
} from "../shared/platform/http/http-message.js";
import { streamBody } from "../shared/platform/http/http-stream.js";
import {
  pathOf,
  type PathParameters,
  type RouteMatch,
} from "../shared/platform/http/route-table.js";
import { createRouter } from "../shared/platform/http/router.js";
import type { Logger } from "../shared/platform/logger.js";
import { textResponse, withHeaders, type RouteResponse, type Route } from "./route.js";

export interface HttpHandlerParts {
  readonly routes: readonly Route[];
  /** Undefined admits everybody. */
  readonly basicAuth: BasicAuth | undefined;
  readonly log: Logger;
}

const METHODS = ["GET", "HEAD"] as const;

interface ReadRoute {
  readonly methods: typeof METHODS;
  readonly path: string;
  readonly route: Route;
}

export function createHttpHandler({ routes, basicAuth, log }: HttpHandlerParts): HttpHandler {
  const answer = async (
    match: RouteMatch<ReadRoute>,
    request: HttpRequest,
    response: HttpResponse,
  ): Promise<void> => {
    try {
      await send(response, await answerTo(match, request, basicAuth));
    } catch (error) {
      await sendError(error, response, log);
    }
  };
  return createRouter({
    routes: routes.map((route) => ({ methods: METHODS, path: route.path, route })),
    answer: (match, request, response) => void answer(match, request, response),
  });
}

/** @throws what the route throws */
function answerTo(
  match: RouteMatch<ReadRoute>,
  request: HttpRequest,
  basicAuth: BasicAuth | undefined,
): RouteResponse | Promise<RouteResponse> {
  switch (match.kind) {
    case "route":
      return answerRoute(match.route.route, match.parameters, request, basicAuth);
    case "wrong_method": {
      const allow = match.allowed.join(", ");
      const refusal = textResponse(405, `Method not allowed: it must be one of ${allow}`);
      return withHeaders(refusal, { allow, connection: "close" });
    }
    case "unknown_path":
      return textResponse(404, "Not found");
    case "malformed_path":
      return textResponse(400, "Bad request");
    case "failed":
      throw match.error;
  }
}

async function answerRoute(
  route: Route,
  parameters: PathParameters,
  request: HttpRequest,
  basicAuth: BasicAuth | undefined,
): Promise<RouteResponse> {
  if (route.isOpen !== true && basicAuth !== undefined) {
    if (!(await basicAuth(request.headers.authorization))) {
      return withHeaders(textResponse(401, "Unauthorized"), {
        "www-authenticate": 'Basic realm="pihealth"',
      });
    }
    request.hasCredentials = true;
  }
  if (route.hasCredentials?.(request.headers.authorization) === true) request.hasCredentials = true;
  return route.handle({
    headers: request.headers,
    parameters,
    peer: request.socket.remoteAddress ?? "",
    isHead: request.method === "HEAD",
  });
}

/** Sends a response. The response to HEAD has the length of the body and no body. */
async function send(
  response: HttpResponse,
  { status, headers, body }: RouteResponse,
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

/** Logs the error. The client does not see the text of the error. */
async function sendError(error: unknown, response: HttpResponse, log: Logger): Promise<void> {
  const path = pathOf(response.req.url ?? "");
  log.error("Cannot answer request", { path, error: traceOf(error) });
  // The client must not take a part of the body for the whole body.
  if (response.headersSent) response.destroy();
  else await send(response, textResponse(500, "Internal error"));
}
