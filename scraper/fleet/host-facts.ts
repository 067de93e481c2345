/** The text of `host.json` and `fleet.json`. See host-facts.format.md. */
import { JsonFields } from "../../exporter/shared/codec/json-fields.js";
import { BadInputError } from "../../exporter/shared/model/errors.js";
import type { KnownHost, KnownNode } from "./known-host.js";
import { canonicalAddress, isHostName } from "./ip-address.js";

const VERSION = 1;
const MAX_EXPORTERS = 1000; // Per address.
const LAST_TIME_MS = Date.UTC(9999, 11, 31); // RFC 3339 has years of four digits.

/** A target at the address, shown in `host.json` for people and scripts. */
export interface TargetFacts {
  readonly job: string;
  readonly url: string;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * Encodes the `host.json` of one address.
 *
 * @param exporters at least one, all with the same address
 */
export function encodeHostFacts(
  exporters: readonly KnownHost[],
  targets: readonly TargetFacts[],
): string {
  return `${JSON.stringify(factsOf(exporters, targets), undefined, 2)}\n`;
}

/**
 * Encodes the facts of many addresses, one per line, without targets.
 *
 * @param byAddress lists as in `encodeHostFacts`
 */
export function encodeFleetFacts(byAddress: Iterable<readonly KnownHost[]>): string {
  return [...byAddress].map((exporters) => `${JSON.stringify(factsOf(exporters, []))}\n`).join("");
}

/**
 * Decodes the text of `encodeFleetFacts`.
 *
 * @throws {BadJsonError}
 */
export function decodeFleetFacts(text: string): KnownHost[][] {
  const lines = text.split("\n").filter((line) => line !== "");
  if (lines.length === 0) throw new BadInputError("Cannot read fleet file: it has no host");
  return lines.map(decodeHostFacts);
}

/**
 * Decodes the text of `encodeHostFacts`.
 *
 * @throws {BadJsonError}
 */
export function decodeHostFacts(text: string): KnownHost[] {
  const fields = JsonFields.parse(text, "host facts");
  fields.version(VERSION);
  const address = fields.text("address");
  if (canonicalAddress(address) !== address && !isHostName(address)) {
    fields.fail("address", "an IP address in canonical form or a host name");
  }
  const exporters = fields.objects("exporters").slice(0, MAX_EXPORTERS);
  return exporters.map((exporter) => ({
    address,
    port: exporter.integer("port", { min: 1, max: 65_535 }),
    firstSeenMs: exporter.isoTimeMs("first_seen"),
    lastSeenMs: exporter.isoTimeMs("last_seen"),
    node: exporter.nullable("node", (key) => decodeNode(exporter.object(key))),
  }));
}

function decodeNode(fields: JsonFields): KnownNode {
  return {
    nodeId: fields.text("node_id"),
    hostname: fields.text("hostname"),
    bootId: fields.text("boot_id"),
    lastHeartbeatMs: fields.isoTimeMs("last_heartbeat"),
    clockOffsetMs: fields.number("clock_offset_ms"),
    monotonicMs: fields.number("monotonic_ms"),
    history: undefined,
  };
}

function factsOf(exporters: readonly KnownHost[], targets: readonly TargetFacts[]): object {
  return {
    version: VERSION,
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

const isoTime = (timeMs: number): string =>
  new Date(Math.min(Math.max(timeMs, 0), LAST_TIME_MS)).toISOString();
