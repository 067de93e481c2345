import type { KnownHost, KnownNode } from "./known-host.js";
import { canonicalAddress, isHostName } from "./ip-address.js";

export const HOST_FACTS_VERSION = 1;
const MAX_EXPORTERS = 1000; // Of one address.

/** What `host.json` says about one exporter that is scraped at this address. */
export interface TargetFacts {
  readonly job: string;
  readonly url: string;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * Writes the `host.json` of one address.
 *
 * @param exporters at least one, all of the same address
 */
export function encodeHostFacts(
  exporters: readonly KnownHost[],
  targets: readonly TargetFacts[],
): string {
  return `${JSON.stringify(factsOf(exporters, targets), undefined, 2)}\n`;
}

/**
 * Writes the facts of many addresses, one per line, without targets.
 *
 * @param byAddress lists as `encodeHostFacts` takes them
 */
export function encodeFleetFacts(byAddress: Iterable<readonly KnownHost[]>): string {
  return [...byAddress].map((exporters) => `${JSON.stringify(factsOf(exporters, []))}\n`).join("");
}

/** Reads what `encodeFleetFacts` wrote. Undefined when a line is anything else. */
export function decodeFleetFacts(text: string): KnownHost[][] | undefined {
  const lines = text
    .split("\n")
    .filter((line) => line !== "")
    .map(decodeHostFacts);
  return lines.every((hosts) => hosts !== undefined) ? lines : undefined;
}

function factsOf(exporters: readonly KnownHost[], targets: readonly TargetFacts[]): object {
  return {
    version: HOST_FACTS_VERSION,
    address: exporters[0]?.address ?? "",
    first_seen: isoTime(Math.min(...exporters.map(({ firstSeenMs }) => firstSeenMs))),
    last_seen: isoTime(Math.max(...exporters.map(({ lastSeenMs }) => lastSeenMs))),
    exporters: exporters.map((host) => ({
      port: host.port,
      first_seen: isoTime(host.firstSeenMs),
      last_seen: isoTime(host.lastSeenMs),
      node: host.node === undefined ? null : encodeNode(host.node),
    })),
    targets,
  };
}

function encodeNode(node: KnownNode): object {
  return {
    node_id: node.nodeId,
    hostname: node.hostname,
    boot_id: node.bootId,
    last_heartbeat: isoTime(node.lastHeartbeatMs),
    clock_offset_ms: node.clockOffsetMs,
    monotonic_ms: node.monotonicMs,
  };
}

/** Reads what `encodeHostFacts` wrote. Undefined when the text is anything else: the facts will be collected anew. */
export function decodeHostFacts(text: string): KnownHost[] | undefined {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return undefined; // Torn or edited by hand; the caller says so.
  }
  if (
    !isObject(body) ||
    body["version"] !== HOST_FACTS_VERSION ||
    !Array.isArray(body["exporters"])
  ) {
    return undefined;
  }
  const address = body["address"];
  if (
    typeof address !== "string" ||
    (canonicalAddress(address) !== address && !isHostName(address))
  ) {
    return undefined;
  }
  const hosts = body["exporters"]
    .slice(0, MAX_EXPORTERS)
    .map((entry: unknown) => decodeExporter(entry, address));
  return hosts.every((host) => host !== undefined) ? hosts : undefined;
}

function decodeExporter(entry: unknown, address: string): KnownHost | undefined {
  if (!isObject(entry)) return undefined;
  const { port } = entry;
  const [firstSeenMs, lastSeenMs] = [timeOf(entry["first_seen"]), timeOf(entry["last_seen"])];
  if (typeof port !== "number" || !Number.isInteger(port) || port < 1 || port > 65_535)
    return undefined;
  if (firstSeenMs === undefined || lastSeenMs === undefined) return undefined;
  const node = entry["node"] === null ? undefined : decodeNode(entry["node"]);
  return node === "bad" ? undefined : { address, port, firstSeenMs, lastSeenMs, node };
}

function decodeNode(entry: unknown): KnownNode | "bad" {
  if (!isObject(entry)) return "bad";
  const { node_id: nodeId, hostname, boot_id: bootId } = entry;
  const lastHeartbeatMs = timeOf(entry["last_heartbeat"]);
  const clockOffsetMs = entry["clock_offset_ms"];
  const monotonicMs = entry["monotonic_ms"];
  if (typeof nodeId !== "string" || typeof hostname !== "string" || typeof bootId !== "string")
    return "bad";
  if (
    typeof clockOffsetMs !== "number" ||
    typeof monotonicMs !== "number" ||
    lastHeartbeatMs === undefined
  ) {
    return "bad";
  }
  return {
    nodeId,
    hostname,
    bootId,
    lastHeartbeatMs,
    clockOffsetMs,
    monotonicMs,
    history: undefined,
  };
}

const isoTime = (timeMs: number): string =>
  new Date(Math.min(Math.max(timeMs, 0), 8.64e15)).toISOString();

function timeOf(value: unknown): number | undefined {
  const timeMs = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isNaN(timeMs) ? undefined : timeMs;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
