import type { MetricsSource, Sample } from "../../exporter/shared/model/metric.js";
import type { Heartbeat } from "../../exporter/shared/protocol/heartbeat.js";
import type { Clock } from "../../exporter/shared/platform/clock.js";
import type { Logger } from "../../exporter/shared/platform/logger.js";
import { FLEET_METRICS } from "./fleet-metrics.js";
import { canonicalAddress } from "./ip-address.js";
import { endpointOf, type KnownHost, type KnownNode, SILENT_AFTER_MS } from "./known-host.js";
import { SenderLimiter } from "./sender-limiter.js";

export const MAX_KNOWN_HOSTS = 65_536;
/**
 * A Pi sends a heartbeat every 30 s. One address may serve many Pis (several users, address
 * translation).
 */
const SENDER_LIMITS = { burst: 200, perSecond: 20, maxSenders: 65_536 };

export type HeartbeatRefusal =
  "rate_limited" | "address_not_allowed" | "fleet_full" | "duplicate_node";

export type HeartbeatOutcome =
  /** `known` is false when this heartbeat added the host. */
  | { readonly accepted: true; readonly known: boolean; readonly host: KnownHost }
  | { readonly accepted: false; readonly refusal: HeartbeatRefusal; readonly message: string };

export interface FleetOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** True when the address is inside a configured range or belongs to a configured target. */
  readonly isAllowedAddress: (address: string) => boolean;
  /**
   * A heartbeat was accepted. `isNews` is true when the host is new or was silent, or its hostname,
   * node id or boot id changed. Only news can change the targets.
   */
  readonly onHeartbeat: (host: KnownHost, isNews: boolean) => void;
}

/**
 * The known exporters, by address and by node id. Bounded: further ones are refused and counted.
 *
 * Heartbeat requests, probes and scrapes call it; nothing runs in between.
 */
export class Fleet implements MetricsSource {
  readonly metrics = Object.values(FLEET_METRICS);
  private readonly hosts = new Map<string, KnownHost>();
  /** The endpoint that holds each node id. */
  private readonly endpointByNode = new Map<string, string>();
  /**
   * Endpoints refused because another one holds their node id, with the time of the last refusal.
   */
  private readonly duplicates = new Map<
    string,
    { readonly nodeId: string; readonly holder: string; readonly atMs: number }
  >();
  private readonly limiter: SenderLimiter;
  private readonly refused: Record<HeartbeatRefusal, number> = {
    rate_limited: 0,
    address_not_allowed: 0,
    fleet_full: 0,
    duplicate_node: 0,
  };
  private accepted = 0;
  private addressChanges = 0;

  constructor(private readonly options: FleetOptions) {
    this.limiter = new SenderLimiter(SENDER_LIMITS, () => options.clock.monotonicMs());
  }

  /** Adds hosts of an earlier run. Existing entries are kept. */
  restore(hosts: Iterable<KnownHost>): void {
    for (const host of hosts) {
      const endpoint = endpointOf(host);
      if (this.hosts.has(endpoint) || this.hosts.size >= MAX_KNOWN_HOSTS) continue;
      this.hosts.set(endpoint, host);
      if (host.node !== undefined && !this.endpointByNode.has(host.node.nodeId)) {
        this.endpointByNode.set(host.node.nodeId, endpoint);
      }
    }
  }

  /**
   * Takes a heartbeat whose token has been checked.
   *
   * @param remoteAddress as reported by the socket
   * @param receivedMs wall clock of this machine
   */
  receiveHeartbeat(
    heartbeat: Heartbeat,
    remoteAddress: string,
    receivedMs: number,
  ): HeartbeatOutcome {
    const address = canonicalAddress(remoteAddress) ?? remoteAddress;
    if (!this.limiter.take(address)) {
      return this.refuse("rate_limited", `${address} sends too many heartbeats`);
    }
    if (!this.options.isAllowedAddress(address)) {
      return this.refuse(
        "address_not_allowed",
        `${address} is in no configured range and is no configured target`,
      );
    }
    const endpoint = endpointOf({ address, port: heartbeat.port });
    const previous = this.hosts.get(endpoint);
    if (previous === undefined && this.hosts.size >= MAX_KNOWN_HOSTS) {
      return this.refuse("fleet_full", `${MAX_KNOWN_HOSTS} hosts are known already`);
    }
    const holder = this.rivalOf(endpoint, heartbeat, receivedMs);
    if (holder !== undefined) return this.refuseDuplicate(endpoint, heartbeat, holder, receivedMs);
    this.duplicates.delete(endpoint);
    return this.accept({ address, port: heartbeat.port, previous, heartbeat, receivedMs });
  }

  /** Records that an exporter answered a probe or a scrape. Does nothing when the fleet is full. */
  noteSeen(address: string, port: number, seenMs: number): void {
    const endpoint = endpointOf({ address, port });
    const previous = this.hosts.get(endpoint);
    if (previous === undefined && this.hosts.size >= MAX_KNOWN_HOSTS) return;
    this.hosts.set(endpoint, {
      address,
      port,
      firstSeenMs: previous?.firstSeenMs ?? seenMs,
      lastSeenMs: seenMs,
      node: previous?.node,
    });
  }

  /** Undefined when the endpoint is unknown. */
  hostAt(address: string, port: number): KnownHost | undefined {
    return this.hosts.get(endpointOf({ address, port }));
  }

  hostOfNode(nodeId: string): KnownHost | undefined {
    const endpoint = this.endpointByNode.get(nodeId);
    return endpoint === undefined ? undefined : this.hosts.get(endpoint);
  }

  allHosts(): IterableIterator<KnownHost> {
    return this.hosts.values();
  }

  /**
   * Reason why an endpoint is not a separate host: its Pi is known under another endpoint, because
   * it moved there or is a copy of that Pi. Undefined when it is a separate host.
   */
  supersededBy(address: string, port: number): string | undefined {
    const endpoint = endpointOf({ address, port });
    const duplicate = this.duplicates.get(endpoint);
    if (duplicate !== undefined && this.options.clock.wallMs() - duplicate.atMs < SILENT_AFTER_MS) {
      return duplicate.holder;
    }
    const nodeId = this.hosts.get(endpoint)?.node?.nodeId;
    const holder = nodeId === undefined ? undefined : this.endpointByNode.get(nodeId);
    return holder === endpoint ? undefined : holder;
  }

  /** All known exporters in the format of `http_sd_configs`, one group each. */
  listing(): { targets: [string]; labels: Record<string, string> }[] {
    return [...this.hosts.values()].map((host) => ({
      targets: [endpointOf(host)],
      labels: metaLabelsOf(host),
    }));
  }

  readMetrics(): Sample[] {
    const nowMs = this.options.clock.wallMs();
    const heartbeating = [...this.hosts.values()].filter(
      ({ node }) => node !== undefined && isHeard(node, nowMs),
    );
    return [
      FLEET_METRICS.knownHosts.sample(this.hosts.size),
      FLEET_METRICS.heartbeatingHosts.sample(heartbeating.length),
      FLEET_METRICS.heartbeatsReceived.sample(this.accepted),
      ...Object.entries(this.refused).map(([reason, count]) =>
        FLEET_METRICS.heartbeatsRefused.sample(count, { reason }),
      ),
      FLEET_METRICS.addressChanges.sample(this.addressChanges),
    ];
  }

  /**
   * The other endpoint with this node id, if its last heartbeat is so recent that two machines, or
   * two addresses, must be active.
   */
  private rivalOf(endpoint: string, { nodeId }: Heartbeat, nowMs: number): KnownHost | undefined {
    const holder = this.hostOfNode(nodeId);
    if (holder?.node === undefined || endpointOf(holder) === endpoint) return undefined;
    return holder.node.nodeId === nodeId && isHeard(holder.node, nowMs) ? holder : undefined;
  }

  private refuseDuplicate(
    endpoint: string,
    heartbeat: Heartbeat,
    holder: KnownHost,
    nowMs: number,
  ): HeartbeatOutcome {
    const { nodeId, bootId } = heartbeat;
    const other = endpointOf(holder);
    const cause =
      holder.node?.bootId === bootId
        ? "the same machine has both addresses"
        : "two machines share one node id, remove the node id file on the copy";
    const message = `${endpoint} has the node id of ${other}: ${cause}`;
    if (!this.duplicates.has(endpoint)) {
      this.options.log.warn("Heartbeat of a duplicate refused", { endpoint, holder: other, cause });
    }
    if (this.duplicates.size < MAX_KNOWN_HOSTS) {
      this.duplicates.set(endpoint, { nodeId, holder: other, atMs: nowMs });
    }
    return this.refuse("duplicate_node", message);
  }

  private accept(facts: {
    readonly address: string;
    readonly port: number;
    readonly previous: KnownHost | undefined;
    readonly heartbeat: Heartbeat;
    readonly receivedMs: number;
  }): HeartbeatOutcome {
    const { address, port, previous, heartbeat, receivedMs } = facts;
    const node: KnownNode = {
      nodeId: heartbeat.nodeId,
      hostname: heartbeat.hostname,
      bootId: heartbeat.bootId,
      lastHeartbeatMs: receivedMs,
      clockOffsetMs: heartbeat.wallMs - receivedMs,
      monotonicMs: heartbeat.monotonicMs,
      history: heartbeat.history,
    };
    const firstSeenMs = previous?.firstSeenMs ?? receivedMs;
    const host: KnownHost = { address, port, firstSeenMs, lastSeenMs: receivedMs, node };
    this.hosts.set(endpointOf(host), host);
    const wasMoved = this.indexNode(host, previous?.node);
    this.accepted++;
    this.options.onHeartbeat(host, wasMoved || isNews(previous?.node, node));
    return { accepted: true, known: previous?.node !== undefined, host };
  }

  /** @returns true when another endpoint held the node id */
  private indexNode(host: KnownHost, previous: KnownNode | undefined): boolean {
    const endpoint = endpointOf(host);
    const nodeId = host.node?.nodeId ?? "";
    // The Pi at this address has a new card, so its old node id may appear at another address.
    if (
      previous !== undefined &&
      previous.nodeId !== nodeId &&
      this.endpointByNode.get(previous.nodeId) === endpoint
    ) {
      this.endpointByNode.delete(previous.nodeId);
    }
    const before = this.endpointByNode.get(nodeId);
    const wasMoved = before !== undefined && before !== endpoint;
    if (wasMoved) {
      this.addressChanges++;
      this.options.log.info("Address of a Pi changed", {
        from: before,
        to: endpoint,
        hostname: host.node?.hostname,
      });
    }
    this.endpointByNode.set(nodeId, endpoint);
    return wasMoved;
  }

  private refuse(refusal: HeartbeatRefusal, message: string): HeartbeatOutcome {
    this.refused[refusal]++;
    return { accepted: false, refusal, message: `Cannot take heartbeat: ${message}` };
  }
}

/** Labels of a discovered target before relabelling, from its heartbeats. */
export function metaLabelsOf(host: KnownHost | undefined): Record<string, string> {
  if (host?.node === undefined) return {};
  return {
    __meta_pihealth_hostname: host.node.hostname,
    __meta_pihealth_node_id: host.node.nodeId,
  };
}

function isNews(before: KnownNode | undefined, now: KnownNode): boolean {
  if (before === undefined || !isHeard(before, now.lastHeartbeatMs)) return true;
  return (
    before.nodeId !== now.nodeId || before.hostname !== now.hostname || before.bootId !== now.bootId
  );
}

/**
 * Without the upper bound, setting our wall clock back would make every node count as heard for a
 * long time.
 */
function isHeard({ lastHeartbeatMs }: KnownNode, nowMs: number): boolean {
  return Math.abs(nowMs - lastHeartbeatMs) < SILENT_AFTER_MS;
}
