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

/** Differences of boot times below this prove nothing. */
const BOOT_TOLERANCE_MS = 5000;
/** A metric shows a move for this long: longer than the shipped rules look back. */
const MOVE_SHOWN_MS = 7_200_000;
const MAX_MOVES = 1000;
/** Series per metric with one series for each host. */
const MAX_SHOWN = 100;
const CLONE_REMEDY =
  "on the copy, stop the exporter, delete the whole content of its state folder, start it again";

/** A machine that uses the node id of another running machine. */
interface Clone {
  readonly nodeId: string;
  readonly bootId: string;
  readonly hostname: string;
  /** The endpoint of the other machine. */
  readonly holder: string;
  /** Last heartbeat that showed it. */
  readonly atMs: number;
}

type Verdict =
  | { readonly kind: "accepted" }
  /** The machine of `holder` sends from this address, too. */
  | { readonly kind: "second_address"; readonly holder: KnownHost }
  /** This machine is a copy of `holder`. */
  | { readonly kind: "clone"; readonly holder: KnownHost }
  /** `holder` is a copy of this machine. */
  | { readonly kind: "original"; readonly holder: KnownHost };

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
  /** Endpoints of machines that use the node id of another running machine. */
  private readonly clones = new Map<string, Clone>();
  /** Endpoints that Pis have left, with the time; the oldest are forgotten first. */
  private readonly moves = new Map<string, { readonly to: string; readonly atMs: number }>();
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
      if (host.node === undefined) continue;
      // A Pi that has moved is in the files of both addresses: the one heard last is where it is.
      const heardMs = this.hostOfNode(host.node.nodeId)?.node?.lastHeartbeatMs ?? 0;
      if (heardMs < host.node.lastHeartbeatMs) this.endpointByNode.set(host.node.nodeId, endpoint);
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
    const verdict = this.judge(endpoint, heartbeat, receivedMs);
    if (verdict.kind === "clone") {
      return this.refuseClone(endpoint, heartbeat, verdict.holder, receivedMs);
    }
    this.clones.delete(endpoint);
    if (verdict.kind === "second_address") {
      const { address: first, port } = verdict.holder;
      return this.accept({
        ...{ address: first, port, previous: verdict.holder, heartbeat, receivedMs },
      });
    }
    if (verdict.kind === "original") this.noteClone(verdict.holder, endpoint, receivedMs);
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
    const clone = this.clones.get(endpoint);
    if (clone !== undefined && this.isFresh(clone.atMs, SILENT_AFTER_MS)) return clone.holder;
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

  /** Machines whose heartbeats are refused at present, because another machine has their node id. */
  clonedHosts(): {
    readonly endpoint: string;
    readonly hostname: string;
    readonly holder: string;
  }[] {
    const fresh = [...this.clones].filter(([, { atMs }]) => this.isFresh(atMs, SILENT_AFTER_MS));
    return fresh.map(([endpoint, { hostname, holder }]) => ({ endpoint, hostname, holder }));
  }

  private isFresh(atMs: number, forMs: number): boolean {
    return Math.abs(this.options.clock.wallMs() - atMs) < forMs;
  }

  readMetrics(): Sample[] {
    const clones = this.clonedHosts();
    const moves = [...this.moves].filter(([, { atMs }]) => this.isFresh(atMs, MOVE_SHOWN_MS));
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
      ...moves
        .slice(-MAX_SHOWN)
        .map(([from, { to }]) => FLEET_METRICS.movedInfo.sample(1, { from, to })),
      FLEET_METRICS.clonedHosts.sample(clones.length),
      ...clones
        .slice(0, MAX_SHOWN)
        .map(({ endpoint, hostname, holder }) =>
          FLEET_METRICS.cloneInfo.sample(1, { endpoint, hostname, holder }),
        ),
    ];
  }

  /**
   * Decides what a heartbeat means whose node id another endpoint holds. A Pi that has moved is
   * followed at once. Two machines with one node id are recognised by their boots: of one machine,
   * the later boot begins after the last heartbeat of the earlier one.
   */
  private judge(
    endpoint: string,
    { nodeId, bootId, monotonicMs }: Heartbeat,
    nowMs: number,
  ): Verdict {
    const holder = this.hostOfNode(nodeId);
    const held = holder?.node;
    if (holder === undefined || held?.nodeId !== nodeId || endpointOf(holder) === endpoint)
      return { kind: "accepted" };
    if (held.bootId === bootId) {
      const move = this.moves.get(endpoint);
      const isAlternating = move !== undefined && nowMs - move.atMs < SILENT_AFTER_MS;
      return isAlternating ? { kind: "second_address", holder } : { kind: "accepted" };
    }
    const clone = this.clones.get(endpoint);
    if (clone?.nodeId === nodeId && clone.bootId === bootId && isHeard(held, nowMs))
      return { kind: "clone", holder };
    // This boot was heard here before the other one took the node id: both machines run.
    const here = this.hosts.get(endpoint)?.node;
    if (here?.nodeId === nodeId && here.bootId === bootId && isHeard(held, nowMs))
      return { kind: "original", holder };
    const bootedMs = nowMs - monotonicMs;
    const heldBootedMs = held.lastHeartbeatMs - held.monotonicMs;
    const isLaterBoot = bootedMs >= held.lastHeartbeatMs - BOOT_TOLERANCE_MS;
    // Containers have boot ids of their own, but the uptime of their host proves nothing.
    const isSameKernel = Math.abs(bootedMs - heldBootedMs) < BOOT_TOLERANCE_MS;
    if (isLaterBoot || isSameKernel || !isHeard(held, nowMs)) return { kind: "accepted" };
    return { kind: "clone", holder };
  }

  private refuseClone(
    endpoint: string,
    { nodeId, bootId, hostname }: Heartbeat,
    holder: KnownHost,
    nowMs: number,
  ): HeartbeatOutcome {
    const other = endpointOf(holder);
    this.rememberClone(endpoint, { nodeId, bootId, hostname, holder: other, atMs: nowMs });
    const message = `${endpoint} has the node id of ${other}, which runs too: ${CLONE_REMEDY}`;
    return this.refuse("duplicate_node", message);
  }

  /** `clone` took the node id that `endpoint` still uses. */
  private noteClone(clone: KnownHost, endpoint: string, nowMs: number): void {
    const { node } = clone;
    if (node === undefined) return;
    const { nodeId, bootId, hostname } = node;
    this.rememberClone(endpointOf(clone), {
      ...{ nodeId, bootId, hostname, holder: endpoint, atMs: nowMs },
    });
  }

  private rememberClone(endpoint: string, clone: Clone): void {
    const known = this.clones.get(endpoint);
    if (known === undefined || clone.atMs - known.atMs >= SILENT_AFTER_MS) {
      this.options.log.warn("Two machines have one node id: heartbeats of one are refused", {
        endpoint,
        hostname: clone.hostname,
        holder: clone.holder,
        remedy: CLONE_REMEDY,
      });
    }
    if (known !== undefined || this.clones.size < MAX_KNOWN_HOSTS) this.clones.set(endpoint, clone);
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
    this.moves.delete(endpoint);
    if (wasMoved) {
      this.addressChanges++;
      this.moves.set(before, { to: endpoint, atMs: host.lastSeenMs });
      const [oldest] = this.moves.keys();
      if (this.moves.size > MAX_MOVES && oldest !== undefined) this.moves.delete(oldest);
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
