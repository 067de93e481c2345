import { createHash } from "node:crypto";
import { BadInputError, PihealthError } from "../../exporter/shared/model/errors.js";
import { type Clock, yieldToEventLoop } from "../../exporter/shared/platform/clock.js";
import {
  HttpError,
  type HttpResponse,
  type SendHttp,
} from "../../exporter/shared/platform/http/http-client.js";
import {
  decodeHistoryList,
  HISTORY_PATH,
  type HistoryList,
  type HistorySegment,
  MAX_HISTORY_LIST_BYTES,
} from "../../exporter/shared/protocol/history.js";
import type { Target } from "../fleet/target.js";
import { LaneAgents } from "../scrape/lane-agents.js";
import type { Bandwidth } from "./bandwidth.js";
import { OpenSegments } from "./open-segments.js";

/** Largest segment taken on a machine with much memory; an exporter closes its segments at 30 MB. */
export const DEFAULT_SEGMENT_BYTES = 128 * 1024 * 1024;
const PIECE_BYTES = 512 * 1024;
/** Hashed in about a millisecond. */
const HASHED_AT_ONCE = 1024 * 1024;
const TIMEOUT_MS = 30_000;
/**
 * A transfer that breaks this often in a row without a new byte is given up until the next attempt.
 */
const MAX_CUTS = 3;
/** A Pi that sends slower for this long loses its turn: other Pis wait for it. */
const LEAST_BYTES_PER_SECOND = 16_384;
const SLOW_AFTER_MS = 30_000;
const FIRST_RETRY_MS = 500;

/**
 * Most requests for one list: it is requested again until the time of the Pi's clock is known to
 * this precision.
 */
const MAX_LISTS = 4;
const WANTED_UNCERTAINTY_MS = 250;

const OK = 200;
const PARTIAL = 206;
const NOT_FOUND = 404;
const TOO_MANY = 429;

/** The history of a Pi could not be fetched. */
export class HistoryError extends PihealthError {
  constructor(
    readonly code: "refused" | "cut" | "damaged" | "gone" | "slow" | "bomb",
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

interface HistoryClientParts {
  readonly clock: Clock;
  readonly sendHttp: SendHttp;
  readonly bandwidth: Bandwidth;
  readonly token: string;
  readonly countBytes: (bytes: number) => void;
  /** Largest segment taken. */
  readonly maxSegmentBytes?: number | undefined;
}

/** A history list with our own time of the instant at which the Pi made it. */
export interface TimedHistoryList extends HistoryList {
  /** Our wall clock when the Pi read its own, taken as the middle of the request. */
  readonly ourWallMs: number;
  /** Largest error of `ourWallMs`: half the duration of the request. */
  readonly uncertaintyMs: number;
}

/** Fetches histories from exporters. */
export class HistoryClient {
  private readonly agents = new LaneAgents();
  private readonly open = new OpenSegments();

  constructor(private readonly parts: HistoryClientParts) {}

  close(): void {
    this.agents.close();
  }

  /**
   * Fetches the list of segments, several times while slow answers say too little about the clock
   * of the Pi.
   *
   * @throws {HistoryError | HttpError | BadInputError} when there is no usable answer
   */
  async list(target: Target, signal: AbortSignal): Promise<TimedHistoryList> {
    let best = await this.timedList(target, signal);
    for (let tries = 1; tries < MAX_LISTS && best.uncertaintyMs > WANTED_UNCERTAINTY_MS; tries++) {
      const next = await this.timedList(target, signal);
      if (next.uncertaintyMs < best.uncertaintyMs) best = next;
    }
    return best;
  }

  private async timedList(target: Target, signal: AbortSignal): Promise<TimedHistoryList> {
    const { clock } = this.parts;
    const sentMs = clock.monotonicMs();
    const response = await this.get(target, HISTORY_PATH, {}, MAX_HISTORY_LIST_BYTES, signal);
    if (response.status !== OK) throw refusal(target, HISTORY_PATH, response);
    const uncertaintyMs = (clock.monotonicMs() - sentMs) / 2;
    const ourWallMs = clock.wallMs() - uncertaintyMs;
    return { ...decodeHistoryList(response.body.toString("utf8")), ourWallMs, uncertaintyMs };
  }

  /**
   * Fetches a segment in pieces, resumes after a broken transfer, and checks the whole. Of an open
   * segment only the bytes that are new since the last fetch are transferred.
   *
   * @throws {HistoryError | HttpError} when the segment cannot be fetched, or differs from the list
   */
  async segment(target: Target, segment: HistorySegment, signal: AbortSignal): Promise<Buffer> {
    const { name, bytes } = segment;
    const { maxSegmentBytes = DEFAULT_SEGMENT_BYTES } = this.parts;
    if (bytes > maxSegmentBytes) {
      const detail = `it has ${bytes} bytes, it must have at most ${maxSegmentBytes}`;
      throw new HistoryError("damaged", `Cannot fetch segment "${name}": ${detail}`);
    }
    const beginning = this.open.beginningOf(target.url, name, bytes);
    this.open.forget(target.url);
    let whole = await this.rest(target, segment, beginning, signal);
    // The Pi may have truncated the segment and written other members: then the known beginning is
    // wrong.
    if (beginning.length > 0 && !(await isWhole(whole, segment)))
      whole = await this.rest(target, segment, Buffer.alloc(0), signal);
    if (!(await isWhole(whole, segment))) {
      throw new HistoryError(
        "damaged",
        `Cannot use segment "${name}": its checksum differs from the list`,
      );
    }
    if (segment.open) this.open.keep(target.url, { name, bytes: whole });
    return whole;
  }

  /**
   * Fetches the bytes after a known beginning.
   *
   * @returns the whole segment
   */
  private async rest(
    target: Target,
    { name, bytes }: HistorySegment,
    beginning: Buffer,
    signal: AbortSignal,
  ): Promise<Buffer> {
    const { clock } = this.parts;
    const whole = Buffer.alloc(bytes);
    let have = beginning.copy(whole);
    const first = have;
    let requestsMs = 0;
    for (let cuts = 0; have < bytes;) {
      if (requestsMs > SLOW_AFTER_MS && have - first < (requestsMs / 1000) * LEAST_BYTES_PER_SECOND)
        throw tooSlow(name, have - first, requestsMs);
      const sentMs = clock.monotonicMs();
      const piece = await this.piece(
        target,
        name,
        have,
        Math.min(PIECE_BYTES, bytes - have),
        signal,
      ).catch((error: unknown) => {
        if (!isCut(error) || ++cuts > MAX_CUTS) throw error;
        return undefined;
      });
      requestsMs += clock.monotonicMs() - sentMs;
      if (piece === undefined) {
        await clock.sleep(FIRST_RETRY_MS * 2 ** cuts, signal);
        continue;
      }
      piece.copy(whole, have);
      have += piece.length;
      cuts = 0;
      this.parts.countBytes(piece.length);
      await this.parts.bandwidth.take(piece.length, signal);
    }
    return whole;
  }

  private async piece(
    target: Target,
    name: string,
    from: number,
    length: number,
    signal: AbortSignal,
  ): Promise<Buffer> {
    const headers = { Range: `bytes=${from}-${from + length - 1}` };
    const path = `${HISTORY_PATH}/${name}`;
    const response = await this.get(target, path, headers, length, signal);
    if (response.status !== PARTIAL) throw refusal(target, path, response);
    const { body } = response;
    const isThere = response.headers["content-range"]?.startsWith(`bytes ${from}-`) === true;
    if (!isThere || body.length === 0 || body.length > length) {
      throw new HistoryError(
        "damaged",
        `Cannot fetch segment "${name}": the answer is not the requested range`,
      );
    }
    return body;
  }

  private get(
    { url, settings }: Target,
    path: string,
    headers: Record<string, string>,
    maxBodyBytes: number,
    signal: AbortSignal,
  ): Promise<HttpResponse> {
    return this.parts.sendHttp({
      url: new URL(path, url).href,
      headers: {
        ...headers,
        Authorization: `Bearer ${this.parts.token}`,
        "Accept-Encoding": "identity",
      },
      timeoutMs: TIMEOUT_MS,
      maxBodyBytes,
      agent: this.agents.agentFor(settings.connection),
      signal,
    });
  }
}

/** Hashes in slices, because a large segment takes longer than a turn of the event loop may. */
async function isWhole(bytes: Buffer, { sha256 }: HistorySegment): Promise<boolean> {
  const hash = createHash("sha256");
  for (let at = 0; at < bytes.length; at += HASHED_AT_ONCE) {
    hash.update(bytes.subarray(at, at + HASHED_AT_ONCE));
    await yieldToEventLoop();
  }
  return hash.digest("hex") === sha256;
}

function tooSlow(name: string, bytes: number, durationMs: number): HistoryError {
  const seconds = Math.round(durationMs / 1000);
  return new HistoryError(
    "slow",
    `Cannot fetch segment "${name}": ${bytes} bytes came in ${seconds}s, at least ${LEAST_BYTES_PER_SECOND} a second must come`,
  );
}

function isCut(error: unknown): boolean {
  if (error instanceof HttpError) return error.code === "unreachable" || error.code === "timeout";
  return error instanceof HistoryError && error.code === "cut";
}

function refusal({ url }: Target, path: string, { status, body }: HttpResponse): HistoryError {
  const code = status === NOT_FOUND ? "gone" : status === TOO_MANY ? "cut" : "refused";
  const detail = body.toString("utf8", 0, 200).trim();
  return new HistoryError(
    code,
    `Cannot get "${new URL(path, url).href}": status ${status}, it must be 200 or 206; ${detail}`,
  );
}

/** True when the Pi sent something wrong, so that another request will not help soon. */
export const isBadHistory = (error: unknown): boolean =>
  error instanceof BadInputError || (error instanceof HistoryError && error.code === "damaged");
