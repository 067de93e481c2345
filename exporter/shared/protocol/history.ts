import { parseSegmentName } from "../codec/history/segment-name.js";
import { JsonFields } from "../codec/json-fields.js";
import { BadInputError } from "../model/errors.js";
import { readBootId, readNodeId } from "./heartbeat.js";

/** `GET /history` lists the segments a Pi keeps, `GET /history/<name>` returns the bytes of one. */
export const HISTORY_PATH = "/history";
/** Most segments of one Pi: the exporter deletes the oldest above it. */
export const MAX_HISTORY_SEGMENTS = 4096;
export const MAX_HISTORY_LIST_BYTES = 2 * 1024 * 1024;

/** On the wire: JSON with the snake_case names of `encodeHistoryList`. */
export interface HistoryList {
  /** The `nodeId` of the heartbeat: 32 hexadecimal digits. */
  readonly nodeId: string;
  /** The kernel's id of the current boot. */
  readonly bootId: string;
  readonly wallMs: number;
  /** Time since boot, read at the same instant as `wallMs`. */
  readonly monotonicMs: number;
  /** Oldest first; the open one last. */
  readonly segments: readonly HistorySegment[];
}

export interface HistorySegment {
  /** See codec/history/segment-name.ts. */
  readonly name: string;
  /** Times of the first and the last sample by the Pi's wall clock at that time, both included. */
  readonly fromMs: number;
  readonly lastMs: number;
  /**
   * Size of the whole gzip members, which are all that can be fetched. An open segment only grows.
   */
  readonly bytes: number;
  /** SHA-256 of these bytes in hexadecimal. */
  readonly sha256: string;
  readonly open: boolean;
  /** The boot in which the segment was written; a segment holds samples of one boot. */
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

const SHA256 = /^[0-9a-f]{64}$/;

/** @throws {BadInputError} when the text is too long; {@link BadJsonError} when a field is wrong */
export function decodeHistoryList(text: string): HistoryList {
  if (text.length > MAX_HISTORY_LIST_BYTES) {
    const detail = `it has ${text.length} characters, it must have at most ${MAX_HISTORY_LIST_BYTES}`;
    throw new BadInputError(`Cannot read history list: ${detail}`);
  }
  const fields = JsonFields.parse(text, "history list");
  return {
    nodeId: readNodeId(fields),
    bootId: readBootId(fields),
    wallMs: fields.integer("wall_ms", { min: 0 }),
    monotonicMs: fields.integer("monotonic_ms", { min: 0 }),
    segments: fields.objects("segments", { maxLength: MAX_HISTORY_SEGMENTS }).map(decodeSegment),
  };
}

function decodeSegment(fields: JsonFields): HistorySegment {
  const name = fields.text("name");
  if (parseSegmentName(name) === undefined) fields.fail("name", "the name of a segment");
  const fromMs = fields.integer("from_ms", { min: 0 });
  return {
    name,
    fromMs,
    lastMs: fields.integer("last_ms", { min: fromMs }),
    bytes: fields.integer("bytes", { min: 0 }),
    sha256: fields.text("sha256", { pattern: SHA256, expected: "64 hexadecimal digits" }),
    open: fields.boolean("open"),
    bootId: readBootId(fields),
  };
}
