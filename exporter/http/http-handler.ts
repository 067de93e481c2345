import {
  answerRequest,
  sendError,
  type HttpHandlerParts,
  type HttpListener,
  type HttpRequest,
  type HttpResponse,
} from "./answer-request.js";

const NO_PARAMETERS: Readonly<Record<string, string>> = {};

/**
 * For `listenHttp`.
 *
 * A GET of exactly the path of a route without parameters is answered at once. Everything else
 * (paths with parameters or queries, other spellings and methods, unknown paths) goes through
 * express, which is loaded at the first such request: most exporters never need its memory
 * (docs/decisions/0006-lean-requests.md).
 */
export function createHttpHandler(parts: HttpHandlerParts): HttpListener {
  const { routes, basicAuth, log } = parts;
  const direct = new Map(
    routes.filter(({ path }) => !path.includes(":")).map((route) => [route.path, route]),
  );
  let application: Promise<HttpListener> | undefined;
  const answer = async (request: HttpRequest, response: HttpResponse): Promise<void> => {
    const route = request.method === "GET" ? direct.get(request.url ?? "") : undefined;
    if (route !== undefined) {
      await answerRequest(route, basicAuth, { request, response, parameters: NO_PARAMETERS });
      return;
    }
    application ??= loadApplication(parts);
    (await application)(request, response);
  };
  return (request, response) => {
    answer(request, response).catch((error: unknown) => sendError(error, response, log));
  };
}

async function loadApplication(parts: HttpHandlerParts): Promise<HttpListener> {
  const { createExpressApplication } = await import("./express-application.js");
  return createExpressApplication(parts) as HttpListener;
}
