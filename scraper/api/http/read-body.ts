import { codeOf, messageOf } from "../../../exporter/shared/model/errors.js";
import type {
  HttpRequest,
  HttpResponse,
} from "../../../exporter/shared/platform/http/http-server.js";
import type { Logger } from "../../../exporter/shared/platform/logger.js";
import { ApiError } from "./api-errors.js";

/** Largest request body taken: a query form, a batch of alerts. */
export const MAX_BODY_BYTES = 2_097_152;
const NOTHING = Buffer.alloc(0);

type ReadableRequest = HttpRequest & { body?: unknown };

/** Puts the unpacked body of a request, of at most `MAX_BODY_BYTES`, into its `body`. */
export type AnyBodyReader = (
  request: ReadableRequest,
  response: HttpResponse,
  done: (error?: unknown) => void,
) => void;

/**
 * Bodies of a known, lawful length are taken as they come; all others go through the reader that
 * unpacks and counts.
 *
 * @throws {ApiError} when the body is too large, cut off or badly compressed
 */
export async function readBody(
  request: ReadableRequest,
  response: HttpResponse,
  { log, readAnyBody }: { readonly log: Logger; readonly readAnyBody: AnyBodyReader },
): Promise<Buffer> {
  const { "content-length": length, "content-encoding": encoding } = request.headers;
  const isChunked = request.headers["transfer-encoding"] !== undefined;
  if (!isChunked && encoding === undefined) {
    if (length === undefined || length === "0") return NOTHING;
    if (Number(length) <= MAX_BODY_BYTES) return readPlain(request, log);
  }
  const error = await new Promise<unknown>((resolve) => readAnyBody(request, response, resolve));
  if (error === undefined || error === null) {
    return Buffer.isBuffer(request.body) ? request.body : NOTHING;
  }
  if (codeOf(error) !== undefined) log.debug("Request body cut off", { error: messageOf(error) });
  if ((error as { type?: unknown }).type === "entity.too.large") {
    throw new ApiError("too_large", `the request body must be at most ${MAX_BODY_BYTES} bytes`);
  }
  throw unreadable(error);
}

function readPlain(request: HttpRequest, log: Logger): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.once("end", () => {
      resolve(pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces));
    });
    request.once("error", (error) => {
      log.debug("Request body cut off", { error: messageOf(error) });
      reject(unreadable(error));
    });
  });
}

const unreadable = (error: unknown): ApiError =>
  new ApiError("bad_data", `cannot read the request: ${messageOf(error)}`);
