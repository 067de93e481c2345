/**
 * Sends responses. An answer comes in as text, as a value or as chunks that are rendered while they
 * are sent: each turn of the event loop renders for a few milliseconds, and only as fast as the client
 * reads.
 */
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { constants, createGzip, gzip } from "node:zlib";
import type { Clock } from "../../../exporter/shared/platform/clock.js";
import { prefersGzip } from "../../../exporter/shared/platform/http/accept-encoding.js";
import type {
  HttpRequest,
  HttpResponse,
} from "../../../exporter/shared/platform/http/http-message.js";
import type { WorkTurns } from "../../base/work-turns.js";
import type { ApiError } from "./api-errors.js";
import { jsonPieces } from "./json-pieces.js";
import type { ApiResponse } from "./route.js";

/** Smaller bodies are not compressed. */
const MIN_GZIP_BYTES = 1024;
/** Bodies up to this size are sent whole, because streaming costs more than it saves. */
const MAX_WHOLE_BYTES = 262_144;
const GZIP_OPTIONS = { level: constants.Z_BEST_SPEED };
/** A client that reads less than this is disconnected, since its answer takes memory. */
const LEAST_BYTES_PER_SECOND = 4096;
const SPEED_INTERVAL_MS = 30_000;
const compress = promisify<Buffer, typeof GZIP_OPTIONS, Buffer>(gzip);

export interface SendingParts {
  readonly clock: Pick<Clock, "sleep">;
  readonly turns: WorkTurns;
}

/** Sends a response of any kind. */
export async function sendResponse(
  request: HttpRequest,
  response: HttpResponse,
  answer: ApiResponse,
  parts: SendingParts,
): Promise<void> {
  const sendChunks = (chunks: Iterable<Piece>): Promise<void> =>
    sendPieces(request, response, chunks, parts);
  if (answer.kind === "json") {
    response.statusCode = answer.status;
    response.setHeader("Content-Type", "application/json");
    await sendChunks(answer.value === undefined ? [] : jsonPieces(answer.value));
    return;
  }
  if (answer.kind === "text") {
    response.statusCode = answer.status;
    response.setHeader("Content-Type", answer.contentType);
    for (const [name, value] of Object.entries(answer.headers ?? {}))
      response.setHeader(name, value);
    await sendChunks(isWhole(answer.body) ? [answer.body] : answer.body);
    return;
  }
  response.setHeader("Content-Type", "application/json");
  await sendChunks(envelopeChunks(answer));
}

const isWhole = (body: string | Buffer | Iterable<Piece>): body is string | Buffer =>
  typeof body === "string" || Buffer.isBuffer(body);

function* envelopeChunks(answer: ApiResponse & { kind: "data" }): Generator<Piece> {
  yield `{"status":"success","data":`;
  if ("chunks" in answer.data) yield* answer.data.chunks;
  else yield* jsonPieces(answer.data.value);
  if ((answer.warnings?.length ?? 0) > 0) yield `,"warnings":${JSON.stringify(answer.warnings)}`;
  if ((answer.infos?.length ?? 0) > 0) yield `,"infos":${JSON.stringify(answer.infos)}`;
  yield "}";
}

/** Sends a small body whole and a large one as a stream, both compressed when the client prefers gzip. */
async function sendPieces(
  request: HttpRequest,
  response: HttpResponse,
  chunks: Iterable<Piece>,
  parts: SendingParts,
): Promise<void> {
  const progress = { bytes: 0 };
  const pieces = pacedPieces(chunks, parts.turns, progress);
  const head: Buffer[] = [];
  let isAll = false;
  while (progress.bytes < MAX_WHOLE_BYTES && !isAll && !response.destroyed) {
    const next = await pieces.next();
    if (next.done === true) isAll = true;
    else head.push(next.value);
  }
  if (progress.bytes < MIN_GZIP_BYTES) {
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
  const sent = new AbortController();
  void dropSlowClient(response, progress, parts.clock, sent.signal);
  try {
    const rest = Readable.from(prepend(head, pieces), { objectMode: false });
    if (isCompressed) await pipeline(rest, createGzip(GZIP_OPTIONS), response);
    else await pipeline(rest, response);
  } finally {
    sent.abort();
  }
}

type Piece = string | Uint8Array;

/** A shorter body is rendered at once, so that it does not wait behind long jobs. */
const BYTES_BEFORE_PAUSE = 8192;

/** Renders one piece after the other, and pauses when it is the turn of others. */
async function* pacedPieces(
  chunks: Iterable<Piece>,
  turns: WorkTurns,
  progress: { bytes: number },
): AsyncGenerator<Buffer, undefined> {
  let nextPauseAt = BYTES_BEFORE_PAUSE;
  for (const chunk of chunks) {
    if (chunk.length > 0) {
      const piece = bytesOf(chunk);
      progress.bytes += piece.length;
      yield piece;
    }
    // An empty piece stands for work without output.
    const mayPause = chunk.length === 0 || progress.bytes >= nextPauseAt;
    if (mayPause && turns.isOver) {
      await turns.next("requests");
      nextPauseAt = progress.bytes + BYTES_BEFORE_PAUSE;
    }
  }
  return undefined;
}

/** Disconnects a client that reads too slowly. */
async function dropSlowClient(
  response: HttpResponse,
  progress: { readonly bytes: number },
  clock: Pick<Clock, "sleep">,
  signal: AbortSignal,
): Promise<void> {
  const leastBytes = (LEAST_BYTES_PER_SECOND * SPEED_INTERVAL_MS) / 1000;
  while (!signal.aborted) {
    const before = progress.bytes;
    try {
      await clock.sleep(SPEED_INTERVAL_MS, signal);
    } catch {
      return;
    }
    if (progress.bytes - before < leastBytes) response.destroy();
  }
}

const bytesOf = (piece: Piece): Buffer =>
  typeof piece === "string"
    ? Buffer.from(piece)
    : Buffer.from(piece.buffer, piece.byteOffset, piece.length);

async function* prepend(
  head: readonly Buffer[],
  rest: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer> {
  yield* head;
  yield* rest;
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
