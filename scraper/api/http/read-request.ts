/** Reads the body and the parameters of a request: one of the two files that know Express. */
import express from "express";
import { codeOf, messageOf } from "../../../exporter/shared/model/errors.js";
import type {
  HttpRequest,
  HttpResponse,
} from "../../../exporter/shared/platform/http/http-message.js";
import type { PathParameters } from "../../../exporter/shared/platform/http/route-table.js";
import type { Logger } from "../../../exporter/shared/platform/logger.js";
import { ApiError } from "./api-errors.js";
import { Parameters } from "./parameters.js";
import type { ApiRequest } from "./route.js";

/** Largest request body after decompression: a query form, a batch of alerts. */
export const MAX_BODY_BYTES = 2_097_152;
const NO_BODY = Buffer.alloc(0);
const FORM_TYPE = /^\s*application\/x-www-form-urlencoded\s*(;|$)/i;

/** Decompresses the body of a request into its property `body`. */
const readAnyBody = express.raw({ type: () => true, limit: MAX_BODY_BYTES });

/** @throws {ApiError} when the body is too large, cut off or badly compressed */
export async function readRequest(
  request: HttpRequest,
  response: HttpResponse,
  context: {
    readonly pathParameters: PathParameters;
    readonly signal: AbortSignal;
    readonly log: Logger;
  },
): Promise<ApiRequest> {
  const body = await readBody(request, response, context.log);
  return {
    parameters: readParameters(request, body),
    pathParameter: (name) => context.pathParameters[name] ?? "",
    headers: request.headers,
    body,
    remoteAddress: (request.socket.remoteAddress ?? "").replace(/^::ffff:/, ""),
    signal: context.signal,
  };
}

function readParameters({ url = "/", headers }: HttpRequest, body: Buffer): Parameters {
  const isForm = FORM_TYPE.test(headers["content-type"] ?? "");
  // As in Go, values of the form come before values of the query string.
  const values = new URLSearchParams(isForm ? body.toString("utf8") : "");
  const queryStart = url.indexOf("?");
  if (queryStart !== -1) {
    const inUrl = new URLSearchParams(url.slice(queryStart + 1));
    for (const [name, value] of inUrl) values.append(name, value);
  }
  return new Parameters(values);
}

/** Collects an uncompressed body of known length. Express reads all other bodies. */
async function readBody(
  request: HttpRequest,
  response: HttpResponse,
  log: Logger,
): Promise<Buffer> {
  const { "content-length": length, "content-encoding": encoding } = request.headers;
  const isChunked = request.headers["transfer-encoding"] !== undefined;
  if (!isChunked && encoding === undefined) {
    if (length === undefined || length === "0") return NO_BODY;
    if (Number(length) <= MAX_BODY_BYTES) return readPlainBody(request, log);
  }
  return readWithExpress(request, response, log);
}

function readPlainBody(request: HttpRequest, log: Logger): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.once("end", () => {
      const [first = NO_BODY] = pieces;
      resolve(pieces.length > 1 ? Buffer.concat(pieces) : first);
    });
    request.once("error", (error) => reject(unreadable(error, log)));
  });
}

function readWithExpress(
  request: HttpRequest & { body?: unknown },
  response: HttpResponse,
  log: Logger,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    readAnyBody(request, response, (error: unknown) => {
      if (error === undefined || error === null) {
        resolve(Buffer.isBuffer(request.body) ? request.body : NO_BODY);
      } else if (isTooLarge(error)) {
        const message = `the request body must be at most ${MAX_BODY_BYTES} bytes`;
        reject(new ApiError("too_large", message));
      } else reject(unreadable(error, log));
    });
  });
}

/** Express names its errors in their `type`. */
const isTooLarge = (error: unknown): boolean =>
  error instanceof Error && "type" in error && error.type === "entity.too.large";

function unreadable(error: unknown, log: Logger): ApiError {
  // Errors with a code come from the socket or from zlib.
  if (codeOf(error) !== undefined) {
    log.debug("Cannot read request body", { error: messageOf(error) });
  }
  return new ApiError("bad_data", `cannot read the request: ${messageOf(error)}`);
}
