import { JsonFields } from "../codec/json-fields.js";

/** `POST <master>/api/v1/heartbeat`, sent every 30 s. */
/** Header of `/-/healthy`: the node id, by which a scraper recognises a second address of a Pi. */
export const NODE_ID_HEADER = "pihealth-node-id";
export const HEARTBEAT_PATH = "/api/v1/heartbeat";
export const MAX_HEARTBEAT_BYTES = 4096;

/**
 * A statement a Pi makes about itself. On the wire: JSON with the snake_case names of
 * `encodeHeartbeat`.
 */
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
  /** Range and size of the history the Pi keeps; undefined when it keeps none. */
  readonly history:
    { readonly fromMs: number; readonly untilMs: number; readonly sizeBytes: number } | undefined;
}

export interface HeartbeatReply {
  /** False when this is the first heartbeat of the Pi. */
  readonly known: boolean;
  /** Scrape pool of the Pi, 0 to 4; null while it is in none. */
  readonly pool: number | null;
  /**
   * The master has stored all samples before this time durably, so the Pi may delete them; 0 when
   * none are.
   */
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

/** @throws {BadJsonError} */
export function decodeHeartbeat(text: string): Heartbeat {
  const fields = JsonFields.parse(text, "heartbeat");
  return {
    nodeId: readNodeId(fields),
    hostname: fields.text("hostname", { pattern: HOSTNAME, expected: "a host name" }),
    port: fields.integer("port", { min: 1, max: 65_535 }),
    bootId: readBootId(fields),
    wallMs: fields.integer("wall_ms", { min: 0 }),
    monotonicMs: fields.integer("monotonic_ms", { min: 0 }),
    history: fields.optional("history", (key) => decodeHistoryRange(fields.object(key))),
  };
}

/**
 * Reads `node_id` of a message.
 *
 * @throws {BadJsonError}
 */
export function readNodeId(fields: JsonFields): string {
  return fields.text("node_id", { pattern: NODE_ID, expected: "32 hexadecimal digits" });
}

/**
 * Reads `boot_id` of a message.
 *
 * @throws {BadJsonError}
 */
export function readBootId(fields: JsonFields): string {
  return fields.text("boot_id", { pattern: BOOT_ID, expected: "a boot id" });
}

function decodeHistoryRange(fields: JsonFields): Heartbeat["history"] {
  return {
    fromMs: fields.integer("from_ms", { min: 0 }),
    untilMs: fields.integer("until_ms", { min: 0 }),
    sizeBytes: fields.integer("size_bytes", { min: 0 }),
  };
}

export function encodeHeartbeatReply(reply: HeartbeatReply): string {
  return JSON.stringify({
    known: reply.known,
    pool: reply.pool,
    durable_until_ms: reply.durableUntilMs,
  });
}

/** @throws {BadJsonError} */
export function decodeHeartbeatReply(text: string): HeartbeatReply {
  const fields = JsonFields.parse(text, "heartbeat reply");
  return {
    known: fields.boolean("known"),
    pool: fields.nullable("pool", (key) => fields.integer(key, { min: 0, max: 4 })) ?? null,
    durableUntilMs: fields.integer("durable_until_ms", { min: 0 }),
  };
}
