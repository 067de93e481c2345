import type { ConfigSection } from "../../exporter/shared/config/config-section.js";
import { formatDurationMs } from "../../exporter/shared/model/duration.js";
import { isLabelName } from "../../exporter/shared/model/labels.js";
import { parseHostPort } from "../fleet/ip-address.js";
import { readHttpClient } from "../http-client/http-client-config.js";
import { parseRelabelConfigs } from "../fleet/relabel-config.js";
import { compileRelabeling } from "../fleet/relabeling.js";
import { parseRangeExpression } from "./range-expression.js";
import type { RangeDiscovery, ScrapeJob } from "./scrape-job.js";
import type { ConfigFolder } from "./config-folder.js";
import { parseDiscoveries } from "./discoveries-config.js";
import { ignoreJobKeys } from "./ignored-keys.js";
import { parseFallbackProtocol, parseScrapeProtocols } from "./scrape-protocols.js";
import { parseTargetGroup, type TargetGroup } from "./target-group.js";

export const DEFAULT_EXPORTER_PORT = 8732;
const SHORTEST_INTERVAL_MS = 100;
/** The default interval of Prometheus. A timeout up to it is fine for a file without an interval. */
const PROMETHEUS_INTERVAL_MS = 60_000;

/** Limits that `global` may set for every job; 0 means no limit. */
export interface ScrapeLimits {
  readonly bodySizeLimitBytes: number;
  readonly sampleLimit: number;
  readonly targetLimit: number;
  readonly labelLimit: number;
  readonly labelNameLengthLimit: number;
  readonly labelValueLengthLimit: number;
}

/** Values from `global` for jobs that do not set their own. */
export interface ScrapeDefaults extends IntervalDefaults {
  readonly limits: ScrapeLimits;
  /** The header Accept; undefined: the built-in one. */
  readonly scrapeProtocols: string | undefined;
}

export interface IntervalDefaults {
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** True when no file has set the interval. */
  readonly isBuiltIn: boolean;
}

export const NO_LIMITS: ScrapeLimits = {
  bodySizeLimitBytes: 0,
  sampleLimit: 0,
  targetLimit: 0,
  labelLimit: 0,
  labelNameLengthLimit: 0,
  labelValueLengthLimit: 0,
};

/** @throws {ConfigError} naming file, line and key */
export async function parseScrapeJob(
  section: ConfigSection,
  defaults: ScrapeDefaults,
  place: ConfigFolder,
): Promise<ScrapeJob> {
  ignoreJobKeys(section);
  const jobName = parseJobName(section);
  const times = parseIntervals(section, defaults);
  const limits = parseLimits(section, defaults.limits);
  const client = await readHttpClient(section, place.files, place.folder);
  const relabelConfigs = parseRelabelConfigs(section, "relabel_configs");
  const job: ScrapeJob = {
    settings: Object.freeze({
      jobName,
      intervalMs: times.intervalMs,
      timeoutMs: times.timeoutMs,
      accept: parseScrapeProtocols(section, defaults.scrapeProtocols),
      fallbackFormat: parseFallbackProtocol(section),
      usesCompression: section.boolean("enable_compression", { default: true }),
      honorLabels: section.boolean("honor_labels", { default: false }),
      honorTimestamps: section.boolean("honor_timestamps", { default: true }),
      bodySizeLimitBytes: limits.bodySizeLimitBytes,
      sampleLimit: limits.sampleLimit,
      labelLimit: limits.labelLimit,
      labelNameLengthLimit: limits.labelNameLengthLimit,
      labelValueLengthLimit: limits.labelValueLengthLimit,
      metricRelabeling: compileRelabeling(parseRelabelConfigs(section, "metric_relabel_configs")),
      ...client,
    }),
    scheme: parseScheme(section),
    metricsPath: section.string("metrics_path", { default: "/metrics" }),
    params: parseParams(section),
    relabeling: compileRelabeling(relabelConfigs),
    targetLimit: limits.targetLimit,
    staticGroups: parseStaticGroups(section, relabelConfigs.length > 0),
    discoveries: await parseDiscoveries(section, place),
    ranges: section.sections("range_sd_configs").map(parseRangeDiscovery),
  };
  section.rejectUnknownKeys();
  return Object.freeze(job);
}

function parseJobName(section: ConfigSection): string {
  const jobName = section.string("job_name");
  if (jobName === "") section.fail("job_name", "is empty, it must be a name");
  return jobName;
}

function parseScheme(section: ConfigSection): "http" | "https" {
  const scheme = section.string("scheme", { default: "http" }).toLowerCase();
  if (scheme === "http" || scheme === "https") return scheme;
  return section.fail("scheme", `is ${JSON.stringify(scheme)}, it must be one of http, https`);
}

/**
 * Reads interval and timeout; 0 is as if the key were missing. Without a configured timeout, it is
 * at most the interval. Where no file sets the interval, a longer timeout makes it as long.
 *
 * @throws {ConfigError} when the timeout is longer than the interval
 */
export function parseIntervals(
  section: ConfigSection,
  defaults: IntervalDefaults,
): IntervalDefaults {
  const givenMs = section.durationMs("scrape_interval", { default: "0s" });
  const timeoutMs = section.durationMs("scrape_timeout", { default: "0s" });
  const isBuiltIn = defaults.isBuiltIn && givenMs === 0;
  const intervalMs =
    isBuiltIn && timeoutMs <= PROMETHEUS_INTERVAL_MS
      ? Math.max(defaults.intervalMs, timeoutMs)
      : givenMs || defaults.intervalMs;
  checkInterval(section, "scrape_interval", intervalMs);
  if (timeoutMs === 0) {
    return { intervalMs, timeoutMs: Math.min(defaults.timeoutMs, intervalMs), isBuiltIn };
  }
  checkInterval(section, "scrape_timeout", timeoutMs);
  if (timeoutMs > intervalMs) {
    const [timeout, interval] = [formatDurationMs(timeoutMs), formatDurationMs(intervalMs)];
    section.fail(
      "scrape_timeout",
      `is ${timeout}, it must be at most scrape_interval (${interval})`,
    );
  }
  return { intervalMs, timeoutMs, isBuiltIn };
}

/** @throws {ConfigError} when the duration is too short to keep up with */
export function checkInterval(section: ConfigSection, key: string, durationMs: number): void {
  if (durationMs >= SHORTEST_INTERVAL_MS) return;
  const shortest = formatDurationMs(SHORTEST_INTERVAL_MS);
  section.fail(key, `is ${formatDurationMs(durationMs)}, it must be at least ${shortest}`);
}

/** A limit of 0 is as if the key were missing: the one of `global` applies. */
export function parseLimits(section: ConfigSection, defaults: ScrapeLimits): ScrapeLimits {
  const count = (key: string, fallback: number): number =>
    section.integer(key, { default: 0, min: 0, truncates: true }) || fallback;
  return {
    bodySizeLimitBytes: parseBodySize(section) || defaults.bodySizeLimitBytes,
    sampleLimit: count("sample_limit", defaults.sampleLimit),
    targetLimit: count("target_limit", defaults.targetLimit),
    labelLimit: count("label_limit", defaults.labelLimit),
    labelNameLengthLimit: count("label_name_length_limit", defaults.labelNameLengthLimit),
    labelValueLengthLimit: count("label_value_length_limit", defaults.labelValueLengthLimit),
  };
}

/** As in Prometheus, a size has a unit, other than sizes elsewhere in this file. */
function parseBodySize(section: ConfigSection): number {
  const text = section.string("body_size_limit", { default: "0" });
  if (text !== "0" && /\d$/.test(text)) {
    section.fail("body_size_limit", `is ${text}, it must have a unit, such as 512KB or 30MB`);
  }
  return section.byteSize("body_size_limit", { default: "0" });
}

function parseParams(section: ConfigSection): Record<string, string[]> {
  const params = section.section("params");
  return Object.fromEntries(
    params.keys().map((name) => [name, params.stringList(name, { default: [] })]),
  );
}

/** Without relabelling, an address is used unchanged, so it can be checked here. */
export function parseStaticGroups(section: ConfigSection, isRelabeled: boolean): TargetGroup[] {
  return section.sections("static_configs").map((entry) => {
    const group = parseTargetGroup(entry);
    const bad = isRelabeled
      ? undefined
      : group.targets.find((target) => parseHostPort(target) === undefined);
    if (bad === undefined) return group;
    const problem = `holds ${JSON.stringify(bad)}, it must be host or host:port`;
    if (bad.includes("/")) return entry.fail("targets", `${problem} without a scheme or path`);
    entry.warn("targets", `${problem}: the target is refused`);
    return group;
  });
}

function parseRangeDiscovery(section: ConfigSection): RangeDiscovery {
  const texts = section.strings("hosts");
  if (texts.length === 0)
    section.fail("hosts", "is empty, it must name at least one address, range or host");
  const range: RangeDiscovery = {
    hosts: texts.map((text) => section.attempt("hosts", () => parseRangeExpression(text))),
    port: section.integer("port", { default: DEFAULT_EXPORTER_PORT, min: 1, max: 65_535 }),
    labels: parseRangeLabels(section),
    acceptsHeartbeats: section.boolean("accept_heartbeats", { default: false }),
  };
  section.rejectUnknownKeys();
  return range;
}

/** The rules for labels are the same as in `static_configs`. */
function parseRangeLabels(section: ConfigSection): Readonly<Record<string, string>> {
  const labels = section.stringMap("labels");
  const bad = Object.keys(labels).find((name) => !isLabelName(name));
  if (bad !== undefined)
    section.fail("labels", `holds ${JSON.stringify(bad)}, it must be label names`);
  return labels;
}
