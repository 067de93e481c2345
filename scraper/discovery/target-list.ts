import type { Labels } from "../../exporter/shared/model/labels.js";
import type { Target } from "../fleet/target.js";
import { MAX_REPORTED } from "./range-catalog.js";
import type { ScrapeJob } from "./scrape-job.js";
import type { TargetBuilder } from "./target-builder.js";
import type { TargetGroup } from "./target-group.js";

export interface DroppedTarget {
  readonly discoveredLabels: Labels;
  readonly jobName: string;
}

/** A target that is not scraped, with the reason. */
export interface RefusedTarget {
  /** `host:port`, or the discovered text if it is not an address. */
  readonly address: string;
  readonly jobName: string;
  readonly reason: string;
}

/** The current result of discovery. Lists are bounded, counts are not. */
export interface TargetList {
  readonly targets: readonly Target[];
  readonly dropped: readonly DroppedTarget[];
  readonly droppedCount: number;
  readonly refused: readonly RefusedTarget[];
  readonly refusedCount: number;
}

export interface JobGroups {
  readonly job: ScrapeJob;
  readonly builder: TargetBuilder;
  readonly groups: readonly TargetGroup[];
}

export interface TargetListRules {
  /** Addresses of a host name, as far as they are known. */
  readonly addressesOf: (name: string) => readonly string[];
  /** The endpoint under which the Pi behind this one is known, if it is another one. */
  readonly supersededBy: (host: string, port: number) => string | undefined;
}

/**
 * Builds the list of targets from everything that was found. Each target occurs once. A host that a
 * range found gives way to a configured target, to another name and to another address of the same
 * host.
 */
export function buildTargetList(jobs: readonly JobGroups[], rules: TargetListRules): TargetList {
  const draft = new Draft(rules);
  for (const entry of jobs) draft.add(entry, (group) => !group.isFromRange);
  for (const entry of jobs) draft.add(entry, (group) => group.isFromRange);
  return draft.finish();
}

class Draft {
  private readonly byId = new Map<string, Target>();
  private readonly byUrl = new Map<string, Target>();
  private readonly countByJob = new Map<ScrapeJob, number>();
  private readonly dropped: DroppedTarget[] = [];
  private readonly refused: RefusedTarget[] = [];
  private droppedCount = 0;
  private refusedCount = 0;

  constructor(private readonly rules: TargetListRules) {}

  add({ job, builder, groups }: JobGroups, isWanted: (group: TargetGroup) => boolean): void {
    for (const group of groups) {
      if (!isWanted(group)) continue;
      for (const built of builder.build(group)) {
        const { jobName } = job.settings;
        if (built.kind === "target") this.addTarget(built.target, job, group.isFromRange);
        else if (built.kind === "dropped")
          this.drop({ discoveredLabels: built.discoveredLabels, jobName });
        else
          this.refuse({
            address: built.discoveredLabels.get("__address__"),
            jobName,
            reason: built.reason,
          });
      }
    }
  }

  finish(): TargetList {
    const { dropped, droppedCount, refused, refusedCount } = this;
    return { targets: [...this.byId.values()], dropped, droppedCount, refused, refusedCount };
  }

  private addTarget(target: Target, job: ScrapeJob, isFromRange: boolean): void {
    if (this.byId.has(target.id)) return;
    const reason =
      (isFromRange ? this.duplicateReason(target) : undefined) ?? this.limitReason(job);
    if (reason !== undefined) {
      this.refuse({ address: addressOf(target), jobName: job.settings.jobName, reason });
      return;
    }
    this.byId.set(target.id, target);
    for (const url of this.urlsOf(target)) if (!this.byUrl.has(url)) this.byUrl.set(url, target);
    this.countByJob.set(job, (this.countByJob.get(job) ?? 0) + 1);
  }

  private duplicateReason(target: Target): string | undefined {
    for (const url of this.urlsOf(target)) {
      const other = this.byUrl.get(url);
      if (other !== undefined)
        return `job ${other.settings.jobName} has it already as ${addressOf(other)}`;
    }
    const holder = this.rules.supersededBy(target.host, target.port);
    return holder === undefined ? undefined : `the same Pi is known as ${holder}`;
  }

  private limitReason(job: ScrapeJob): string | undefined {
    if (job.targetLimit === 0 || (this.countByJob.get(job) ?? 0) < job.targetLimit)
      return undefined;
    return `job ${job.settings.jobName} has target_limit (${job.targetLimit}) targets already`;
  }

  /** Its URL, and its URL with the name replaced by each of its addresses. */
  private urlsOf({ url, host }: Target): string[] {
    const addresses = this.rules.addressesOf(host);
    return [
      url,
      ...addresses.map((address) =>
        url.replace(`//${host}:`, `//${address.includes(":") ? `[${address}]` : address}:`),
      ),
    ];
  }

  private drop(target: DroppedTarget): void {
    this.droppedCount++;
    if (this.dropped.length < MAX_REPORTED) this.dropped.push(target);
  }

  private refuse(target: RefusedTarget): void {
    this.refusedCount++;
    if (this.refused.length < MAX_REPORTED) this.refused.push(target);
  }
}

const addressOf = ({ labels, url }: Target): string =>
  labels.get("__address__") || new URL(url).host;
