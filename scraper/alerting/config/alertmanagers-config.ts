import path from "node:path";
import type { ConfigSection } from "../../../exporter/shared/config/config-section.js";
import { isLabelName, Labels } from "../../../exporter/shared/model/labels.js";
import { parseRelabelConfigs } from "../../fleet/relabel-config.js";
import { compileRelabeling, type Relabeling } from "../../fleet/relabeling.js";
import {
  type HttpClientConfig,
  parseHttpClient,
  rejectUnsupported,
} from "../../http-client/http-client-config.js";

/** A real Alertmanager that gets alerts forwarded. */
export interface AlertmanagerEndpoint {
  /** URL of its `/api/v2/alerts`. */
  readonly url: string;
  readonly timeoutMs: number;
  readonly client: HttpClientConfig;
  /** Base of the relative paths in `client`. */
  readonly folder: string;
  /** Applied to every alert that this Alertmanager gets. */
  readonly alertRelabeling: Relabeling;
}

const MAX_ALERTMANAGERS = 32;
const HOST_PORT = /^(\[[0-9a-fA-F:.]+\]|[\w.-]+)(:\d{1,5})?$/;
/** Alertmanagers are few and fixed: discovery of them is not supported. */
const DISCOVERIES = ["file", "http", "dns", "docker", "dockerswarm", "consul", "kubernetes"].map(
  (kind) => `${kind}_sd_configs`,
);

/**
 * Reads the `alerting` section of a prometheus.yml.
 *
 * @throws {ConfigError} when the section has anything but `alertmanagers` with `static_configs`
 */
export function parseAlertmanagers(alerting: ConfigSection): AlertmanagerEndpoint[] {
  const endpoints = alerting.sections("alertmanagers").flatMap(parseGroup);
  alerting.rejectUnknownKeys();
  if (endpoints.length > MAX_ALERTMANAGERS) {
    alerting.fail(
      "alertmanagers",
      `has ${endpoints.length} targets, it must have at most ${MAX_ALERTMANAGERS}`,
    );
  }
  return endpoints;
}

function parseGroup(section: ConfigSection): AlertmanagerEndpoint[] {
  rejectUnsupported(section, DISCOVERIES);
  const scheme = section.oneOf("scheme", ["http", "https"], { default: "http" });
  const prefix = section.string("path_prefix", {
    default: "/",
    pattern: /^\/?[\w./~-]*$/,
    expected: "a path",
  });
  section.oneOf("api_version", ["v2"], { default: "v2" });
  const common = {
    timeoutMs: section.durationMs("timeout", { default: "10s", min: "1s", max: "1m" }),
    client: parseHttpClient(section),
    folder: path.dirname(path.resolve(section.file)),
    alertRelabeling: compileRelabeling(parseRelabelConfigs(section, "alert_relabel_configs")),
  };
  const relabeling = compileRelabeling(parseRelabelConfigs(section, "relabel_configs"));
  const alertsPath = `/${prefix}/api/v2/alerts`.replace(/\/+/g, "/");
  const base = { __scheme__: scheme, __alerts_path__: alertsPath };
  const targets = section.sections("static_configs").flatMap(parseTargets);
  section.rejectUnknownKeys();
  return targets.flatMap((target) => {
    const labels = relabeling(Labels.of({ ...base, ...target }));
    return labels === undefined ? [] : [{ ...common, url: urlOf(section, labels) }];
  });
}

function parseTargets(section: ConfigSection): Record<string, string>[] {
  const targets = section.stringList("targets", { default: [] });
  const labels = section.stringMap("labels");
  section.rejectUnknownKeys();
  const badName = Object.keys(labels).find((name) => !isLabelName(name));
  if (badName !== undefined) section.fail("labels", `has "${badName}", it must be label names`);
  for (const target of targets) {
    if (!HOST_PORT.test(target) || !URL.canParse(`http://${target}`)) {
      section.fail("targets", `has "${target}", it must be host:port`);
    }
  }
  return targets.map((target) => ({ ...labels, __address__: target }));
}

/** The address of an Alertmanager after relabelling. */
function urlOf(section: ConfigSection, labels: Labels): string {
  const address = labels.get("__address__");
  const url = `${labels.get("__scheme__")}://${address}${labels.get("__alerts_path__")}`;
  if (HOST_PORT.test(address) && URL.canParse(url) && /^https?:/.test(url)) return url;
  return section.fail("relabel_configs", `make the address "${url}", it must be an http URL`);
}
