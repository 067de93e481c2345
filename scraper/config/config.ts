/**
 * The configuration file of the scraper: a path goes in, a frozen `ScraperConfig` comes out. It is
 * read at the start and at every reload.
 */
import path from "node:path";
import { ConfigSection } from "../../exporter/shared/config/config-section.js";
import { ConfigError, MAX_CONFIG_BYTES } from "../../exporter/shared/config/yaml-source.js";
import { messageOf } from "../../exporter/shared/model/errors.js";
import type { Labels } from "../../exporter/shared/model/labels.js";
import type { Files } from "../../exporter/shared/platform/files.js";
import { environment } from "../../exporter/shared/platform/process.js";
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
import { parseExternalLabels } from "./external-labels.js";
import { maskSecrets, renderConfigView } from "./config-view.js";
import type { DiscoveryConfig } from "../discovery/discovery-manager.js";
import { countCandidates } from "../discovery/range-catalog.js";
import type { ProbeSettings, ScrapeJob } from "../discovery/scrape-job.js";
import {
  ignoreGlobalKeys,
  ignoreRootSections,
  ignoreStorageSections,
} from "../discovery/ignored-keys.js";
import {
  checkInterval,
  NO_LIMITS,
  parseIntervals,
  parseLimits,
  parseScrapeJob,
  type ScrapeDefaults,
} from "../discovery/scrape-job-config.js";
import type { ConfigFolder } from "../discovery/config-folder.js";
import { parseScrapeProtocols } from "../discovery/scrape-protocols.js";
import { findFiles } from "../rule-engine/rules/load-rule-files.js";
import { type BackfillSettings, parseBackfillSettings } from "../backfill/backfill-settings.js";
import { rejectUnsupported } from "../http-client/http-client-config.js";
import type { HostLogSettings } from "../host-logs/host-log-settings.js";
import { convertOptionConfig, DEFAULT_TOKEN_FILE, isOptionConfig } from "./option-config.js";
import { parseQuerySettings, type QuerySettings } from "../promql/query/query-settings.js";
import { parseStorageSettings, type StorageSettings } from "../storage/model/storage-settings.js";

const DEFAULT_INTERVAL_MS = 15_000;
const BUILT_IN_INTERVALS = { intervalMs: DEFAULT_INTERVAL_MS, timeoutMs: 10_000, isBuiltIn: true };

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
  /** Keys that are accepted without an effect, and the like, each with its place. */
  readonly warnings: readonly string[];
}

export interface GlobalSettings extends ScrapeDefaults {
  readonly evaluationIntervalMs: number;
  /** How long before the evaluation time rules are evaluated, unless their group says it. */
  readonly ruleQueryOffsetMs: number;
  readonly externalLabels: Labels;
}

/** The configuration of the service, and an older one that is read while the first is missing. */
export const SERVICE_CONFIG_FILE = "/etc/pihealth/pihealthd.yml";
const OLDER_CONFIG_FILE = "/etc/pihealthd.conf";

/**
 * Reads a configuration file, in YAML or in the older form of one `Option=Value` per line.
 *
 * @throws {ConfigError} naming file, line, key, what it is and what it must be
 */
export async function loadScraperConfig(givenFile: string, files: Files): Promise<ScraperConfig> {
  const file = await existingConfigFile(givenFile, files);
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

async function existingConfigFile(file: string, files: Files): Promise<string> {
  if (path.resolve(file) !== SERVICE_CONFIG_FILE) return file;
  const exists = async (name: string): Promise<boolean> =>
    (await files.facts(name).catch(() => undefined)) !== undefined;
  return !(await exists(file)) && (await exists(OLDER_CONFIG_FILE)) ? OLDER_CONFIG_FILE : file;
}

async function convertOptions(text: string, file: string, files: Files): Promise<string> {
  const hasToken = (await files.facts(DEFAULT_TOKEN_FILE).catch(() => undefined)) !== undefined;
  return convertOptionConfig(text, file, { tokenFile: hasToken ? DEFAULT_TOKEN_FILE : undefined });
}

/**
 * @param file name for messages; its folder is the base of relative paths
 * @param files for the certificates and secrets that the text names
 * @param variables the environment, for `external_labels`
 * @throws {ConfigError} naming file, line and key
 */
export async function parseScraperConfig(
  text: string,
  file: string,
  files: Files,
  variables: Readonly<Record<string, string | undefined>> = environment(),
): Promise<ScraperConfig> {
  const yaml = isOptionConfig(text) ? await convertOptions(text, file, files) : text;
  const root = ConfigSection.parse(yaml, file);
  const place: ConfigFolder = { files, folder: path.dirname(path.resolve(file)) };
  rejectUnsupported(root, ["remote_write", "remote_read"]);
  ignoreRootSections(root);
  const global = parseGlobal(root.section("global"), variables);
  const discovery = parseProbes(root.section("discovery"));
  const fleet = parseFleet(root.section("fleet"), place.folder);
  const jobs = await parseScrapeConfigs(root, global, place);
  const config: ScraperConfig = {
    file,
    global,
    scrapeConfigs: jobs.scrapeConfigs,
    rulePatterns: parsePatterns(root, "rule_files", place.folder),
    alerting: await parseAlerting(root.section("alerting"), place),
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
    warnings: [],
  };
  root.rejectUnknownKeys();
  checkCandidates(root, config);
  return Object.freeze({ ...config, warnings: [...root.warnings, ...jobs.warnings] });
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

function parseGlobal(
  section: ConfigSection,
  variables: Readonly<Record<string, string | undefined>>,
): GlobalSettings {
  ignoreGlobalKeys(section);
  const global: GlobalSettings = {
    ...parseIntervals(section, BUILT_IN_INTERVALS),
    evaluationIntervalMs:
      section.durationMs("evaluation_interval", { default: "0s" }) || DEFAULT_INTERVAL_MS,
    ruleQueryOffsetMs: section.durationMs("rule_query_offset", { default: "0s" }),
    externalLabels: parseExternalLabels(section, variables),
    limits: parseLimits(section, NO_LIMITS),
    scrapeProtocols: parseScrapeProtocols(section, undefined),
  };
  checkInterval(section, "evaluation_interval", global.evaluationIntervalMs);
  section.rejectUnknownKeys();
  return global;
}

/** The jobs of the file, and of the files that `scrape_config_files` names. */
async function parseScrapeConfigs(
  root: ConfigSection,
  global: GlobalSettings,
  place: ConfigFolder,
): Promise<{ scrapeConfigs: readonly ScrapeJob[]; warnings: readonly string[] }> {
  const jobs = new Map<string, ScrapeJob>();
  const add = async (section: ConfigSection, from: ConfigFolder): Promise<void> => {
    const job = await parseScrapeJob(section, global, from);
    const { jobName } = job.settings;
    if (jobs.has(jobName)) {
      section.fail("job_name", `is ${JSON.stringify(jobName)} a second time, it must be unique`);
    }
    jobs.set(jobName, job);
  };
  for (const section of root.sections("scrape_configs")) await add(section, place);
  const warnings: string[] = [];
  for (const file of await findScrapeConfigFiles(root, place)) {
    const section = ConfigSection.parse(await place.files.readText(file), file);
    const from = { files: place.files, folder: path.dirname(file) };
    for (const entry of section.sections("scrape_configs")) await add(entry, from);
    section.rejectUnknownKeys();
    warnings.push(...section.warnings);
  }
  return { scrapeConfigs: [...jobs.values()], warnings };
}

async function findScrapeConfigFiles(root: ConfigSection, place: ConfigFolder): Promise<string[]> {
  const found = new Set<string>();
  for (const pattern of parsePatterns(root, "scrape_config_files", place.folder)) {
    const files = await findFiles(pattern, place.files);
    if (files.length === 0)
      root.warn("scrape_config_files", `names "${pattern}", which matches no file`);
    for (const file of files) found.add(file);
  }
  return [...found];
}

/** Absolute paths with wildcards in their last part only. */
function parsePatterns(root: ConfigSection, key: string, folder: string): string[] {
  const patterns = root.stringList(key, { default: [] });
  const bad = patterns.find((pattern) => pattern === "" || path.dirname(pattern).includes("*"));
  if (bad !== undefined) {
    root.fail(key, `holds ${JSON.stringify(bad)}, it must be paths with * in their last part only`);
  }
  return patterns.map((pattern) => path.resolve(folder, pattern));
}

function parseStorage(section: ConfigSection, folder: string): StorageSettings {
  ignoreStorageSections(section);
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
