import type { Relabeling } from "../fleet/relabeling.js";
import type { ScrapeSettings } from "../fleet/target.js";
import type { Discoveries } from "./discoveries-config.js";
import type { RangeExpression } from "./range-expression.js";
import type { TargetGroup } from "./target-group.js";

/**
 * One entry of `scrape_configs`, checked, with all defaults, and with the contents of its files.
 */
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
  readonly discoveries: Discoveries;
  readonly ranges: readonly RangeDiscovery[];
}

export interface RangeDiscovery {
  readonly hosts: readonly RangeExpression[];
  readonly port: number;
  readonly labels: Readonly<Record<string, string>>;
  /** An exporter at any other address that sends heartbeats belongs to this range, too. */
  readonly acceptsHeartbeats: boolean;
}

/** How ranges are probed. All of them share these limits. */
export interface ProbeSettings {
  readonly probesPerSecond: number;
  /** Most probes in flight. */
  readonly concurrency: number;
  readonly timeoutMs: number;
  /** A silent candidate is probed again after this time; the time doubles with each try. */
  readonly firstRetryMs: number;
  readonly lastRetryMs: number;
  /** Most candidates in all ranges. */
  readonly maxCandidates: number;
}
