/** Routes to an express application: the one file of the exporter that knows express. */
import express, { type ErrorRequestHandler } from "express";
import { answerRequest, send, sendError, type HttpHandlerParts } from "./answer-request.js";
import { textAnswer } from "./http-route.js";

export function createExpressApplication(parts: HttpHandlerParts): express.Express {
  const { routes, basicAuth, log } = parts;
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  app.set("query parser", false);
  for (const route of routes) {
    app.all(route.path, (request, response) => {
      const parameters = request.params as Record<string, string>;
      return answerRequest(route, basicAuth, { request, response, parameters });
    });
  }
  app.use((_request, response) => send(response, textAnswer(404, "Not found")));
  const onError: ErrorRequestHandler = (error: unknown, _request, response, next) => {
    sendError(error, response, log).catch(next);
  };
  app.use(onError);
  return app;
}
