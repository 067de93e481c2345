/** Reads the body and the parameters of a request. */
import { promisify } from "node:util";
import { type BrotliOptions, brotliDecompress, gunzip, inflate, type ZlibOptions } from "node:zlib";
import { codeOf, messageOf } from "../../../exporter/shared/model/errors.js";
import type { HttpRequest } from "../../../exporter/shared/platform/http/http-message.js";
import { BodyGatherer } from "../../../exporter/shared/platform/http/body-gatherer.js";
import type { PathParameters } from "../../../exporter/shared/platform/http/route-table.js";
import type { Logger } from "../../../exporter/shared/platform/logger.js";
import type { PausePoints } from "../../base/paced-sort.js";
import { ApiError } from "./api-errors.js";
import { Parameters } from "./parameters.js";
import type { ApiRequest } from "./route.js";

/** Largest request body after decompression: a query form, a batch of alerts. */
export const MAX_BODY_BYTES = 2_097_152;
const NO_BODY = Buffer.alloc(0);
const FORM_TYPE = /^\s*application\/x-www-form-urlencoded\s*(;|$)/i;

type Decompress = (sent: Buffer, limits: { readonly maxOutputLength: number }) => Promise<Buffer>;
/** Decompression on another thread, by content encoding. */
const DECODERS: ReadonlyMap<string, Decompress> = new Map([
  ["gzip", promisify<Buffer, ZlibOptions, Buffer>(gunzip)],
  ["x-gzip", promisify<Buffer, ZlibOptions, Buffer>(gunzip)],
  ["deflate", promisify<Buffer, ZlibOptions, Buffer>(inflate)],
  ["br", promisify<Buffer, BrotliOptions, Buffer>(brotliDecompress)],
]);

/** @throws {ApiError} when the body is too large, cut off or badly compressed */
export async function readRequest(
  request: HttpRequest,
  context: {
    readonly pathParameters: PathParameters;
    readonly signal: AbortSignal;
    readonly pace: PausePoints;
    readonly log: Logger;
  },
): Promise<ApiRequest> {
  const body = await readBody(request, context.log);
  return {
    parameters: readParameters(request, body),
    pathParameter: (name) => context.pathParameters[name] ?? "",
    headers: request.headers,
    body,
    remoteAddress: (request.socket.remoteAddress ?? "").replace(/^::ffff:/, ""),
    signal: context.signal,
    pace: context.pace,
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

async function readBody(request: HttpRequest, log: Logger): Promise<Buffer> {
  const { "content-length": length, "content-encoding": encoding = "identity" } = request.headers;
  const isChunked = request.headers["transfer-encoding"] !== undefined;
  if (!isChunked && (length === undefined || length === "0")) return NO_BODY;
  try {
    return await decode(encoding.toLowerCase(), await gather(request));
  } catch (error) {
    throw error instanceof ApiError ? error : unreadable(error, log);
  }
}

/** Reads the whole body, also when it is too large, so that the client reads the response. */
function gather(request: HttpRequest): Promise<Buffer> {
  const gathered = new BodyGatherer();
  return new Promise((resolve, reject) => {
    let sizeBytes = 0;
    request.on("data", (piece: Buffer) => {
      sizeBytes += piece.length;
      if (sizeBytes <= MAX_BODY_BYTES) gathered.add(piece);
    });
    request.once("end", () => {
      if (sizeBytes > MAX_BODY_BYTES) reject(tooLarge());
      else resolve(gathered.take());
    });
    request.once("error", reject);
  });
}

async function decode(encoding: string, sent: Buffer): Promise<Buffer> {
  if (encoding === "identity") return sent;
  const decompress = DECODERS.get(encoding);
  if (decompress === undefined)
    throw new ApiError(
      "bad_data",
      `cannot read the request: unsupported content encoding ${JSON.stringify(encoding.slice(0, 40))}`,
    );
  try {
    return await decompress(sent, { maxOutputLength: MAX_BODY_BYTES });
  } catch (error) {
    throw codeOf(error) === "ERR_BUFFER_TOO_LARGE" ? tooLarge() : error;
  }
}

const tooLarge = (): ApiError =>
  new ApiError("too_large", `the request body must be at most ${MAX_BODY_BYTES} bytes`);

function unreadable(error: unknown, log: Logger): ApiError {
  // Errors with a code come from the socket or from zlib.
  if (codeOf(error) !== undefined) {
    log.debug("Cannot read request body", { error: messageOf(error) });
  }
  return new ApiError("bad_data", `cannot read the request: ${messageOf(error)}`);
}
