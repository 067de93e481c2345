import path from "node:path";
import type { ConfigSection } from "../../exporter/shared/config/config-section.js";
import { formatDurationMs } from "../../exporter/shared/model/duration.js";
import type { Files } from "../../exporter/shared/platform/files.js";
import { parseHostPort } from "../fleet/ip-address.js";
import { readHttpClient, rejectUnsupported } from "../http-client/http-client-config.js";
import { parseRelabelConfigs } from "../fleet/relabel-config.js";
import { compileRelabeling } from "../fleet/relabeling.js";
import { parseRangeExpression } from "./range-expression.js";
import type { FileDiscovery, HttpDiscovery, RangeDiscovery, ScrapeJob } from "./scrape-job.js";
import { parseTargetGroup, type TargetGroup } from "./target-group.js";

export const DEFAULT_EXPORTER_PORT = 8732;
export const INTERVAL_BOUNDS = { min: "100ms", max: "1d" } as const;

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
export interface ScrapeDefaults {
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly limits: ScrapeLimits;
}

export const NO_LIMITS: ScrapeLimits = {
  bodySizeLimitBytes: 0,
  sampleLimit: 0,
  targetLimit: 0,
  labelLimit: 0,
  labelNameLengthLimit: 0,
  labelValueLengthLimit: 0,
};

/** Place of the files that a configuration names. */
export interface ConfigFolder {
  readonly files: Files;
  /** Base of relative paths. */
  readonly folder: string;
}

/** Kinds of service discovery that Prometheus supports and this project does not. */
const UNSUPPORTED_DISCOVERY = [
  "azure",
  "consul",
  "digitalocean",
  "dns",
  "docker",
  "dockerswarm",
  "ec2",
  "eureka",
  "gce",
  "hetzner",
  "ionos",
  "kubernetes",
  "kuma",
  "lightsail",
  "linode",
  "marathon",
  "nerve",
  "nomad",
  "openstack",
  "ovhcloud",
  "puppetdb",
  "scaleway",
  "serverset",
  "triton",
  "uyuni",
  "vultr",
].map((kind) => `${kind}_sd_configs`);
const UNSUPPORTED_KEYS = [
  "track_timestamps_staleness",
  "scrape_classic_histograms",
  "scrape_protocols",
  "native_histogram_bucket_limit",
  "keep_dropped_targets",
  "enable_compression",
  "metric_name_validation_scheme",
];

/** @throws {ConfigError} naming file, line and key */
export async function parseScrapeJob(
  section: ConfigSection,
  defaults: ScrapeDefaults,
  place: ConfigFolder,
): Promise<ScrapeJob> {
  rejectUnsupported(section, [...UNSUPPORTED_DISCOVERY, ...UNSUPPORTED_KEYS]);
  const jobName = parseJobName(section);
  const times = parseIntervals(section, defaults);
  const limits = parseLimits(section, defaults.limits);
  const client = await readHttpClient(section, place.files, place.folder);
  const relabelConfigs = parseRelabelConfigs(section, "relabel_configs");
  const job: ScrapeJob = {
    settings: Object.freeze({
      jobName,
      ...times,
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
    scheme: section.oneOf("scheme", ["http", "https"], { default: "http" }),
    metricsPath: section.string("metrics_path", {
      default: "/metrics",
      pattern: /^\/\S*$/,
      expected: "a path that begins with /",
    }),
    params: parseParams(section),
    relabeling: compileRelabeling(relabelConfigs),
    targetLimit: limits.targetLimit,
    staticGroups: parseStaticGroups(section, relabelConfigs.length > 0),
    fileDiscoveries: section
      .sections("file_sd_configs")
      .map((entry) => parseFileDiscovery(entry, place.folder)),
    httpDiscoveries: await parseAll(section.sections("http_sd_configs"), (entry) =>
      parseHttpDiscovery(entry, place),
    ),
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

/**
 * Reads interval and timeout. Without a configured timeout, it is at most the interval.
 *
 * @throws {ConfigError} when the timeout is longer than the interval
 */
export function parseIntervals(
  section: ConfigSection,
  defaults: { readonly intervalMs: number; readonly timeoutMs: number },
): { intervalMs: number; timeoutMs: number } {
  const [defaultInterval, defaultTimeout] = [
    formatDurationMs(defaults.intervalMs),
    formatDurationMs(defaults.timeoutMs),
  ];
  const intervalMs = section.durationMs("scrape_interval", {
    default: defaultInterval,
    ...INTERVAL_BOUNDS,
  });
  if (!section.has("scrape_timeout")) {
    return { intervalMs, timeoutMs: Math.min(defaults.timeoutMs, intervalMs) };
  }
  const timeoutMs = section.durationMs("scrape_timeout", {
    default: defaultTimeout,
    ...INTERVAL_BOUNDS,
  });
  if (timeoutMs > intervalMs) {
    const [timeout, interval] = [formatDurationMs(timeoutMs), formatDurationMs(intervalMs)];
    section.fail(
      "scrape_timeout",
      `is ${timeout}, it must be at most scrape_interval (${interval})`,
    );
  }
  return { intervalMs, timeoutMs };
}

export function parseLimits(section: ConfigSection, defaults: ScrapeLimits): ScrapeLimits {
  const count = (key: string, fallback: number): number =>
    section.integer(key, { default: fallback, min: 0, max: 1e9 });
  return {
    bodySizeLimitBytes: section.byteSize("body_size_limit", {
      default: String(defaults.bodySizeLimitBytes),
    }),
    sampleLimit: count("sample_limit", defaults.sampleLimit),
    targetLimit: count("target_limit", defaults.targetLimit),
    labelLimit: count("label_limit", defaults.labelLimit),
    labelNameLengthLimit: count("label_name_length_limit", defaults.labelNameLengthLimit),
    labelValueLengthLimit: count("label_value_length_limit", defaults.labelValueLengthLimit),
  };
}

function parseParams(section: ConfigSection): Record<string, string[]> {
  const params = section.section("params");
  return Object.fromEntries(params.keys().map((name) => [name, params.strings(name)]));
}

/** Without relabelling, an address is used unchanged, so it can be checked here. */
export function parseStaticGroups(section: ConfigSection, isRelabeled: boolean): TargetGroup[] {
  return section.sections("static_configs").map((entry) => {
    const group = parseTargetGroup(entry);
    const bad = isRelabeled
      ? undefined
      : group.targets.find((target) => parseHostPort(target) === undefined);
    if (bad === undefined) return group;
    return entry.fail(
      "targets",
      `holds ${JSON.stringify(bad)}, it must be host or host:port without a scheme or path`,
    );
  });
}

function parseFileDiscovery(section: ConfigSection, folder: string): FileDiscovery {
  const patterns = section.strings("files");
  const refreshMs = section.durationMs("refresh_interval", { default: "5m", min: "1s", max: "1d" });
  section.rejectUnknownKeys();
  const bad = patterns.find((pattern) => !/^[^*]*(\*[^/*]*)*\.(json|yml|yaml)$/i.test(pattern));
  if (bad !== undefined) {
    section.fail(
      "files",
      `holds ${JSON.stringify(bad)}, it must end in .json, .yml or .yaml with * in its last part only`,
    );
  }
  return { patterns: patterns.map((pattern) => path.resolve(folder, pattern)), refreshMs };
}

async function parseHttpDiscovery(
  section: ConfigSection,
  place: ConfigFolder,
): Promise<HttpDiscovery> {
  const client = await readHttpClient(section, place.files, place.folder);
  const refreshMs = section.durationMs("refresh_interval", { default: "1m", min: "1s", max: "1d" });
  const url = parseUrl(section, "url");
  section.rejectUnknownKeys();
  return { url, refreshMs, client };
}

/**
 * An http or https URL without user and password, which have their own keys and are kept out of
 * messages.
 */
function parseUrl(section: ConfigSection, key: string): string {
  const text = section.string(key);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (
    url === undefined ||
    (url.protocol !== "http:" && url.protocol !== "https:") ||
    url.hostname === ""
  ) {
    return section.fail(key, "is no URL, it must begin with http:// or https://");
  }
  if (url.username !== "" || url.password !== "") {
    section.fail(key, "holds a user, it must be given as basic_auth");
  }
  return text;
}

function parseRangeDiscovery(section: ConfigSection): RangeDiscovery {
  const texts = section.strings("hosts");
  if (texts.length === 0)
    section.fail("hosts", "is empty, it must name at least one address, range or host");
  const range: RangeDiscovery = {
    hosts: texts.map((text) => section.attempt("hosts", () => parseRangeExpression(text))),
    port: section.integer("port", { default: DEFAULT_EXPORTER_PORT, min: 1, max: 65_535 }),
    labels: parseRangeLabels(section),
  };
  section.rejectUnknownKeys();
  return range;
}

/** The rules for labels are the same as in `static_configs`. */
function parseRangeLabels(section: ConfigSection): Readonly<Record<string, string>> {
  const labels = section.stringMap("labels");
  const bad = Object.keys(labels).find((name) => !/^[a-zA-Z_]\w*$/.test(name));
  if (bad !== undefined)
    section.fail("labels", `holds ${JSON.stringify(bad)}, it must be label names`);
  return labels;
}

async function parseAll<Result>(
  sections: readonly ConfigSection[],
  parse: (section: ConfigSection) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (const section of sections) results.push(await parse(section));
  return results;
}
