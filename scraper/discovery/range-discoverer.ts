import type { Clock } from "../../exporter/shared/platform/clock.js";
import type { SendHttp } from "../../exporter/shared/platform/http/http-client.js";
import type { Logger } from "../../exporter/shared/platform/logger.js";
import { type Fleet, metaLabelsOf } from "../fleet/fleet.js";
import { canonicalAddress } from "../fleet/ip-address.js";
import { endpointOf, type KnownHost, SILENT_AFTER_MS } from "../fleet/known-host.js";
import type { NameTable } from "./name-table.js";
import { type Candidate, RangeCatalog } from "./range-catalog.js";
import { type ProbeProgress, RangeProber } from "./range-prober.js";
import type { ProbeSettings, ScrapeJob } from "./scrape-job.js";
import type { RefusedTarget } from "./target-list.js";
import type { TargetGroup } from "./target-group.js";

export interface RangeDiscovererOptions {
  readonly jobs: readonly ScrapeJob[];
  readonly probes: ProbeSettings;
  readonly forgetAfterMs: number;
  readonly fleet: Fleet;
  readonly names: NameTable;
  readonly sendHttp: SendHttp;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
  readonly onExportersChanged: () => void;
  readonly onProbeProgress?: (progress: ProbeProgress) => void;
}

interface Found {
  readonly candidate: Candidate;
  readonly metaKey: string;
  readonly group: TargetGroup;
}

/** Exporters found in the ranges by probing, by a heartbeat, or in an earlier run. */
export class RangeDiscoverer {
  private readonly catalog: RangeCatalog;
  private readonly prober: RangeProber;
  private readonly found = new Map<string, Found>();
  /** The endpoint at which a probe found each node id. Bounded by the candidates. */
  private readonly probedNodes = new Map<string, string>();
  /** Endpoints that are not added, because their exporter is known under another one. */
  private readonly secondAddresses = new Set<string>();
  private readonly candidateNames: ReadonlySet<string>;
  private readonly startedMs: number;

  constructor(private readonly options: RangeDiscovererOptions) {
    this.catalog = new RangeCatalog(options.jobs);
    this.startedMs = options.clock.monotonicMs();
    this.candidateNames = new Set(
      [...this.catalog.candidates()]
        .map(({ host }) => host)
        .filter((host) => canonicalAddress(host) === undefined),
    );
    this.prober = new RangeProber({
      ...options,
      settings: options.probes,
      onExporterFound: (candidate, identity) => this.addProbed(candidate, identity),
      onProbeProgress: (progress) => this.noteProgress(progress),
    });
    for (const host of options.fleet.allHosts()) this.restore(host);
  }

  start(): void {
    this.prober.start(
      [...this.catalog.candidates()].filter(({ endpoint }) => !this.found.has(endpoint)),
    );
  }

  async stop(): Promise<void> {
    await this.prober.stop();
  }

  heartbeatFrom(host: KnownHost): void {
    const candidate = this.candidateOf(host);
    if (candidate === undefined) return;
    this.prober.forget(candidate.endpoint);
    this.add(candidate, false);
  }

  /** A name has other addresses now, so a silent candidate may answer. */
  nameChanged(name: string): void {
    if (!this.candidateNames.has(name)) return;
    for (const candidate of this.catalog.candidates()) {
      if (candidate.host === name) this.prober.hurry(candidate.endpoint);
    }
  }

  contains(address: string): boolean {
    return this.catalog.contains(address);
  }

  hasName(name: string): boolean {
    return this.candidateNames.has(name);
  }

  names(): ReadonlySet<string> {
    return this.candidateNames;
  }

  /** One group per host, so the result of relabelling is kept while the host does not change. */
  groupsOf(job: ScrapeJob): TargetGroup[] {
    const groups: TargetGroup[] = [];
    for (const [endpoint, found] of this.found) {
      if (found.candidate.job !== job) continue;
      const current = this.withMeta(found.candidate, found);
      if (current !== found) this.found.set(endpoint, current);
      groups.push(current.group);
    }
    return groups;
  }

  duplicates(): RefusedTarget[] {
    return this.catalog.duplicates.map(({ endpoint, reason }) => ({
      address: endpoint,
      jobName: "",
      reason,
    }));
  }

  get candidateCount(): number {
    return this.catalog.size;
  }

  get silentCount(): number {
    return this.prober.silentCount;
  }

  get probeCount(): number {
    return this.prober.probeCount;
  }

  private restore(host: KnownHost): void {
    const { forgetAfterMs, clock } = this.options;
    if (forgetAfterMs > 0 && clock.wallMs() - host.lastSeenMs > forgetAfterMs) return;
    const candidate = this.candidateOf(host);
    if (candidate !== undefined)
      this.found.set(candidate.endpoint, this.withMeta(candidate, undefined));
  }

  private candidateOf({ address, port, node }: KnownHost): Candidate | undefined {
    const sendsHeartbeats = node !== undefined;
    const direct = this.catalog.candidateFor(address, port, sendsHeartbeats);
    if (direct !== undefined) return direct;
    for (const name of this.options.names.namesOf(address) ?? []) {
      const byName = this.catalog.candidateFor(name, port, sendsHeartbeats);
      if (byName !== undefined) return byName;
    }
    return undefined;
  }

  /**
   * Adds an exporter that answered a probe.
   *
   * @returns false when it is a second address of an exporter that is known under another one: then
   * it is probed again later, in case the other address falls silent
   */
  private addProbed(candidate: Candidate, nodeId: string | undefined): boolean {
    const { fleet, log } = this.options;
    const { endpoint } = candidate;
    if (nodeId !== undefined) {
      const holder = fleet.hostOfNode(nodeId);
      const isAlive = holder !== undefined && this.isAlive(holder);
      const other = isAlive ? endpointOf(holder) : this.probedNodes.get(nodeId);
      if (other !== undefined && other !== endpoint && (isAlive || this.found.has(other))) {
        if (!this.secondAddresses.has(endpoint))
          log.info("Second address of a known exporter found", { address: endpoint, other });
        this.secondAddresses.add(endpoint);
        return false;
      }
      this.probedNodes.set(nodeId, endpoint);
    }
    this.secondAddresses.delete(endpoint);
    this.add(candidate, true);
    return true;
  }

  /** Hosts of an earlier run get some time to be heard again. */
  private isAlive({ lastSeenMs, node }: KnownHost): boolean {
    const { clock } = this.options;
    if (clock.monotonicMs() - this.startedMs < SILENT_AFTER_MS) return true;
    const heardMs = Math.max(lastSeenMs, node?.lastHeartbeatMs ?? 0);
    return Math.abs(clock.wallMs() - heardMs) < SILENT_AFTER_MS;
  }

  private add(candidate: Candidate, isProbed: boolean): void {
    const { fleet, clock, log } = this.options;
    const { endpoint, host, port } = candidate;
    if (isProbed) fleet.noteSeen(host, port, clock.wallMs());
    const known = this.found.get(endpoint);
    if (known === undefined) {
      log.info("Exporter found", { address: endpoint, by: isProbed ? "probe" : "heartbeat" });
    }
    const current = this.withMeta(candidate, known);
    this.found.set(endpoint, current);
    // Even if this host has not changed, another address of it may have to be removed. Only
    // heartbeats with news get here.
    this.options.onExportersChanged();
  }

  /** Returns `known` itself when nothing changed. */
  private withMeta(candidate: Candidate, known: Found | undefined): Found {
    const meta = metaLabelsOf(this.hostOf(candidate));
    const metaKey = Object.values(meta).join(" ");
    if (known?.metaKey === metaKey) return known;
    const labels = { ...candidate.range.labels, ...meta };
    return {
      candidate,
      metaKey,
      group: { targets: [candidate.endpoint], labels, isFromRange: true },
    };
  }

  /** Heartbeats have addresses, so a candidate with a name is found by its addresses. */
  private hostOf({ host, port }: Candidate): KnownHost | undefined {
    const { fleet, names } = this.options;
    const direct = fleet.hostAt(host, port);
    if (direct?.node !== undefined) return direct;
    return names
      .addressesOf(host)
      .map((address) => fleet.hostAt(address, port))
      .find((known) => known !== undefined);
  }

  private noteProgress(progress: ProbeProgress): void {
    this.options.onProbeProgress?.(progress);
    if (progress.asked < progress.candidates) return;
    this.options.log.info("First pass over the ranges completed", {
      candidates: progress.candidates,
      found: progress.found,
    });
  }
}
