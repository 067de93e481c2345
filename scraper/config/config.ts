/**
 * The configuration file of the scraper: a path goes in, a frozen `ScraperConfig` comes out. It is
 * read at the start and at every reload.
 */
import path from "node:path";
import { ConfigSection } from "../../exporter/shared/config/config-section.js";
import { ConfigError, MAX_CONFIG_BYTES } from "../../exporter/shared/config/yaml-source.js";
import { formatDurationMs } from "../../exporter/shared/model/duration.js";
import { messageOf } from "../../exporter/shared/model/errors.js";
import { isLegacyLabelName, Labels } from "../../exporter/shared/model/labels.js";
import type { Files } from "../../exporter/shared/platform/files.js";
import {
  type AlertingSettings,
  type FleetSettings,
  type LogSettings,
  optionalPath,
  parseAlerting,
  parseFleet,
  parseHostLogs,
  parseLog,
  parsePools,
  parseProbes,
  parseRules,
  parseWeb,
  type RuleSettings,
  type WebSettings,
} from "./config-sections.js";
import { maskSecrets, renderConfigView } from "./config-view.js";
import type { DiscoveryConfig } from "../discovery/discovery-manager.js";
import { countCandidates } from "../discovery/range-catalog.js";
import type { ProbeSettings, ScrapeJob } from "../discovery/scrape-job.js";
import {
  type ConfigFolder,
  INTERVAL_BOUNDS,
  NO_LIMITS,
  parseIntervals,
  parseLimits,
  parseScrapeJob,
  type ScrapeDefaults,
} from "../discovery/scrape-job-config.js";
import { type BackfillSettings, parseBackfillSettings } from "../backfill/backfill-settings.js";
import { rejectUnsupported } from "../http-client/http-client-config.js";
import type { HostLogSettings } from "../host-logs/host-log-settings.js";
import { convertOptionConfig, isOptionConfig } from "./option-config.js";
import { parseQuerySettings, type QuerySettings } from "../promql/query/query-settings.js";
import { parseStorageSettings, type StorageSettings } from "../storage/model/storage-settings.js";

const DEFAULT_INTERVAL_MS = 15_000;
const DEFAULT_TIMEOUT_MS = 10_000;

/**
 * The configuration of the scraper: checked, with all defaults, in internal units and with absolute
 * paths.
 */
export interface ScraperConfig {
  readonly file: string;
  readonly global: GlobalSettings;
  readonly scrapeConfigs: readonly ScrapeJob[];
  /** Absolute paths with `*` in the last part only. */
  readonly rulePatterns: readonly string[];
  readonly alerting: AlertingSettings;
  readonly pools: number;
  readonly storage: StorageSettings;
  /** Path of the `alertmanager.yml` with routes and receivers. */
  readonly notificationsFile: string | undefined;
  readonly fleet: FleetSettings;
  readonly rules: RuleSettings;
  readonly discovery: ProbeSettings;
  readonly hostLogs: HostLogSettings;
  readonly backfill: BackfillSettings;
  readonly query: QuerySettings;
  readonly web: WebSettings;
  readonly log: LogSettings;
  /** The content of the file with masked secrets, for `renderConfig`. */
  readonly view: unknown;
}

export interface GlobalSettings extends ScrapeDefaults {
  readonly evaluationIntervalMs: number;
  readonly externalLabels: Labels;
}

/**
 * Reads a configuration file, in YAML or in the older form of one `Option=Value` per line.
 *
 * @throws {ConfigError} naming file, line, key, what it is and what it must be
 */
export async function loadScraperConfig(file: string, files: Files): Promise<ScraperConfig> {
  let text: string;
  try {
    const facts = await files.facts(file);
    if (facts !== undefined && facts.sizeBytes > MAX_CONFIG_BYTES) {
      throw new ConfigError(
        file,
        undefined,
        `it has ${facts.sizeBytes} bytes, it must have at most ${MAX_CONFIG_BYTES}`,
      );
    }
    text = await files.readText(file);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(file, undefined, messageOf(error), { cause: error });
  }
  return parseScraperConfig(text, file, files);
}

/**
 * @param file name for messages; its folder is the base of relative paths
 * @param files for the certificates and secrets that the text names
 * @throws {ConfigError} naming file, line and key
 */
export async function parseScraperConfig(
  text: string,
  file: string,
  files: Files,
): Promise<ScraperConfig> {
  const yaml = isOptionConfig(text) ? convertOptionConfig(text, file) : text;
  const root = ConfigSection.parse(yaml, file);
  const place: ConfigFolder = { files, folder: path.dirname(path.resolve(file)) };
  rejectUnsupported(root, [
    "remote_write",
    "remote_read",
    "tracing",
    "scrape_config_files",
    "otlp",
    "runtime",
  ]);
  const global = parseGlobal(root.section("global"));
  const discovery = parseProbes(root.section("discovery"));
  const fleet = parseFleet(root.section("fleet"), place.folder);
  const config: ScraperConfig = {
    file,
    global,
    scrapeConfigs: await parseScrapeConfigs(root, global, place),
    rulePatterns: parseRulePatterns(root, place.folder),
    alerting: parseAlerting(root.section("alerting")),
    pools: parsePools(root),
    storage: parseStorage(root.section("storage"), place.folder),
    notificationsFile: parseNotifications(root.section("notifications"), place.folder),
    fleet,
    rules: parseRules(root.section("rules")),
    discovery,
    hostLogs: parseHostLogs(root.section("host_logs")),
    backfill: parseBackfillSettings(root.section("backfill")),
    query: parseQuerySettings(root.section("query")),
    web: parseWeb(root.section("web"), place.folder, fleet.tokenFile !== undefined),
    log: parseLog(root.section("log"), place.folder),
    view: maskSecrets(root.toObject()),
  };
  root.rejectUnknownKeys();
  checkCandidates(root, config);
  return Object.freeze(config);
}

/** The configuration as YAML for `/api/v1/status/config`, with `<secret>` for each secret. */
export function renderConfig(config: ScraperConfig): string {
  return renderConfigView(config.view);
}

/** The part that discovery reads. */
export function discoveryConfigOf({
  scrapeConfigs,
  discovery,
  fleet,
}: ScraperConfig): DiscoveryConfig {
  return { jobs: scrapeConfigs, probes: discovery, forgetAfterMs: fleet.forgetAfterMs };
}

function parseGlobal(section: ConfigSection): GlobalSettings {
  rejectUnsupported(section, [
    "query_log_file",
    "scrape_failure_log_file",
    "scrape_protocols",
    "keep_dropped_targets",
  ]);
  const times = parseIntervals(section, {
    intervalMs: DEFAULT_INTERVAL_MS,
    timeoutMs: DEFAULT_TIMEOUT_MS,
  });
  const evaluationIntervalMs = section.durationMs("evaluation_interval", {
    default: formatDurationMs(DEFAULT_INTERVAL_MS),
    ...INTERVAL_BOUNDS,
  });
  const externalLabels = section.stringMap("external_labels");
  const bad = Object.keys(externalLabels).find((name) => !isLegacyLabelName(name));
  if (bad !== undefined) {
    section.fail("external_labels", `holds ${JSON.stringify(bad)}, it must be label names`);
  }
  const limits = parseLimits(section, NO_LIMITS);
  section.rejectUnknownKeys();
  return { ...times, evaluationIntervalMs, externalLabels: Labels.of(externalLabels), limits };
}

async function parseScrapeConfigs(
  root: ConfigSection,
  global: GlobalSettings,
  place: ConfigFolder,
): Promise<ScrapeJob[]> {
  const jobs: ScrapeJob[] = [];
  const names = new Set<string>();
  for (const section of root.sections("scrape_configs")) {
    const job = await parseScrapeJob(section, global, place);
    const { jobName } = job.settings;
    if (names.has(jobName)) {
      section.fail("job_name", `is ${JSON.stringify(jobName)} a second time, it must be unique`);
    }
    names.add(jobName);
    jobs.push(job);
  }
  return jobs;
}

function parseRulePatterns(root: ConfigSection, folder: string): string[] {
  const patterns = root.strings("rule_files", { default: [] });
  const bad = patterns.find((pattern) => pattern === "" || path.dirname(pattern).includes("*"));
  if (bad !== undefined) {
    root.fail(
      "rule_files",
      `holds ${JSON.stringify(bad)}, it must be paths with * in their last part only`,
    );
  }
  return patterns.map((pattern) => path.resolve(folder, pattern));
}

function parseStorage(section: ConfigSection, folder: string): StorageSettings {
  const settings = parseStorageSettings(section);
  return Object.freeze({ ...settings, path: path.resolve(folder, settings.path) });
}

function parseNotifications(section: ConfigSection, folder: string): string | undefined {
  const file = optionalPath(section, "config", folder);
  section.rejectUnknownKeys();
  return file;
}

function checkCandidates(root: ConfigSection, { scrapeConfigs, discovery }: ScraperConfig): void {
  const count = countCandidates(scrapeConfigs);
  if (count <= discovery.maxCandidates) return;
  const limit = `discovery.max_candidates (${discovery.maxCandidates})`;
  root.fail(
    "scrape_configs",
    `has range_sd_configs with ${count} candidates, it must be at most ${limit}`,
  );
}
