import path from "node:path";
import type { ConfigSection } from "../../exporter/shared/config/config-section.js";
import { LOG_LEVELS, type LogLevel } from "../../exporter/shared/platform/logger.js";
import type { ConfigFolder } from "../discovery/config-folder.js";
import type { ProbeSettings } from "../discovery/scrape-job.js";
import {
  type AlertmanagerGroup,
  parseAlertmanagers,
} from "../alerting/config/alertmanagers-config.js";
import { canonicalAddress } from "../fleet/ip-address.js";
import { parseRelabelConfigs } from "../fleet/relabel-config.js";
import type { Relabeling } from "../fleet/relabeling.js";
import { compileRelabeling } from "../fleet/relabeling.js";
import {
  DEFAULT_FILE_NAMES,
  type FileNames,
  type HostLogSettings,
  type LogKind,
  namesOf,
} from "../host-logs/host-log-settings.js";

export const DEFAULT_SCRAPER_PORT = 8730;
/** The reply to a heartbeat has room for pools 0 to 4. */
const MAX_POOLS = 5;

export interface WebSettings {
  /** IP address to listen on. */
  readonly listenAddress: string;
  readonly port: number;
  /** Absolute path of a web configuration as the exporter-toolkit reads it. */
  readonly configFile: string | undefined;
  /** Where people reach this scraper, for links in mails. Without a slash at the end. */
  readonly externalUrl: string | undefined;
  /** Switches `/api/v1/admin/*` on. */
  readonly enableAdminApi: boolean;
}

export interface LogSettings {
  readonly level: LogLevel;
  /** Absolute path of a log file beside standard error. */
  readonly file: string | undefined;
}

export interface FleetSettings {
  /** Absolute path. Without a token every heartbeat and pushed alarm is refused. */
  readonly tokenFile: string | undefined;
  /** A start forgets hosts of ranges that were not seen for this long; 0: never. */
  readonly forgetAfterMs: number;
}

export interface RuleSettings {
  /** Whether an alert is kept or resolved while its target sends nothing. */
  readonly missingData: "keep" | "resolve";
  /** Time without backfill until rules are evaluated over the filled ranges. */
  readonly recoveryWaitMs: number;
  /** Longest wait, from the first filled range. */
  readonly recoveryMaxWaitMs: number;
}

/** Section `alerting`: Alertmanagers that get the alerts as well. */
export interface AlertingSettings {
  readonly alertmanagers: readonly AlertmanagerGroup[];
  /** Applied to every alert before it is sent to them. */
  readonly alertRelabeling: Relabeling;
}

export async function parseAlerting(
  section: ConfigSection,
  place: ConfigFolder,
): Promise<AlertingSettings> {
  const alertRelabeling = compileRelabeling(parseRelabelConfigs(section, "alert_relabel_configs"));
  return { alertRelabeling, alertmanagers: await parseAlertmanagers(section, place) };
}

export function parsePools(root: ConfigSection): number {
  return root.integer("pools", { default: MAX_POOLS, min: 1, max: MAX_POOLS });
}

/** @param listensWide the default address is 0.0.0.0 instead of 127.0.0.1 */
export function parseWeb(
  section: ConfigSection,
  folder: string,
  listensWide: boolean,
): WebSettings {
  const listenAddress = section.string("listen_address", {
    default: listensWide ? "0.0.0.0" : "127.0.0.1",
  });
  if (canonicalAddress(listenAddress) === undefined) {
    section.fail(
      "listen_address",
      `is ${JSON.stringify(listenAddress)}, it must be an IP address (the port is a separate key)`,
    );
  }
  const settings: WebSettings = {
    listenAddress,
    port: section.integer("port", { default: DEFAULT_SCRAPER_PORT, min: 0, max: 65_535 }),
    configFile: optionalPath(section, "config_file", folder),
    externalUrl: parseExternalUrl(section),
    enableAdminApi: section.boolean("enable_admin_api", { default: false }),
  };
  section.rejectUnknownKeys();
  return settings;
}

function parseExternalUrl(section: ConfigSection): string | undefined {
  if (!section.has("external_url")) return undefined;
  const text = section.string("external_url");
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (
    url === undefined ||
    !/^https?:$/.test(url.protocol) ||
    url.search !== "" ||
    url.hash !== ""
  ) {
    return section.fail(
      "external_url",
      `is ${JSON.stringify(text)}, it must be like http://pihealth.lan:8730`,
    );
  }
  return text.replace(/\/+$/, "");
}

export function parseLog(section: ConfigSection, folder: string): LogSettings {
  const level = section.oneOf("level", LOG_LEVELS, { default: "info" });
  const file = optionalPath(section, "file", folder);
  section.rejectUnknownKeys();
  return { level, file };
}

export function parseFleet(section: ConfigSection, folder: string): FleetSettings {
  const tokenFile = optionalPath(section, "token_file", folder);
  const forgetAfterMs = section.durationMs("forget_after", { default: "30d", max: "10y" });
  section.rejectUnknownKeys();
  return { tokenFile, forgetAfterMs };
}

export function parseRules(section: ConfigSection): RuleSettings {
  const settings: RuleSettings = {
    missingData: section.oneOf("missing_data", ["keep", "resolve"], { default: "keep" }),
    recoveryWaitMs: section.durationMs("recovery_wait", { default: "2m", min: "0s", max: "1h" }),
    recoveryMaxWaitMs: section.durationMs("recovery_max_wait", {
      default: "30m",
      min: "0s",
      max: "1d",
    }),
  };
  if (settings.recoveryMaxWaitMs < settings.recoveryWaitMs) {
    section.fail("recovery_max_wait", "is shorter than recovery_wait, it must be at least as long");
  }
  section.rejectUnknownKeys();
  return settings;
}

export function parseProbes(section: ConfigSection): ProbeSettings {
  const settings: ProbeSettings = {
    probesPerSecond: section.number("probe_rate", { default: 100, min: 1, max: 10_000 }),
    concurrency: section.integer("probe_concurrency", { default: 200, min: 1, max: 1000 }),
    timeoutMs: section.durationMs("probe_timeout", { default: "2s", min: "50ms", max: "1m" }),
    firstRetryMs: section.durationMs("retry_first", { default: "1m", min: "1s", max: "1d" }),
    lastRetryMs: section.durationMs("retry_last", { default: "1h", min: "1s", max: "7d" }),
    maxCandidates: section.integer("max_candidates", { default: 65_536, min: 1, max: 1_048_576 }),
  };
  if (settings.lastRetryMs < settings.firstRetryMs) {
    section.fail("retry_last", "is shorter than retry_first, it must be at least as long");
  }
  section.rejectUnknownKeys();
  return settings;
}

export function parseHostLogs(section: ConfigSection): HostLogSettings {
  const settings: HostLogSettings = {
    isEnabled: section.boolean("enabled", { default: true }),
    linesPerWrite: section.integer("lines_per_write", { default: 10, min: 1, max: 1000 }),
    maxWaitMs: section.durationMs("max_wait", { default: "10m", min: "1s", max: "1d" }),
    maxFileBytes: section.byteSize("max_size", { default: "1MiB" }),
    maxOldFiles: section.integer("max_files", { default: 10, min: 0, max: 10_000 }),
    fileNames: parseFileNames(section.section("file_names")),
  };
  if (settings.maxFileBytes < 1024)
    section.fail("max_size", "is too small, it must be at least 1KiB");
  section.rejectUnknownKeys();
  return settings;
}

/** All logs of a host are in one folder, so the names must differ. */
function parseFileNames(section: ConfigSection): FileNames {
  const taken = new Map<string, LogKind>();
  const names = namesOf((kind) => {
    const name = section.string(kind, {
      default: DEFAULT_FILE_NAMES[kind],
      pattern: /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,59}\.log$/,
      expected: "a file name that ends in .log",
    });
    const other = taken.get(name);
    if (other !== undefined) {
      section.fail(kind, `is "${name}", which is the name for ${other}, it must be another`);
    }
    taken.set(name, kind);
    return name;
  });
  section.rejectUnknownKeys();
  return names;
}

/** Undefined when the key is missing or empty. */
export function optionalPath(
  section: ConfigSection,
  key: string,
  folder: string,
): string | undefined {
  const text = section.string(key, { default: "" });
  return text === "" ? undefined : path.resolve(folder, text);
}
