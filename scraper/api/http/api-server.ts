import express, { type NextFunction, type Request, type Response } from "express";
import { messageOf } from "../../../exporter/shared/model/errors.js";
import type {
  HttpHandler,
  HttpRequest,
  HttpResponse,
} from "../../../exporter/shared/platform/http/http-server.js";
import type { Logger } from "../../../exporter/shared/platform/logger.js";
import { alertmanagerBody, ApiError, toApiError } from "./api-errors.js";
import { Parameters } from "./parameters.js";
import { MAX_BODY_BYTES, readBody } from "./read-body.js";
import type { ApiRequest, Route } from "./route.js";
import { sendAnswer, sendError, sendJson } from "./send-answer.js";

export interface ApiServerParts {
  readonly routes: readonly Route[];
  /** Checks the `Authorization` header of routes that change something. */
  readonly isAuthorized: (header: string | undefined) => boolean;
  /** Checks all other requests (basic auth of the web configuration); undefined lets all in. */
  readonly isAdmitted?: ((header: string | undefined) => Promise<boolean>) | undefined;
  /** False while the program starts: then the APIs answer 503, so that senders try again. Always ready without. */
  readonly isReady?: () => boolean;
  readonly log: Logger;
  /** Told once per answered request. */
  readonly onRequest: (handler: string, status: number, durationMs: number) => void;
  readonly monotonicMs: () => number;
}

const readAnyBody = express.raw({ type: () => true, limit: MAX_BODY_BYTES });

/** A request, perhaps with what Express found in its path. */
type RoutedRequest = HttpRequest & {
  readonly params?: Readonly<Record<string, string | string[]>>;
};
type RouteHandler = (request: RoutedRequest, response: HttpResponse) => Promise<void>;

/**
 * Builds the request handler of everything the scraper answers over HTTP. Routes without parameters
 * in their path are found at once; all else, errors too, goes through Express, which costs a query
 * as much as its evaluation.
 */
export function createApiHandler(parts: ApiServerParts): HttpHandler {
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  app.set("query parser", false);
  app.use(setCorsHeaders);
  const direct = new Map<string, RouteHandler>();
  for (const route of parts.routes) {
    const handler = handlerOf(route, parts);
    for (const method of route.methods) {
      app[METHOD_NAMES[method]](route.path, handler);
      const key = `${method} ${route.path}`;
      if (!/[:*{]/.test(route.path) && !direct.has(key)) direct.set(key, handler);
    }
  }
  addOtherAnswers(app, parts);
  return (request, response) => {
    const { url = "/", method = "GET", headers } = request;
    const queryStart = url.indexOf("?");
    const path = queryStart === -1 ? url : url.slice(0, queryStart);
    const handler = direct.get(`${method} ${path}`);
    if (handler === undefined) {
      app(request, response);
      return;
    }
    if (headers.origin !== undefined) allowOrigins(response);
    void handler(request, response);
  };
}

/** What is said of paths and methods that no route has. */
function addOtherAnswers(app: express.Express, parts: ApiServerParts): void {
  app.use(answerUnadmitted(parts));
  for (const path of new Set(parts.routes.map((route) => route.path))) {
    const methods = parts.routes
      .filter((route) => route.path === path)
      .flatMap((route) => route.methods);
    app.all(path, (_request, response) => {
      response.setHeader("Allow", methods.join(", "));
      const message = `method not allowed, use ${methods.join(" or ")}`;
      sendError(response, new ApiError("bad_data", message), 405);
    });
  }
  app.use((request: Request, response: Response) => {
    const message = `no such path: ${request.path.slice(0, 200)}`;
    sendError(response, new ApiError("not_found", message));
  });
}

/** For paths and methods that no route has: who may not ask is not told what there is. */
function answerUnadmitted(parts: ApiServerParts) {
  return async (request: Request, response: Response, next: NextFunction): Promise<void> => {
    try {
      await admit(request, response, { needsToken: false }, parts);
      next();
    } catch (error) {
      sendError(response, toApiError(error));
    }
  };
}

function handlerOf(route: Route, parts: ApiServerParts): RouteHandler {
  const needsReadiness = NEEDS_READINESS.test(route.path);
  return async (request, response) => {
    const startMs = parts.monotonicMs();
    const departure = new AbortController();
    response.once("close", () => departure.abort());
    try {
      await admit(request, response, route, parts);
      if (needsReadiness && parts.isReady?.() === false) {
        throw new ApiError("unavailable", "Service Unavailable");
      }
      const body = await readBody(request, response, { log: parts.log, readAnyBody });
      const answer = await route.handle(toApiRequest(request, body, departure.signal));
      await sendAnswer(request, response, answer);
    } catch (error) {
      answerWithError(route, response, error, parts.log);
    } finally {
      parts.onRequest(route.path, response.statusCode, parts.monotonicMs() - startMs);
    }
  };
}

const NEEDS_READINESS = /^\/(api\/|federate)/;
const METHOD_NAMES = { GET: "get", POST: "post", PUT: "put", DELETE: "delete" } as const;

function answerWithError(route: Route, response: HttpResponse, error: unknown, log: Logger): void {
  const apiError = toApiError(error);
  if (apiError.code === "internal") {
    log.error("Request failed", { path: route.path, error: messageOf(error) });
  }
  if (response.headersSent) {
    response.destroy(); // Half an answer must not look whole.
    return;
  }
  if (route.errorStyle === "alertmanager") {
    sendJson(response, apiError.status, alertmanagerBody(apiError));
  } else if (route.errorStyle === "text") {
    response.statusCode = apiError.status;
    response.setHeader("Content-Type", "text/plain; charset=utf-8");
    response.end(`${apiError.message}\n`);
  } else sendError(response, apiError);
}

function toApiRequest(request: RoutedRequest, body: Buffer, signal: AbortSignal): ApiRequest {
  const { url = "/", headers, params, socket } = request;
  const queryStart = url.indexOf("?");
  const isForm = FORM_TYPE.test(headers["content-type"] ?? "");
  // As in Go, of a parameter given twice the one in the body comes first.
  const values = new URLSearchParams(isForm ? body.toString("utf8") : "");
  if (queryStart !== -1) {
    const inUrl = new URLSearchParams(url.slice(queryStart + 1));
    for (const [name, value] of inUrl) values.append(name, value);
  }
  return {
    parameters: new Parameters(values),
    pathParameter: (name) => String(params?.[name] ?? ""),
    headers,
    body,
    remoteAddress: (socket.remoteAddress ?? "").replace(/^::ffff:/, ""),
    signal,
  };
}

const FORM_TYPE = /^\s*application\/x-www-form-urlencoded\s*(;|$)/i;

/** As Prometheus with its default `web.cors.origin`: any page may read. Writing needs a token no page has. */
function setCorsHeaders(request: Request, response: Response, next: NextFunction): void {
  if (request.headers.origin !== undefined) allowOrigins(response);
  if (request.method === "OPTIONS") response.status(204).end();
  else next();
}

function allowOrigins(response: HttpResponse): void {
  response.setHeader("Access-Control-Allow-Origin", "*");
  response.setHeader("Access-Control-Allow-Methods", "GET, POST, OPTIONS");
  const headers = "Accept, Authorization, Content-Type, Origin";
  response.setHeader("Access-Control-Allow-Headers", headers);
  response.setHeader("Access-Control-Expose-Headers", "Date");
}

/**
 * The fleet token opens the routes that need it, whatever else is asked for: an `Authorization` header has room for
 * one of the two. Checked before the body is read, so that a stranger's body costs no memory.
 *
 * @throws {ApiError} unauthorized
 */
async function admit(
  { headers }: HttpRequest,
  response: HttpResponse,
  { needsToken }: Pick<Route, "needsToken">,
  { isAuthorized, isAdmitted }: ApiServerParts,
): Promise<void> {
  if (needsToken === true) {
    if (isAuthorized(headers.authorization)) return;
    response.setHeader("WWW-Authenticate", "Bearer");
    throw new ApiError(
      "unauthorized",
      "the fleet token is missing or wrong: send it as a Bearer token",
    );
  }
  if (isAdmitted === undefined || (await isAdmitted(headers.authorization))) return;
  response.setHeader("WWW-Authenticate", "Basic");
  throw new ApiError("unauthorized", "user name or password is missing or wrong");
}
