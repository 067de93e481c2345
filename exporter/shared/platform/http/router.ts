/**
 * Takes each request of an HTTP server and hands it, with the route it belongs to, to the program
 * that answers it. Both programs use it; it runs once per request.
 *
 * A path spelled exactly as in the table of routes is found by one lookup. Every other path (with
 * parameters, in another spelling, unknown) goes through Express. The scraper loads it at the start, the
 * exporter at the first such request: one that is only scraped does without Express and its memory
 * (docs/decisions/0009-hot-paths-around-packages.md).
 */
import type { HttpHandler, HttpRequest, HttpResponse } from "./http-message.js";
import {
  groupByPath,
  pathOf,
  type PathRoutes,
  type RouteMatch,
  type RoutePattern,
} from "./route-table.js";

export interface RouterParts<Route extends RoutePattern> {
  readonly routes: readonly Route[];
  /** Answers a request whatever its match is; must not throw. */
  readonly answer: (match: RouteMatch<Route>, request: HttpRequest, response: HttpResponse) => void;
  /** True to load Express at once: loading it takes a tenth of a second in one turn of the event loop. */
  readonly isLoaded?: boolean;
}

/** Creates the request handler for `listenHttp`. */
export function createRouter<Route extends RoutePattern>(parts: RouterParts<Route>): HttpHandler {
  const { routes, answer, isLoaded = false } = parts;
  const paths = groupByPath(routes);
  const exactPaths = new Map(
    paths
      .filter(({ hasParameters }) => !hasParameters)
      .map((routesOf) => [routesOf.path, routesOf]),
  );
  let expressRouter = isLoaded ? loadExpressRouter(paths, answer) : undefined;
  expressRouter?.catch(() => undefined); // Requests report the error.
  return (request, response) => {
    const found = exactPaths.get(pathOf(request.url ?? "/"));
    if (found !== undefined) {
      answer(found.match(request.method ?? "GET"), request, response);
      return;
    }
    expressRouter ??= loadExpressRouter(paths, answer);
    expressRouter
      .then((handle) => handle(request, response))
      .catch((error: unknown) => answer({ kind: "failed", error }, request, response));
  };
}

async function loadExpressRouter<Route extends RoutePattern>(
  paths: readonly PathRoutes<Route>[],
  answer: RouterParts<Route>["answer"],
): Promise<HttpHandler> {
  const { createExpressRouter } = await import("./express-router.js");
  return createExpressRouter(paths, answer);
}
