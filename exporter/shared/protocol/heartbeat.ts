import { BadInputError } from "../model/errors.js";

/** `POST <master>/api/v1/heartbeat`, sent every 30 s. */
export const HEARTBEAT_PATH = "/api/v1/heartbeat";
export const MAX_HEARTBEAT_BYTES = 4096;

/** A statement a Pi makes about itself. On the wire: JSON with the snake_case names of `HeartbeatBody`. */
export interface Heartbeat {
  /** Stable for this installation: written once into the state folder. 32 hexadecimal digits. */
  readonly nodeId: string;
  readonly hostname: string;
  /** Port of its `/metrics`. */
  readonly port: number;
  /** The kernel's random boot id. */
  readonly bootId: string;
  readonly wallMs: number;
  /** Since boot. */
  readonly monotonicMs: number;
  /** What its history holds; undefined without history. */
  readonly history:
    { readonly fromMs: number; readonly untilMs: number; readonly sizeBytes: number } | undefined;
}

export interface HeartbeatReply {
  /** False when this heartbeat made the Pi known. */
  readonly known: boolean;
  /** Scrape pool the Pi is in, 0 to 4; null while it is in none. */
  readonly pool: number | null;
  /** Samples before this time are durable on the master: history wholly before it may go. 0 when none are. */
  readonly durableUntilMs: number;
}

export function encodeHeartbeat(heartbeat: Heartbeat): string {
  const { history } = heartbeat;
  return JSON.stringify({
    node_id: heartbeat.nodeId,
    hostname: heartbeat.hostname,
    port: heartbeat.port,
    boot_id: heartbeat.bootId,
    wall_ms: heartbeat.wallMs,
    monotonic_ms: heartbeat.monotonicMs,
    history:
      history === undefined
        ? null
        : { from_ms: history.fromMs, until_ms: history.untilMs, size_bytes: history.sizeBytes },
  });
}

const NODE_ID = /^[0-9a-f]{32}$/;
const BOOT_ID = /^[0-9a-f-]{1,64}$/;
const HOSTNAME = /^[a-zA-Z0-9._-]{1,253}$/;

/** @throws {BadInputError} naming the field that is wrong */
export function decodeHeartbeat(text: string): Heartbeat {
  const body = parseObject(text);
  const history = body["history"] ?? undefined;
  return {
    nodeId: matching(body, "node_id", NODE_ID, "32 hexadecimal digits"),
    hostname: matching(body, "hostname", HOSTNAME, "a host name"),
    port: integer(body, "port", 1, 65_535),
    bootId: matching(body, "boot_id", BOOT_ID, "a boot id"),
    wallMs: integer(body, "wall_ms", 0, Number.MAX_SAFE_INTEGER),
    monotonicMs: integer(body, "monotonic_ms", 0, Number.MAX_SAFE_INTEGER),
    history: history === undefined ? undefined : decodeHistory(history),
  };
}

export function encodeHeartbeatReply(reply: HeartbeatReply): string {
  return JSON.stringify({
    known: reply.known,
    pool: reply.pool,
    durable_until_ms: reply.durableUntilMs,
  });
}

/** @throws {BadInputError} naming the field that is wrong */
export function decodeHeartbeatReply(text: string): HeartbeatReply {
  const body = parseObject(text);
  if (typeof body["known"] !== "boolean") throw wrongField("known", "true or false");
  return {
    known: body["known"],
    pool: body["pool"] === null ? null : integer(body, "pool", 0, 4),
    durableUntilMs: integer(body, "durable_until_ms", 0, Number.MAX_SAFE_INTEGER),
  };
}

function decodeHistory(value: unknown): Heartbeat["history"] {
  if (typeof value !== "object" || value === null) throw wrongField("history", "an object or null");
  const history = value as Record<string, unknown>;
  return {
    fromMs: integer(history, "from_ms", 0, Number.MAX_SAFE_INTEGER),
    untilMs: integer(history, "until_ms", 0, Number.MAX_SAFE_INTEGER),
    sizeBytes: integer(history, "size_bytes", 0, Number.MAX_SAFE_INTEGER),
  };
}

function parseObject(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new BadInputError("Cannot read heartbeat: it is not JSON", { cause: error });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new BadInputError("Cannot read heartbeat: it must be a JSON object");
  }
  return value as Record<string, unknown>;
}

function matching(
  body: Record<string, unknown>,
  field: string,
  pattern: RegExp,
  expected: string,
): string {
  const value = body[field];
  if (typeof value !== "string" || !pattern.test(value)) throw wrongField(field, expected);
  return value;
}

function integer(body: Record<string, unknown>, field: string, min: number, max: number): number {
  const value = body[field];
  if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max) {
    throw wrongField(field, `a whole number from ${min} to ${max}`);
  }
  return value;
}

function wrongField(field: string, expected: string): BadInputError {
  return new BadInputError(`Cannot read heartbeat: ${field} must be ${expected}`);
}
