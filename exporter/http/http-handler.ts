/** Routes to an express application: the one file of the exporter that knows express. */
import express, { type ErrorRequestHandler, type RequestHandler, type Response } from "express";
import type { BasicAuth } from "../shared/config/basic-auth.js";
import { messageOf } from "../shared/model/errors.js";
import { streamBody } from "../shared/platform/http-stream.js";
import type { Logger } from "../shared/platform/logger.js";
import { textAnswer, type HttpAnswer, type HttpRoute } from "./http-route.js";

const ALLOWED_METHODS = "GET, HEAD";

interface HttpHandlerParts {
  readonly routes: readonly HttpRoute[];
  readonly basicAuth: BasicAuth;
  readonly log: Logger;
}

/** For `listenHttp`. */
export function createHttpHandler({ routes, basicAuth, log }: HttpHandlerParts): express.Express {
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  app.set("query parser", false);
  for (const route of routes) app.all(route.path, handlerOf(route, basicAuth));
  app.use(async (_request, response) => send(response, textAnswer(404, "Not found")));
  app.use(errorHandler(log));
  return app;
}

function handlerOf(route: HttpRoute, basicAuth: BasicAuth): RequestHandler {
  return async (request, response) => {
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
      parameters: request.params as Record<string, string>,
      peer: request.socket.remoteAddress ?? "",
      isHead: request.method === "HEAD",
    });
    await send(response, answer);
  };
}

/**
 * Written with Node's own calls: express would copy, hash and rename. HEAD gets the length and no
 * body.
 */
async function send(response: Response, { status, headers, body }: HttpAnswer): Promise<void> {
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

/** Errors with a status from 400 to 499 are the client's. */
function errorHandler(log: Logger): ErrorRequestHandler {
  return async (error: unknown, request, response, next) => {
    const status = (error as { status?: unknown } | undefined)?.status;
    const isClientError = typeof status === "number" && status >= 400 && status < 500;
    if (!isClientError)
      log.error("Cannot answer a request", { path: request.path, error: messageOf(error) });
    if (response.headersSent)
      next(error); // Express cuts the connection: the client must not take it for whole.
    else
      await send(
        response,
        isClientError ? textAnswer(status, "Bad request") : textAnswer(500, "Internal error"),
      );
  };
}
