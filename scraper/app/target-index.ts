import type { Labels } from "../../exporter/shared/model/labels.js";
import type { Clock } from "../../exporter/shared/platform/clock.js";
import { canonicalAddress } from "../fleet/ip-address.js";
import type { Target, TargetHealth } from "../fleet/target.js";

/** For this long after a start, a target that is not known yet may still be found. */
const START_GRACE_MS = 120_000;

/** Finds targets by their labels and by their address. */
export class TargetIndex {
  private readonly idOfLabels = new Map<string, string>();
  private readonly byHost = new Map<string, Target[]>();
  private targets: readonly Target[] = [];
  private readonly startedMs: number;

  constructor(
    private readonly parts: {
      readonly clock: Clock;
      /** Undefined when the target is not scraped. */
      readonly healthOf: (id: string) => TargetHealth["health"] | undefined;
      /** Names that the configuration has for an address. */
      readonly namesOf: (address: string) => Iterable<string>;
    },
  ) {
    this.startedMs = parts.clock.monotonicMs();
  }

  /** Replaces all targets. */
  set(targets: readonly Target[]): void {
    this.idOfLabels.clear();
    this.byHost.clear();
    this.targets = targets;
    for (const target of targets) {
      this.idOfLabels.set(labelsKey(target.labels), target.id);
      const host = canonicalAddress(target.host) ?? target.host;
      const siblings = this.byHost.get(host);
      if (siblings === undefined) this.byHost.set(host, [target]);
      else siblings.push(target);
    }
  }

  all(): readonly Target[] {
    return this.targets;
  }

  /**
   * Finds the target of the exporter at this IP address and port. If several jobs scrape it, the
   * last one is returned.
   */
  at(address: string, port: number): Target | undefined {
    return this.onHost(address).findLast((target) => target.port === port);
  }

  /** All targets of this IP address, including those that the configuration gives by host name. */
  onHost(address: string): readonly Target[] {
    const canonical = canonicalAddress(address) ?? address;
    const hosts = [...this.parts.namesOf(address), canonical];
    return hosts.flatMap((host) => this.byHost.get(host) ?? []);
  }

  /**
   * True when the target named by `instance` and `job` sends nothing at present: it is down, or it
   * has not been scraped since the start. Labels without `instance`, and labels of removed targets,
   * are not silent.
   */
  isSilent(labels: Labels): boolean {
    if (!labels.has("instance")) return false;
    const id = this.idOfLabels.get(labelsKey(labels));
    const health = id === undefined ? undefined : this.parts.healthOf(id);
    if (health !== undefined) return health !== "up";
    return this.parts.clock.monotonicMs() - this.startedMs < START_GRACE_MS;
  }
}

const labelsKey = (labels: Labels): string => `${labels.get("job")} ${labels.get("instance")}`;
