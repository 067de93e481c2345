/**
 * Handles the HTTP requests to the scraper. Requests come in from the HTTP server, many at a time.
 * The router finds the route; this file authenticates the client, reads the request, calls the route
 * and sends its response, or a refusal or error in the form of the API that was called.
 */
import type { BasicAuth } from "../../../exporter/shared/config/basic-auth.js";
import { traceOf } from "../../../exporter/shared/model/errors.js";
import type { Clock } from "../../../exporter/shared/platform/clock.js";
import type {
  HttpHandler,
  HttpRequest,
  HttpResponse,
} from "../../../exporter/shared/platform/http/http-message.js";
import type { RouteMatch } from "../../../exporter/shared/platform/http/route-table.js";
import { createRouter } from "../../../exporter/shared/platform/http/router.js";
import type { Logger } from "../../../exporter/shared/platform/logger.js";
import { WorkTurns } from "../../base/work-turns.js";
import { alertmanagerBody, ApiError, toApiError } from "./api-errors.js";
import { readRequest } from "./read-request.js";
import { RequestPace } from "./request-pace.js";
import type { Route } from "./route.js";
import { type SendingParts, sendError, sendJson, sendResponse, sendText } from "./send-response.js";

export interface ApiHandlerParts {
  readonly routes: readonly Route[];
  /** Checks the `Authorization` header of requests to routes that change something. */
  readonly hasFleetToken: (authorization: string | undefined) => boolean;
  /** Checks the header of all other requests; undefined admits everybody. */
  readonly basicAuth?: BasicAuth | undefined;
  /** False while the program starts: the APIs answer 503, so that clients retry. Undefined for always ready. */
  readonly isReady?: () => boolean;
  readonly log: Logger;
  /** Called once per request of a route, with the path of the route. */
  readonly countRequest: (routePath: string, status: number, durationMs: number) => void;
  readonly clock: Clock;
  /** Shared by all long jobs of the process. */
  readonly turns?: WorkTurns | undefined;
}

/** A route, with facts computed once for all its requests. */
interface Endpoint {
  readonly methods: Route["methods"];
  readonly path: string;
  readonly route: Route;
  readonly needsReadiness: boolean;
}

type Match = RouteMatch<Endpoint>;
type Found = Extract<Match, { kind: "route" }>;
type NotFound = Exclude<Match, Found>;

const NEEDS_READINESS = /^\/(api\/|federate)/;

export function createApiHandler({ turns, ...given }: ApiHandlerParts): HttpHandler {
  const parts = { ...given, turns: turns ?? new WorkTurns(given.clock) };
  const endpoints = parts.routes.map((route) => ({
    methods: route.methods,
    path: route.path,
    route,
    needsReadiness: NEEDS_READINESS.test(route.path),
  }));
  const answerRouted = createRouter<Endpoint>({
    routes: endpoints,
    isLoaded: true,
    answer: (match, request, response) => {
      if (match.kind === "route") void answerRoute(match, request, response, parts);
      else void answerOther(match, request, response, parts);
    },
  });
  return (request, response) => {
    if (request.headers.origin !== undefined) allowOrigins(response);
    if (request.method === "OPTIONS") {
      response.statusCode = 204;
      response.end();
    } else answerRouted(request, response);
  };
}

async function answerRoute(
  { route: { route, needsReadiness }, parameters }: Found,
  request: HttpRequest,
  response: HttpResponse,
  parts: ApiHandlerParts & SendingParts,
): Promise<void> {
  const startMs = parts.clock.monotonicMs();
  const departure = new AbortController();
  response.once("close", () => departure.abort());
  try {
    await admit(request, response, route, parts);
    if (needsReadiness && parts.isReady?.() === false) {
      throw new ApiError("unavailable", "Service Unavailable");
    }
    const { signal } = departure;
    const pace = new RequestPace(parts.turns, signal);
    const context = { pathParameters: parameters, signal, pace, log: parts.log };
    const answer = await route.handle(await readRequest(request, context));
    try {
      await sendResponse(request, response, answer, parts);
    } finally {
      if (answer.kind !== "json") answer.release?.();
    }
  } catch (error) {
    answerError(error, response, route, parts.log);
  } finally {
    parts.countRequest(route.path, response.statusCode, parts.clock.monotonicMs() - startMs);
  }
}

function answerError(
  error: unknown,
  response: HttpResponse,
  { path, errorStyle }: Pick<Route, "path" | "errorStyle">,
  log: Logger,
): void {
  const apiError = toApiError(error);
  if (apiError.code === "internal") {
    log.error("Cannot answer request", { path, error: traceOf(error) });
  }
  if (response.headersSent) {
    response.destroy(); // The client must not take a part of the body for the whole body.
    return;
  }
  const { status, message } = apiError;
  if (errorStyle === "alertmanager") sendJson(response, status, alertmanagerBody(apiError));
  else if (errorStyle === "text") sendText(response, status, message);
  else sendError(response, apiError);
}

/** Answers requests without a route. The client is authenticated first, so that a stranger does not learn which paths exist. */
async function answerOther(
  match: NotFound,
  request: HttpRequest,
  response: HttpResponse,
  parts: ApiHandlerParts,
): Promise<void> {
  try {
    await admit(request, response, { needsToken: false }, parts);
    if (match.kind === "failed") throw match.error;
    if (match.kind === "malformed_path") throw new ApiError("bad_data", "malformed path");
    if (match.kind === "unknown_path") {
      throw new ApiError("not_found", `no such path: ${match.path.slice(0, 200)}`);
    }
    response.setHeader("Allow", match.allowed.join(", "));
    const message = `method not allowed, use ${match.allowed.join(" or ")}`;
    sendError(response, new ApiError("bad_data", message), 405);
  } catch (error) {
    answerError(error, response, { path: "" }, parts.log);
  }
}

/** Any page may read, as in Prometheus with its default `web.cors.origin`. Writing needs a token that no page has. */
function allowOrigins(response: HttpResponse): void {
  response.setHeader("Access-Control-Allow-Origin", "*");
  response.setHeader("Access-Control-Allow-Methods", "GET, POST, OPTIONS");
  const headers = "Accept, Authorization, Content-Type, Origin";
  response.setHeader("Access-Control-Allow-Headers", headers);
  response.setHeader("Access-Control-Expose-Headers", "Date");
}

/**
 * Checks the `Authorization` header. This happens before the body is read, so that a stranger's body
 * costs no memory. A route that needs the fleet token does not ask for a password as well, because
 * the header has room for one of them.
 *
 * @throws {ApiError} unauthorized
 */
async function admit(
  request: HttpRequest,
  response: HttpResponse,
  { needsToken }: Pick<Route, "needsToken">,
  { hasFleetToken, basicAuth }: ApiHandlerParts,
): Promise<void> {
  const { headers } = request;
  if (needsToken === true) {
    if (hasFleetToken(headers.authorization)) {
      request.hasCredentials = true;
      return;
    }
    response.setHeader("WWW-Authenticate", "Bearer");
    throw new ApiError(
      "unauthorized",
      "the fleet token is missing or wrong: send it as a Bearer token",
    );
  }
  if (basicAuth === undefined) return;
  if (await basicAuth(headers.authorization)) {
    request.hasCredentials = true;
    return;
  }
  response.setHeader("WWW-Authenticate", "Basic");
  throw new ApiError("unauthorized", "user name or password is missing or wrong");
}
