import { formatHostPort } from "../fleet/ip-address.js";
import type { RangeDiscovery, ScrapeJob } from "./scrape-job.js";

/** An endpoint in a range, at which an exporter may listen. */
export interface Candidate {
  /** `host:port`. */
  readonly endpoint: string;
  readonly host: string;
  readonly port: number;
  readonly job: ScrapeJob;
  readonly range: RangeDiscovery;
}

/** This many refusals are listed; the rest is only counted. */
export const MAX_REPORTED = 1000;

/** Number of candidates in all ranges, without enumerating them. */
export function countCandidates(jobs: readonly ScrapeJob[]): number {
  const ranges = jobs.flatMap((job) => job.ranges);
  return ranges.flatMap(({ hosts }) => hosts).reduce((total, { size }) => total + size, 0);
}

/**
 * All candidates of all ranges, each once. An endpoint belongs to the first range that contains it.
 */
export class RangeCatalog {
  private readonly byEndpoint = new Map<string, Candidate>();
  /** Endpoints that a later range contains again, with the reason; the first `MAX_REPORTED`. */
  readonly duplicates: { readonly endpoint: string; readonly reason: string }[] = [];

  /** @param jobs must not have more candidates than memory allows: see `countCandidates` */
  constructor(private readonly jobs: readonly ScrapeJob[]) {
    for (const job of jobs) for (const range of job.ranges) this.addRange(job, range);
  }

  candidates(): IterableIterator<Candidate> {
    return this.byEndpoint.values();
  }

  get size(): number {
    return this.byEndpoint.size;
  }

  at(endpoint: string): Candidate | undefined {
    return this.byEndpoint.get(endpoint);
  }

  /** True when an exporter at this IP address belongs to a range, with any port. */
  contains(address: string): boolean {
    return this.jobs.some(({ ranges }) => ranges.some((range) => isIn(range, address)));
  }

  /**
   * The candidate for an exporter at this address.
   *
   * @param sendsHeartbeats it may then use a port of its own; otherwise a program that only answers
   * on another port, such as a target of a removed job, would become a target of the range
   */
  candidateFor(address: string, port: number, sendsHeartbeats: boolean): Candidate | undefined {
    const endpoint = formatHostPort(address, port);
    const listed = this.byEndpoint.get(endpoint);
    if (listed !== undefined || !sendsHeartbeats) return listed;
    for (const job of this.jobs) {
      const range = job.ranges.find((candidate) => isIn(candidate, address));
      if (range !== undefined) return { endpoint, host: address, port, job, range };
    }
    return undefined;
  }

  private addRange(job: ScrapeJob, range: RangeDiscovery): void {
    for (const expression of range.hosts) {
      for (const host of expression.hosts()) {
        const endpoint = formatHostPort(host, range.port);
        const first = this.byEndpoint.get(endpoint);
        if (first === undefined) {
          this.byEndpoint.set(endpoint, { endpoint, host, port: range.port, job, range });
        } else if (this.duplicates.length < MAX_REPORTED) {
          const reason = `it is in two ranges, job ${first.job.settings.jobName} has it`;
          this.duplicates.push({ endpoint, reason });
        }
      }
    }
  }
}

const isIn = ({ hosts, acceptsHeartbeats }: RangeDiscovery, address: string): boolean =>
  acceptsHeartbeats || hosts.some((range) => range.contains(address));
