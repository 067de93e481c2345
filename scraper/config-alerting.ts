import type { ConfigSection } from "../exporter/shared/config/config-section.js";
import { type ConfigFolder, parseStaticGroups } from "./discovery/scrape-job-config.js";
import { type HttpClientSettings, readHttpClient, rejectUnsupported } from "./fleet/http-client-config.js";
import { parseHostPort, formatHostPort } from "./fleet/ip-address.js";
import { parseRelabelConfigs } from "./fleet/relabel-config.js";
import type { Relabeling } from "./fleet/relabeling.js";
import { compileRelabeling } from "./fleet/relabeling-steps.js";

const DEFAULT_PORTS = { http: 80, https: 443 } as const;

/** One entry of `alerting.alertmanagers`: real Alertmanagers that alerts are sent to as well. */
export interface AlertmanagerSettings {
  /** Where alerts are posted, one URL per Alertmanager: `http://10.0.0.2:9093/api/v2/alerts`. */
  readonly urls: readonly string[];
  readonly timeoutMs: number;
  readonly client: HttpClientSettings;
}

export interface AlertingSettings {
  readonly alertmanagers: readonly AlertmanagerSettings[];
  /** Applied to every alert that goes to them. */
  readonly alertRelabeling: Relabeling;
}

/** @throws {ConfigError} */
export async function parseAlerting(section: ConfigSection, place: ConfigFolder): Promise<AlertingSettings> {
  const alertRelabeling = compileRelabeling(parseRelabelConfigs(section, "alert_relabel_configs"));
  const alertmanagers: AlertmanagerSettings[] = [];
  for (const entry of section.sections("alertmanagers")) alertmanagers.push(await parseAlertmanager(entry, place));
  section.rejectUnknownKeys();
  return { alertmanagers, alertRelabeling };
}

async function parseAlertmanager(section: ConfigSection, place: ConfigFolder): Promise<AlertmanagerSettings> {
  const discovery = section.keys().filter((key) => key.endsWith("_sd_configs"));
  rejectUnsupported(section, [...discovery, "relabel_configs", "alert_relabel_configs", "sigv4"]);
  const client = await readHttpClient(section, place.files, place.folder);
  const scheme = section.oneOf("scheme", ["http", "https"], { default: "http" });
  const prefix = section.string("path_prefix", { default: "/" }).replace(/^\/*|\/+$/g, "");
  const timeoutMs = section.durationMs("timeout", { default: "10s", min: "100ms", max: "10m" });
  section.oneOf("api_version", ["v2"], { default: "v2" });
  const targets = parseStaticGroups(section, false).flatMap((group) => group.targets);
  section.rejectUnknownKeys();
  const urls = targets.map((target) => {
    const { host, port } = parseHostPort(target) ?? section.fail("static_configs", `holds ${JSON.stringify(target)}`);
    const base = `${scheme}://${formatHostPort(host, port ?? DEFAULT_PORTS[scheme])}`;
    return `${base}${prefix === "" ? "" : `/${prefix}`}/api/v2/alerts`;
  });
  return { urls, timeoutMs, client };
}
