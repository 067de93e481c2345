/** Finds the routes of paths that are not spelled exactly as in the table. */
import express, { type ErrorRequestHandler } from "express";
import type { HttpHandler, HttpRequest, HttpResponse } from "./http-message.js";
import type { PathParameters, PathRoutes, RouteMatch, RoutePattern } from "./route-table.js";

/**
 * Express ignores case and a slash at the end, reads the parameters of a path and decodes them. All
 * else is left to `PathRoutes` and to `answer`.
 */
export function createExpressRouter<Route extends RoutePattern>(
  paths: readonly PathRoutes<Route>[],
  answer: (match: RouteMatch<Route>, request: HttpRequest, response: HttpResponse) => void,
): HttpHandler {
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  app.set("query parser", false);
  for (const routes of paths) {
    app.all(routes.path, (request, response) => {
      const match = routes.match(request.method);
      const parameters = readParameters(request.params);
      answer(match.kind === "route" ? { ...match, parameters } : match, request, response);
    });
  }
  app.use((request, response) => {
    answer({ kind: "unknown_path", path: request.path }, request, response);
  });
  // eslint-disable-next-line @typescript-eslint/no-unused-vars -- Express knows error handlers by their four parameters
  const answerError: ErrorRequestHandler = (error: unknown, request, response, _next) => {
    answer(isMalformedPath(error) ? { kind: "malformed_path" } : failed(error), request, response);
  };
  app.use(answerError);
  return (request, response) => {
    app(request, response);
  };
}

const failed = (error: unknown) => ({ kind: "failed", error }) as const;

/** Express gives this status to a path that it cannot decode. */
const isMalformedPath = (error: unknown): boolean =>
  error instanceof Error && "status" in error && error.status === 400;

function readParameters(parameters: Readonly<Record<string, string | string[]>>): PathParameters {
  return Object.fromEntries(
    Object.entries(parameters).map(([name, value]) => [name, String(value)]),
  );
}
