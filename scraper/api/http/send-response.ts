import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { constants, createGzip, gzip } from "node:zlib";
import { prefersGzip } from "../../../exporter/shared/platform/http/accept-encoding.js";
import type {
  HttpRequest,
  HttpResponse,
} from "../../../exporter/shared/platform/http/http-server.js";
import type { ApiError } from "./api-errors.js";
import type { ApiResponse } from "./route.js";

/** Smaller bodies are not compressed. */
const MIN_GZIP_BYTES = 1024;
/** Bodies up to this size are sent whole, because streaming costs more than it saves. */
const MAX_WHOLE_BYTES = 262_144;
const GZIP_OPTIONS = { level: constants.Z_BEST_SPEED };
const compress = promisify<Buffer, typeof GZIP_OPTIONS, Buffer>(gzip);

/** Sends a response of any kind. */
export async function sendResponse(
  request: HttpRequest,
  response: HttpResponse,
  answer: ApiResponse,
): Promise<void> {
  if (answer.kind === "json") {
    sendJson(response, answer.status, answer.value);
    return;
  }
  if (answer.kind === "text") {
    response.statusCode = answer.status;
    response.setHeader("Content-Type", answer.contentType);
    for (const [name, value] of Object.entries(answer.headers ?? {}))
      response.setHeader(name, value);
    await sendChunks(request, response, isWhole(answer.body) ? [answer.body] : answer.body);
    return;
  }
  response.setHeader("Content-Type", "application/json");
  await sendChunks(request, response, envelopeChunks(answer));
}

const isWhole = (body: string | Buffer | Iterable<Piece>): body is string | Buffer =>
  typeof body === "string" || Buffer.isBuffer(body);

function* envelopeChunks(answer: ApiResponse & { kind: "data" }): Generator<Piece> {
  yield `{"status":"success","data":`;
  if ("chunks" in answer.data) yield* answer.data.chunks;
  else yield JSON.stringify(answer.data.value);
  if ((answer.warnings?.length ?? 0) > 0) yield `,"warnings":${JSON.stringify(answer.warnings)}`;
  if ((answer.infos?.length ?? 0) > 0) yield `,"infos":${JSON.stringify(answer.infos)}`;
  yield "}";
}

/** Sends a small body whole and a large one as a stream, both compressed when the client prefers gzip. */
async function sendChunks(
  request: HttpRequest,
  response: HttpResponse,
  chunks: Iterable<Piece>,
): Promise<void> {
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
  response.setHeader("Vary", "Accept-Encoding");
  const isCompressed = prefersGzip(request.headers["accept-encoding"]);
  if (isCompressed) response.setHeader("Content-Encoding", "gzip");
  if (isAll) {
    const whole = Buffer.concat(head);
    response.end(isCompressed ? await compress(whole, GZIP_OPTIONS) : whole);
    return;
  }
  const rest = Readable.from(prepend(head, iterator), { objectMode: false });
  if (isCompressed) await pipeline(rest, createGzip(GZIP_OPTIONS), response);
  else await pipeline(rest, response);
}

type Piece = string | Uint8Array;

const bytesOf = (piece: Piece): Buffer =>
  typeof piece === "string"
    ? Buffer.from(piece)
    : Buffer.from(piece.buffer, piece.byteOffset, piece.length);

function* prepend(head: readonly Buffer[], rest: Iterator<Piece>): Generator<Buffer> {
  yield* head;
  for (let next = rest.next(); next.done !== true; next = rest.next()) yield bytesOf(next.value);
}

export function sendJson(response: HttpResponse, status: number, value: unknown): void {
  response.statusCode = status;
  response.setHeader("Content-Type", "application/json");
  response.end(value === undefined ? "" : JSON.stringify(value));
}

export function sendText(response: HttpResponse, status: number, text: string): void {
  response.statusCode = status;
  response.setHeader("Content-Type", "text/plain; charset=utf-8");
  response.end(`${text}\n`);
}

export function sendError(response: HttpResponse, error: ApiError, status = error.status): void {
  sendJson(response, status, { status: "error", errorType: error.code, error: error.message });
}
