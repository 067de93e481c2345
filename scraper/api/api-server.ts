import { promisify } from "node:util";
import { constants, createGzip, gzip } from "node:zlib";
import type { Writable } from "node:stream";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import express, { type NextFunction, type Request, type Response } from "express";
import { codeOf, messageOf } from "../../exporter/shared/model/errors.js";
import type { Logger } from "../../exporter/shared/platform/logger.js";
import { ApiError, toApiError } from "./api-errors.js";
import { Parameters } from "./parameters.js";
import type { ApiAnswer, ApiRequest, Route } from "./route.js";

/** Largest request body taken: a query form, a batch of alerts. */
export const MAX_BODY_BYTES = 2_097_152;
/** Smaller answers are not worth compressing. */
const MIN_GZIP_BYTES = 1024;
/** What streams in pieces costs more than it saves for answers up to this. */
const MAX_WHOLE_BYTES = 262_144;
const GZIP_OPTIONS = { level: constants.Z_BEST_SPEED };
const compress = promisify<Buffer, typeof GZIP_OPTIONS, Buffer>(gzip);

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

/** Builds the request handler of everything the scraper answers over HTTP. */
export function createApiHandler(parts: ApiServerParts): express.Express {
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  app.set("query parser", false);
  app.use(setCorsHeaders);
  for (const route of parts.routes) addRoute(app, route, parts);
  app.use(answerUnadmitted(parts));
  for (const path of new Set(parts.routes.map((route) => route.path))) {
    const methods = parts.routes.filter((route) => route.path === path).flatMap((route) => route.methods);
    app.all(path, (_request, response) => {
      response.setHeader("Allow", methods.join(", "));
      sendError(response, new ApiError("bad_data", `method not allowed, use ${methods.join(" or ")}`), 405);
    });
  }
  app.use((request: Request, response: Response) => {
    const message = `no such path: ${request.path.slice(0, 200)}`;
    sendError(response, new ApiError("not_found", message));
  });
  return app;
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

function addRoute(app: express.Express, route: Route, parts: ApiServerParts): void {
  const handler = async (request: Request, response: Response): Promise<void> => {
    const startMs = parts.monotonicMs();
    const departure = new AbortController();
    response.once("close", () => departure.abort());
    try {
      await admit(request, response, route, parts);
      if (NEEDS_READINESS.test(route.path) && parts.isReady?.() === false) {
        throw new ApiError("unavailable", "Service Unavailable");
      }
      await readBody(request, response, parts.log);
      await sendAnswer(request, response, await route.handle(toApiRequest(request, departure.signal)));
    } catch (error) {
      answerWithError(route, response, error, parts.log);
    } finally {
      parts.onRequest(route.path, response.statusCode, parts.monotonicMs() - startMs);
    }
  };
  for (const method of route.methods) app[METHOD_NAMES[method]](route.path, handler);
}

const NEEDS_READINESS = /^\/(api\/|federate)/;
const METHOD_NAMES = { GET: "get", POST: "post", PUT: "put", DELETE: "delete" } as const;

function answerWithError(route: Route, response: Response, error: unknown, log: Logger): void {
  const apiError = toApiError(error);
  if (apiError.code === "internal") log.error("Request failed", { path: route.path, error: messageOf(error) });
  if (response.headersSent) {
    response.destroy(); // Half an answer must not look whole.
    return;
  }
  if (route.errorStyle === "alertmanager") sendJson(response, apiError.status, apiError.message);
  else if (route.errorStyle === "text") response.status(apiError.status).type("text").send(`${apiError.message}\n`);
  else sendError(response, apiError);
}

function toApiRequest(request: Request, signal: AbortSignal): ApiRequest {
  const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  const queryStart = request.originalUrl.indexOf("?");
  const inUrl = new URLSearchParams(queryStart === -1 ? "" : request.originalUrl.slice(queryStart + 1));
  const isForm = request.is("application/x-www-form-urlencoded") !== false;
  // As in Go, of a parameter given twice the one in the body comes first.
  const values = new URLSearchParams(isForm ? body.toString("utf8") : "");
  for (const [name, value] of inUrl) values.append(name, value);
  return {
    parameters: new Parameters(values),
    pathParameter: (name) => String(request.params[name] ?? ""),
    headers: request.headers,
    body,
    remoteAddress: (request.socket.remoteAddress ?? "").replace(/^::ffff:/, ""),
    signal,
  };
}

async function sendAnswer(request: Request, response: Response, answer: ApiAnswer): Promise<void> {
  if (answer.kind === "json") {
    sendJson(response, answer.status, answer.value);
    return;
  }
  if (answer.kind === "text") {
    response.status(answer.status).setHeader("Content-Type", answer.contentType);
    for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value);
    await sendChunks(request, response, isWhole(answer.body) ? [answer.body] : answer.body);
    return;
  }
  response.status(200).setHeader("Content-Type", "application/json");
  await sendChunks(request, response, envelopeChunks(answer));
}

const isWhole = (body: string | Buffer | Iterable<Piece>): body is string | Buffer =>
  typeof body === "string" || Buffer.isBuffer(body);

function* envelopeChunks(answer: ApiAnswer & { kind: "data" }): Generator<Piece> {
  yield `{"status":"success","data":`;
  if ("chunks" in answer.data) yield* answer.data.chunks;
  else yield JSON.stringify(answer.data.value);
  if ((answer.warnings?.length ?? 0) > 0) yield `,"warnings":${JSON.stringify(answer.warnings)}`;
  if ((answer.infos?.length ?? 0) > 0) yield `,"infos":${JSON.stringify(answer.infos)}`;
  yield "}";
}

/** Small answers go out in one piece; larger ones are streamed, both compressed when the client can read that. */
async function sendChunks(request: Request, response: Response, chunks: Iterable<Piece>): Promise<void> {
  const iterator = chunks[Symbol.iterator]();
  const head: Buffer[] = [];
  let headBytes = 0;
  let isAll = false;
  while (headBytes < MAX_WHOLE_BYTES && !isAll) {
    const next = iterator.next();
    isAll = next.done === true;
    if (next.done === true) break;
    const piece = bytesOf(next.value);
    head.push(piece);
    headBytes += piece.length;
  }
  if (headBytes < MIN_GZIP_BYTES) {
    response.end(Buffer.concat(head));
    return;
  }
  response.vary("Accept-Encoding");
  const isCompressed = request.acceptsEncodings(["gzip", "identity"]) === "gzip";
  if (isCompressed) response.setHeader("Content-Encoding", "gzip");
  if (isAll) {
    const whole = Buffer.concat(head);
    response.end(isCompressed ? await compress(whole, GZIP_OPTIONS) : whole);
    return;
  }
  const rest = Readable.from(prepend(head, iterator), { objectMode: false });
  if (isCompressed) await pipeline(rest, createGzip(GZIP_OPTIONS), asWritable(response));
  else await pipeline(rest, asWritable(response));
}

type Piece = string | Uint8Array;

const bytesOf = (piece: Piece): Buffer =>
  typeof piece === "string" ? Buffer.from(piece) : Buffer.from(piece.buffer, piece.byteOffset, piece.length);

function* prepend(head: readonly Buffer[], rest: Iterator<Piece>): Generator<Buffer> {
  yield* head;
  for (let next = rest.next(); next.done !== true; next = rest.next()) yield bytesOf(next.value);
}

const asWritable = (response: Response): Writable => response;

function sendJson(response: Response, status: number, value: unknown): void {
  response.status(status).setHeader("Content-Type", "application/json");
  response.end(value === undefined ? "" : JSON.stringify(value));
}

function sendError(response: Response, error: ApiError, status = error.status): void {
  sendJson(response, status, { status: "error", errorType: error.code, error: error.message });
}

/** As Prometheus with its default `web.cors.origin`: any page may read. Writing needs a token no page has. */
function setCorsHeaders(request: Request, response: Response, next: NextFunction): void {
  if (request.headers.origin !== undefined) {
    response.setHeader("Access-Control-Allow-Origin", "*");
    response.setHeader("Access-Control-Allow-Methods", "GET, POST, OPTIONS");
    response.setHeader("Access-Control-Allow-Headers", "Accept, Authorization, Content-Type, Origin");
    response.setHeader("Access-Control-Expose-Headers", "Date");
  }
  if (request.method === "OPTIONS") response.status(204).end();
  else next();
}

/**
 * The fleet token opens the routes that need it, whatever else is asked for: an `Authorization` header has room for
 * one of the two. Checked before the body is read, so that a stranger's body costs no memory.
 *
 * @throws {ApiError} unauthorized
 */
async function admit(
  { headers }: Request,
  response: Response,
  { needsToken }: Pick<Route, "needsToken">,
  { isAuthorized, isAdmitted }: ApiServerParts,
): Promise<void> {
  if (needsToken === true) {
    if (isAuthorized(headers.authorization)) return;
    response.setHeader("WWW-Authenticate", "Bearer");
    throw new ApiError("unauthorized", "the fleet token is missing or wrong: send it as a Bearer token");
  }
  if (isAdmitted === undefined || (await isAdmitted(headers.authorization))) return;
  response.setHeader("WWW-Authenticate", "Basic");
  throw new ApiError("unauthorized", "user name or password is missing or wrong");
}

const readRawBody = express.raw({ type: () => true, limit: MAX_BODY_BYTES });

/** @throws {ApiError} when the body is too large, cut off or badly compressed */
async function readBody(request: Request, response: Response, log: Logger): Promise<void> {
  const error = await new Promise<unknown>((resolve) => readRawBody(request, response, resolve));
  if (error === undefined || error === null) return;
  if (codeOf(error) !== undefined) log.debug("Request body cut off", { error: messageOf(error) });
  if ((error as { type?: unknown }).type === "entity.too.large") {
    throw new ApiError("too_large", `the request body must be at most ${MAX_BODY_BYTES} bytes`);
  }
  throw new ApiError("bad_data", `cannot read the request: ${messageOf(error)}`);
}
