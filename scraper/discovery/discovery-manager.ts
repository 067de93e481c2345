import type { MetricsSource, Sample } from "../../exporter/shared/model/metric.js";
import type { ResolveHost } from "../../exporter/shared/platform/resolve-host.js";
import { canonicalAddress } from "../fleet/ip-address.js";
import type { Fleet } from "../fleet/fleet.js";
import type { KnownHost } from "../fleet/known-host.js";
import type { Target } from "../fleet/target.js";
import { DISCOVERY_METRICS } from "./discovery-metrics.js";
import { GroupSources, type GroupSourcesParts } from "./group-sources.js";
import { NameTable } from "./name-table.js";
import { RangeDiscoverer } from "./range-discoverer.js";
import type { ProbeProgress } from "./range-prober.js";
import type { ProbeSettings, ScrapeJob } from "./scrape-job.js";
import { TargetBuilder } from "./target-builder.js";
import {
  buildTargetList,
  type DroppedTarget,
  type RefusedTarget,
  type TargetList,
} from "./target-list.js";
import { WakeableSleep } from "../../exporter/shared/platform/wakeable-sleep.js";

/** Delay after a change, so that related changes are reported together. */
const REBUILD_PAUSE_MS = 1000;
const NO_TARGETS: TargetList = {
  targets: [],
  dropped: [],
  droppedCount: 0,
  refused: [],
  refusedCount: 0,
};

/** The part of a configuration that defines what is scraped. */
export interface DiscoveryConfig {
  readonly jobs: readonly ScrapeJob[];
  readonly probes: ProbeSettings;
  /** A host that was not seen for this long is forgotten at the next start; 0 means never. */
  readonly forgetAfterMs: number;
}

export interface DiscoveryOptions extends GroupSourcesParts {
  readonly config: DiscoveryConfig;
  readonly fleet: Fleet;
  readonly resolveHost: ResolveHost;
  /** From 0 to 1. */
  readonly random: () => number;
  /** Receives all current targets, at most once a second. */
  readonly onTargetsChanged: (targets: readonly Target[]) => void;
  /** Reports the progress of the first pass over the ranges. */
  readonly onProbeProgress?: (progress: ProbeProgress) => void;
}

/** One scrape job with the sources of its targets. */
interface JobSources {
  readonly job: ScrapeJob;
  readonly builder: TargetBuilder;
  readonly sources: GroupSources;
}

/** Everything that belongs to one configuration and ends with it. */
interface Session {
  readonly jobs: readonly JobSources[];
  readonly ranges: RangeDiscoverer;
  readonly stopping: AbortController;
}

/**
 * Finds targets in all configured ways, and reports the list whenever it changes.
 *
 * Files, servers and names are refreshed by loops, ranges are probed by `RangeProber`, heartbeats
 * come in by `heartbeatFrom`. One loop rebuilds the list after changes.
 */
export class DiscoveryManager implements MetricsSource {
  readonly metrics = Object.values(DISCOVERY_METRICS);
  private readonly stopping = new AbortController();
  private readonly changes: WakeableSleep;
  private readonly names: NameTable;
  private session: Session | undefined;
  private list = NO_TARGETS;
  /** Addresses of configured targets, whose heartbeats are accepted. */
  private configuredHosts: ReadonlySet<string> = new Set();
  private loggedRefusals: ReadonlySet<string> = new Set();
  private ended: Promise<void> | undefined;

  constructor(private readonly options: DiscoveryOptions) {
    this.changes = new WakeableSleep(options.clock, this.stopping.signal);
    this.names = new NameTable({
      ...options,
      onAddressesChanged: (name) => {
        this.session?.ranges.nameChanged(name);
        this.changes.wake();
      },
    });
  }

  /**
   * Reports the targets that need no network (configured ones, files, hosts of an earlier run)
   * before it returns.
   */
  async start(): Promise<void> {
    this.names.start();
    await this.openSession(this.options.config);
    this.ended = this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.names.stop();
    await this.closeSession();
    await this.ended;
  }

  /**
   * Switches to another configuration. Found hosts are kept if they are in a range of the new one.
   */
  async applyConfig(config: DiscoveryConfig): Promise<void> {
    await this.closeSession();
    await this.openSession(config);
  }

  /** Adds a host that sent a heartbeat, if it is in a range. */
  heartbeatFrom(host: KnownHost): void {
    this.session?.ranges.heartbeatFrom(host);
  }

  /**
   * True when heartbeats from this IP address are accepted: it is in a range, or belongs to a
   * configured target.
   */
  isAllowedAddress(address: string): boolean {
    const canonical = canonicalAddress(address);
    if (canonical === undefined || this.session === undefined) return false;
    if (this.session.ranges.contains(canonical) || this.configuredHosts.has(canonical)) return true;
    for (const name of this.names.namesOf(canonical) ?? []) {
      if (this.configuredHosts.has(name) || this.session.ranges.hasName(name)) return true;
    }
    return false;
  }

  /** Configured names of this address, as far as they have been resolved. */
  namesOf(address: string): Iterable<string> {
    return this.names.namesOf(canonicalAddress(address) ?? address) ?? [];
  }

  /** Addresses of a configured name, as far as they have been resolved. */
  addressesOf(name: string): readonly string[] {
    return this.names.addressesOf(name);
  }

  targets(): readonly Target[] {
    return this.list.targets;
  }

  /** Targets dropped by relabelling; the first 1000. */
  droppedTargets(): readonly DroppedTarget[] {
    return this.list.dropped;
  }

  /** Duplicates, addresses that cannot be scraped, and targets beyond a limit; the first 1000. */
  refusedTargets(): readonly RefusedTarget[] {
    return this.list.refused;
  }

  readMetrics(): Sample[] {
    const { targets, droppedCount, refusedCount } = this.list;
    const ranges = this.session?.ranges;
    const jobs = this.session?.jobs ?? [];
    const failures = jobs.reduce((total, { sources }) => total + sources.failures, 0);
    return [
      DISCOVERY_METRICS.discoveredTargets.sample(targets.length),
      DISCOVERY_METRICS.droppedTargets.sample(droppedCount),
      DISCOVERY_METRICS.refusedTargets.sample(refusedCount),
      DISCOVERY_METRICS.rangeCandidates.sample(ranges?.candidateCount ?? 0),
      DISCOVERY_METRICS.silentCandidates.sample(ranges?.silentCount ?? 0),
      DISCOVERY_METRICS.probes.sample(ranges?.probeCount ?? 0),
      DISCOVERY_METRICS.failures.sample(failures),
    ];
  }

  private async openSession(config: DiscoveryConfig): Promise<void> {
    const stopping = new AbortController();
    const jobs = config.jobs.map((job) => this.openJob(job));
    const ranges = new RangeDiscoverer({
      ...this.options,
      ...config,
      names: this.names,
      onExportersChanged: () => this.changes.wake(),
    });
    this.session = { jobs, ranges, stopping };
    await Promise.all(jobs.map(({ sources }) => sources.readFiles()));
    this.rebuild();
    ranges.start();
    for (const { sources } of jobs) sources.start(stopping.signal, () => this.changes.wake());
  }

  private openJob(job: ScrapeJob): JobSources {
    const sources = new GroupSources(job.discoveries, this.options);
    return { job, builder: new TargetBuilder(job), sources };
  }

  private async closeSession(): Promise<void> {
    if (this.session === undefined) return;
    const { jobs, ranges, stopping } = this.session;
    stopping.abort();
    await Promise.all([ranges.stop(), ...jobs.map(({ sources }) => sources.ended())]);
  }

  private async run(): Promise<void> {
    const limit = new WakeableSleep(this.options.clock, this.stopping.signal);
    for (;;) {
      await this.changes.sleep(Number.POSITIVE_INFINITY);
      if (this.stopping.signal.aborted) return;
      this.rebuild();
      await limit.sleep(REBUILD_PAUSE_MS);
    }
  }

  private rebuild(): void {
    if (this.session === undefined) return;
    const { jobs, ranges } = this.session;
    const configured = jobs.map(({ job, builder, sources }) => ({
      job,
      builder,
      groups: [...job.staticGroups, ...sources.groups(), ...ranges.groupsOf(job)],
    }));
    this.list = buildTargetList(configured, {
      addressesOf: (name) => this.names.addressesOf(name),
      supersededBy: (host, port) => this.options.fleet.supersededBy(host, port),
    });
    this.configuredHosts = new Set(this.list.targets.map(({ host }) => host));
    this.names.setNames(
      new Set(
        [...this.configuredHosts, ...ranges.names()].filter(
          (host) => canonicalAddress(host) === undefined,
        ),
      ),
    );
    this.logRefusals([...ranges.duplicates(), ...this.list.refused]);
    this.options.onTargetsChanged(this.list.targets);
  }

  /** Logs each refusal once. */
  private logRefusals(
    refused: readonly { readonly reason: string; readonly address: string }[],
  ): void {
    const keys = new Set(refused.map(({ address, reason }) => `${address} ${reason}`));
    for (const { address, reason } of refused) {
      if (!this.loggedRefusals.has(`${address} ${reason}`)) {
        this.options.log.warn("Target refused", { address, reason });
      }
    }
    this.loggedRefusals = keys;
  }
}
