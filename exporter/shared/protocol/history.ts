import { parseSegmentName } from "../codec/history/segment-name.js";
import { BadInputError } from "../model/errors.js";

/** `GET /history` lists the segments a Pi keeps, `GET /history/<name>` gives the bytes of one. */
export const HISTORY_PATH = "/history";
/** Segments of one Pi at the most: the exporter drops the oldest above it. */
export const MAX_HISTORY_SEGMENTS = 4096;
export const MAX_HISTORY_LIST_BYTES = 2 * 1024 * 1024;

/** On the wire: JSON with the snake_case names of `encodeHistoryList`. */
export interface HistoryList {
  /** As in the heartbeat: 32 hexadecimal digits. */
  readonly nodeId: string;
  /** Of the boot that runs. */
  readonly bootId: string;
  readonly wallMs: number;
  /** Since boot, at the same instant as `wallMs`. */
  readonly monotonicMs: number;
  /** Oldest first; the open one last. */
  readonly segments: readonly HistorySegment[];
}

export interface HistorySegment {
  /** See codec/segment-name.ts. */
  readonly name: string;
  /** Times of the first and the last sample by the Pi's wall clock of then, both included. */
  readonly fromMs: number;
  readonly lastMs: number;
  /** What can be fetched: whole members only. An open segment only ever grows. */
  readonly bytes: number;
  /** Of these bytes, in hexadecimal. */
  readonly sha256: string;
  readonly open: boolean;
  /** Of the boot the segment was written in; a segment holds one boot. */
  readonly bootId: string;
}

export function encodeHistoryList(list: HistoryList): string {
  return JSON.stringify({
    node_id: list.nodeId,
    boot_id: list.bootId,
    wall_ms: list.wallMs,
    monotonic_ms: list.monotonicMs,
    segments: list.segments.map((segment) => ({
      name: segment.name,
      from_ms: segment.fromMs,
      last_ms: segment.lastMs,
      bytes: segment.bytes,
      sha256: segment.sha256,
      open: segment.open,
      boot_id: segment.bootId,
    })),
  });
}

const NODE_ID = /^[0-9a-f]{32}$/;
const BOOT_ID = /^[0-9a-f-]{1,64}$/;
const SHA256 = /^[0-9a-f]{64}$/;

/** @throws {BadInputError} naming the field that is wrong */
export function decodeHistoryList(text: string): HistoryList {
  const body = parseObject(text);
  const segments = body["segments"];
  if (!Array.isArray(segments) || segments.length > MAX_HISTORY_SEGMENTS) {
    throw wrongField("segments", `a list of at most ${MAX_HISTORY_SEGMENTS} segments`);
  }
  return {
    nodeId: matching(body, "node_id", NODE_ID, "32 hexadecimal digits"),
    bootId: matching(body, "boot_id", BOOT_ID, "a boot id"),
    wallMs: wholeNumber(body, "wall_ms"),
    monotonicMs: wholeNumber(body, "monotonic_ms"),
    segments: segments.map(decodeSegment),
  };
}

function decodeSegment(value: unknown, index: number): HistorySegment {
  const place = `segments[${index}]`;
  if (typeof value !== "object" || value === null) throw wrongField(place, "an object");
  const body = value as Record<string, unknown>;
  const { name, open } = body;
  if (typeof name !== "string" || parseSegmentName(name) === undefined) {
    throw wrongField(`${place}.name`, "the name of a segment");
  }
  if (typeof open !== "boolean") throw wrongField(`${place}.open`, "true or false");
  const fromMs = wholeNumber(body, "from_ms", place);
  const lastMs = wholeNumber(body, "last_ms", place);
  if (lastMs < fromMs) throw wrongField(`${place}.last_ms`, "at least from_ms");
  return {
    name,
    fromMs,
    lastMs,
    bytes: wholeNumber(body, "bytes", place),
    sha256: matching(body, "sha256", SHA256, "64 hexadecimal digits", place),
    open,
    bootId: matching(body, "boot_id", BOOT_ID, "a boot id", place),
  };
}

function parseObject(text: string): Record<string, unknown> {
  if (text.length > MAX_HISTORY_LIST_BYTES) {
    throw new BadInputError(
      `Cannot read history list: it is longer than ${MAX_HISTORY_LIST_BYTES} bytes`,
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new BadInputError("Cannot read history list: it is not JSON", { cause: error });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new BadInputError("Cannot read history list: it must be a JSON object");
  }
  return value as Record<string, unknown>;
}

function matching(
  body: Record<string, unknown>,
  field: string,
  pattern: RegExp,
  expected: string,
  place?: string,
): string {
  const value = body[field];
  if (typeof value === "string" && pattern.test(value)) return value;
  throw wrongField(place === undefined ? field : `${place}.${field}`, expected);
}

function wholeNumber(body: Record<string, unknown>, field: string, place?: string): number {
  const value = body[field];
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw wrongField(
    place === undefined ? field : `${place}.${field}`,
    `a whole number from 0 to ${Number.MAX_SAFE_INTEGER}`,
  );
}

function wrongField(field: string, expected: string): BadInputError {
  return new BadInputError(`Cannot read history list: ${field} must be ${expected}`);
}
