/**
 * The configuration file of the exporter: a path goes in, a frozen `ExporterConfig` comes out. It
 * is
 * read once, at the start.
 */
import path from "node:path";
import {
  parseCollectorSettings,
  type CollectorSettings,
} from "../collectors/collector-settings.js";
import type { CustomCommand } from "../collectors/custom.js";
import { ConfigSection } from "../shared/config/config-section.js";
import { ConfigError } from "../shared/config/yaml-source.js";
import { codeOf, messageOf } from "../shared/model/errors.js";
import { formatDurationMs } from "../shared/model/duration.js";
import type { Files } from "../shared/platform/files.js";
import { LOG_LEVELS, type LogLevel } from "../shared/platform/logger.js";
import { parseHistorySettings, type HistorySettings } from "../history/history-settings.js";
import { DEFAULT_SOURCE_PATHS, resolveSourcePath, type SourcePaths } from "../sources/sources.js";
import { parseMasterUrl } from "../uplink/master-url.js";

/** Read when no other file is named; it need not exist. */
export const DEFAULT_CONFIG_FILE = "/etc/pihealth/exporter.yml";
export const DEFAULT_EXPORTER_PORT = 8732;
const DEFAULT_STATE_FOLDER = "/var/lib/pihealth-exporter";
const MAX_MASTERS = 8;
const MAX_CUSTOM_COLLECTORS = 32;

export interface ListenConfig {
  readonly address: string;
  readonly port: number;
}

export interface CollectorConfig {
  readonly enabled: boolean;
  readonly intervalMs: number;
  /** A run that takes longer fails. */
  readonly deadlineMs: number;
}

/** A collector that runs a command of the user. */
export interface CustomCollectorConfig extends CustomCommand {
  readonly intervalMs: number;
  /** A run that takes longer is ended and fails. */
  readonly deadlineMs: number;
}

export interface UplinkConfig {
  /** Addresses without a slash at the end; empty: the exporter is only scraped. */
  readonly masters: readonly string[];
  readonly tokenFile: string | undefined;
  /** PEM file of the authority that signs the masters' certificates. */
  readonly caFile: string | undefined;
  readonly heartbeatIntervalMs: number;
}

export interface AlarmsConfig {
  readonly enabled: boolean;
  /** Interval at which an alarm is sent again while it lasts. */
  readonly resendIntervalMs: number;
}

export interface ExporterConfig {
  readonly listen: ListenConfig;
  readonly webConfigFile: string | undefined;
  readonly stateFolder: string;
  readonly paths: SourcePaths;
  /** Every built-in collector, by name. */
  readonly collectors: Readonly<Record<string, CollectorConfig>>;
  readonly customCollectors: readonly CustomCollectorConfig[];
  readonly collectorSettings: CollectorSettings;
  readonly uplink: UplinkConfig;
  readonly alarms: AlarmsConfig;
  readonly history: HistorySettings;
  readonly logLevel: LogLevel;
}

/** Defaults of a collector, from `collectors/registry.ts`. */
export interface CollectorDefaults {
  readonly name: string;
  readonly defaultIntervalMs: number;
  readonly deadlineMs: number;
  readonly enabledByDefault: boolean;
}

/**
 * @param filePath undefined: {@link DEFAULT_CONFIG_FILE}, or the defaults when it does not exist
 * @throws {ConfigError} naming file, line and key
 */
export async function loadExporterConfig(
  filePath: string | undefined,
  files: Files,
  collectors: readonly CollectorDefaults[],
): Promise<ExporterConfig> {
  const file = filePath ?? DEFAULT_CONFIG_FILE;
  try {
    return parseExporterConfig(ConfigSection.parse(await files.readText(file), file), collectors);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    if (filePath === undefined && codeOf(error) === "ENOENT") {
      return parseExporterConfig(ConfigSection.parse("", file), collectors);
    }
    throw new ConfigError(file, undefined, messageOf(error), { cause: error });
  }
}

export function parseExporterConfig(
  root: ConfigSection,
  collectors: readonly CollectorDefaults[],
): ExporterConfig {
  const config: ExporterConfig = {
    listen: parseListen(root.section("listen")),
    webConfigFile: optionalFile(root, "web_config_file"),
    stateFolder: path.resolve(
      path.dirname(root.file),
      root.string("state", { default: DEFAULT_STATE_FOLDER }),
    ),
    paths: parsePaths(root.section("paths")),
    ...parseCollectors(root.section("collectors"), collectors),
    collectorSettings: parseCollectorSettings(root.section("settings")),
    uplink: parseUplink(root.section("uplink")),
    alarms: parseAlarms(root.section("alarms")),
    history: parseHistorySettings(root.section("history")),
    logLevel: parseLog(root.section("log")),
  };
  requireTimeToConfirm(root.section("collectors"), config);
  root.rejectUnknownKeys();
  return Object.freeze(config);
}

/** The collector looks at processes twice, for half a second each. */
const LOOKS_MS = 1000;

/** With a shorter deadline the collector would fail whenever it has a process to confirm. */
function requireTimeToConfirm(
  collectors: ConfigSection,
  { collectors: { processes }, collectorSettings }: ExporterConfig,
): void {
  const { confirmMs } = collectorSettings.processes;
  if (processes?.enabled !== true || processes.deadlineMs > confirmMs + LOOKS_MS) return;
  const least = formatDurationMs(confirmMs + LOOKS_MS);
  collectors
    .section("processes")
    .fail(
      "deadline",
      `is ${formatDurationMs(processes.deadlineMs)}, it must be more than ${least} ` +
        "(settings.processes.confirm_after and 1s for the two looks)",
    );
}

function parseListen(section: ConfigSection): ListenConfig {
  const address = section.string("address", { default: "0.0.0.0" });
  const port = section.integer("port", { default: DEFAULT_EXPORTER_PORT, min: 0, max: 65_535 });
  section.rejectUnknownKeys();
  return { address, port };
}

/** A relative path starts at the folder of the configuration. */
function parsePaths(section: ConfigSection): SourcePaths {
  const folder = (key: keyof SourcePaths): string =>
    resolveSourcePath(
      section.string(key, { default: DEFAULT_SOURCE_PATHS[key] }),
      path.dirname(section.file),
    );
  const paths = { procfs: folder("procfs"), sysfs: folder("sysfs"), rootfs: folder("rootfs") };
  section.rejectUnknownKeys();
  return paths;
}

function parseCollectors(
  section: ConfigSection,
  collectors: readonly CollectorDefaults[],
): Pick<ExporterConfig, "collectors" | "customCollectors"> {
  const entries = collectors.map(
    (defaults) => [defaults.name, parseCollector(section, defaults)] as const,
  );
  const customCollectors = parseCustomCollectors(section, collectors);
  section.rejectUnknownKeys();
  return { collectors: Object.fromEntries(entries), customCollectors };
}

function parseCustomCollectors(
  collectors: ConfigSection,
  builtIn: readonly CollectorDefaults[],
): CustomCollectorConfig[] {
  const custom = collectors.sections("custom");
  if (custom.length > MAX_CUSTOM_COLLECTORS) {
    const count = `has ${custom.length} entries`;
    collectors.fail("custom", `${count}, it must have at most ${MAX_CUSTOM_COLLECTORS}`);
  }
  const taken = new Set(["custom", ...builtIn.map(({ name }) => name)]);
  return custom.map((section) => {
    const name = section.string("name", {
      pattern: /^[a-z][a-z0-9_]{0,62}$/,
      expected: "a name of small letters, digits and _ such as ups",
    });
    if (taken.has(name)) section.fail("name", `is "${name}", it must not be used a second time`);
    taken.add(name);
    const intervalMs = section.durationMs("interval", { default: "1m", min: "1s", max: "1d" });
    const deadlineMs = section.durationMs("deadline", { default: "10s", min: "100ms", max: "5m" });
    const command = parseCommand(section);
    section.rejectUnknownKeys();
    return { name, command, intervalMs, deadlineMs };
  });
}

/** A text is a line for the shell, a list is a program with its arguments. */
function parseCommand(section: ConfigSection): readonly string[] {
  const words = section.strings("command");
  const [program = ""] = words;
  if (program === "") section.fail("command", "is empty, it must be a command line or a list");
  if (!section.isList("command")) return ["/bin/sh", "-c", program];
  if (!program.startsWith("/")) {
    section.fail("command", `begins with "${program}", it must begin with the path of a program`);
  }
  return words;
}

function parseCollector(collectors: ConfigSection, defaults: CollectorDefaults): CollectorConfig {
  const section = collectors.section(defaults.name);
  const enabled = section.boolean("enabled", { default: defaults.enabledByDefault });
  const interval = formatDurationMs(defaults.defaultIntervalMs);
  const intervalMs = section.durationMs("interval", { default: interval, min: "1s", max: "1d" });
  const deadline = formatDurationMs(defaults.deadlineMs);
  const deadlineMs = section.durationMs("deadline", { default: deadline, min: "100ms", max: "5m" });
  section.rejectUnknownKeys();
  return { enabled, intervalMs, deadlineMs };
}

function parseUplink(section: ConfigSection): UplinkConfig {
  const masters = section.attempt("masters", () =>
    section.strings("masters", { default: [] }).map(parseMasterUrl),
  );
  if (masters.length > MAX_MASTERS)
    section.fail("masters", `has ${masters.length} entries, it must have at most ${MAX_MASTERS}`);
  const tokenFile = optionalFile(section, "token_file");
  const caFile = optionalFile(section, "ca_file");
  const heartbeatIntervalMs = section.durationMs("heartbeat_interval", {
    default: "30s",
    min: "1s",
    max: "10m",
  });
  section.rejectUnknownKeys();
  return { masters: [...new Set(masters)], tokenFile, caFile, heartbeatIntervalMs };
}

function parseAlarms(section: ConfigSection): AlarmsConfig {
  const enabled = section.boolean("enabled", { default: true });
  const resendIntervalMs = section.durationMs("resend_interval", {
    default: "1m",
    min: "5s",
    max: "1h",
  });
  section.rejectUnknownKeys();
  return { enabled, resendIntervalMs };
}

function parseLog(section: ConfigSection): LogLevel {
  const level = section.oneOf("level", LOG_LEVELS, { default: "info" });
  section.rejectUnknownKeys();
  return level;
}

/** Absolute path; the folder of the configuration is the base of a relative path. */
function optionalFile(section: ConfigSection, key: string): string | undefined {
  if (!section.has(key)) return undefined;
  return path.resolve(path.dirname(section.file), section.string(key));
}
