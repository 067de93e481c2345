import type { Relabeling } from "../fleet/relabeling.js";
import type { HttpClientSettings } from "../fleet/http-client-config.js";
import type { ScrapeSettings } from "../fleet/target.js";
import type { RangeExpression } from "./range-expression.js";
import type { TargetGroup } from "./target-group.js";

/** One entry of `scrape_configs`, checked, with every default filled in and every file it names read. */
export interface ScrapeJob {
  readonly settings: ScrapeSettings;
  readonly scheme: "http" | "https";
  /** Begins with `/`. */
  readonly metricsPath: string;
  readonly params: Readonly<Record<string, readonly string[]>>;
  readonly relabeling: Relabeling;
  /** 0 means no limit. */
  readonly targetLimit: number;
  readonly staticGroups: readonly TargetGroup[];
  readonly fileDiscoveries: readonly FileDiscovery[];
  readonly httpDiscoveries: readonly HttpDiscovery[];
  readonly ranges: readonly RangeDiscovery[];
}

export interface FileDiscovery {
  /** Absolute; the last part may hold `*`. */
  readonly patterns: readonly string[];
  readonly refreshMs: number;
}

export interface HttpDiscovery {
  readonly url: string;
  readonly refreshMs: number;
  readonly client: HttpClientSettings;
}

export interface RangeDiscovery {
  readonly hosts: readonly RangeExpression[];
  readonly port: number;
  readonly labels: Readonly<Record<string, string>>;
}

/** How ranges are looked through; one budget for all of them. */
export interface ProbeSettings {
  readonly probesPerSecond: number;
  /** Probes under way at once. */
  readonly concurrency: number;
  readonly timeoutMs: number;
  /** A silent candidate is asked again after this time, then after twice as long, and so on. */
  readonly firstRetryMs: number;
  readonly lastRetryMs: number;
  /** Candidates of all ranges together. */
  readonly maxCandidates: number;
}
