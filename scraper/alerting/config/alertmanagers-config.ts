import type { ConfigSection } from "../../../exporter/shared/config/config-section.js";
import { Labels } from "../../../exporter/shared/model/labels.js";
import type { ConfigFolder } from "../../discovery/config-folder.js";
import { type Discoveries, parseDiscoveries } from "../../discovery/discoveries-config.js";
import { parseTargetGroup, type TargetGroup } from "../../discovery/target-group.js";
import { parseRelabelConfigs } from "../../fleet/relabel-config.js";
import { compileRelabeling, type Relabeling } from "../../fleet/relabeling.js";
import { type HttpClientConfig, parseHttpClient } from "../../http-client/http-client-config.js";

/** One entry of `alertmanagers`: Alertmanagers with the same settings that get alerts forwarded. */
export interface AlertmanagerGroup {
  readonly timeoutMs: number;
  readonly client: HttpClientConfig;
  /** Base of the relative paths in `client`. */
  readonly folder: string;
  /** Applied to every alert that these Alertmanagers get. */
  readonly alertRelabeling: Relabeling;
  /** Applied to the labels of each target. */
  readonly relabeling: Relabeling;
  /** Labels that every target has before relabelling. */
  readonly base: Readonly<Record<string, string>>;
  readonly staticGroups: readonly TargetGroup[];
  readonly discoveries: Discoveries;
}

/** The most Alertmanagers of a configuration, found ones included. */
export const MAX_ALERTMANAGERS = 32;
const HOST_PORT = /^(\[[0-9a-fA-F:.]+\]|[\w.-]+)(:\d{1,5})?$/;

/**
 * Reads the `alerting` section of a prometheus.yml.
 *
 * @throws {ConfigError} naming file, line and key
 */
export async function parseAlertmanagers(
  alerting: ConfigSection,
  place: ConfigFolder,
): Promise<AlertmanagerGroup[]> {
  const groups: AlertmanagerGroup[] = [];
  for (const section of alerting.sections("alertmanagers")) {
    groups.push(await parseGroup(section, place));
  }
  alerting.rejectUnknownKeys();
  const count = groups.flatMap(({ staticGroups }) => staticGroups.flatMap(targetsOf)).length;
  if (count > MAX_ALERTMANAGERS) {
    alerting.fail(
      "alertmanagers",
      `has ${count} targets, it must have at most ${MAX_ALERTMANAGERS}`,
    );
  }
  return groups;
}

async function parseGroup(section: ConfigSection, place: ConfigFolder): Promise<AlertmanagerGroup> {
  const scheme = section.oneOf("scheme", ["http", "https"], { default: "http" });
  const prefix = section.string("path_prefix", {
    default: "/",
    pattern: /^\/?[\w./~-]*$/,
    expected: "a path",
  });
  section.oneOf("api_version", ["v2"], { default: "v2" });
  const alertsPath = `/${prefix}/api/v2/alerts`.replace(/\/+/g, "/");
  const group: AlertmanagerGroup = {
    timeoutMs: section.durationMs("timeout", { default: "10s", min: "1s", max: "1m" }),
    client: parseHttpClient(section),
    folder: place.folder,
    alertRelabeling: compileRelabeling(parseRelabelConfigs(section, "alert_relabel_configs")),
    relabeling: compileRelabeling(parseRelabelConfigs(section, "relabel_configs")),
    base: { __scheme__: scheme, __alerts_path__: alertsPath },
    staticGroups: section.sections("static_configs").map(parseTargets),
    discoveries: await parseDiscoveries(section, place),
  };
  section.rejectUnknownKeys();
  const { invalid } = alertmanagersOf(group, group.staticGroups);
  const [bad] = invalid;
  if (bad !== undefined) {
    section.fail("relabel_configs", `make the address "${bad}", it must be an http URL`);
  }
  return group;
}

function parseTargets(section: ConfigSection): TargetGroup {
  const group = parseTargetGroup(section);
  for (const target of group.targets) {
    if (!HOST_PORT.test(target) || !URL.canParse(`http://${target}`)) {
      section.fail("targets", `has "${target}", it must be host:port`);
    }
  }
  return group;
}

const targetsOf = ({ targets }: TargetGroup): readonly string[] => targets;

/** The targets of a group as URLs of `/api/v2/alerts`, each list in the order of the targets. */
export interface AlertmanagerUrls {
  readonly active: readonly string[];
  /** Removed by relabelling; shown by their address before it. */
  readonly dropped: readonly string[];
  /** No http URL after relabelling. */
  readonly invalid: readonly string[];
}

/** Relabels targets, as they are configured or found. */
export function alertmanagersOf(
  { base, relabeling }: AlertmanagerGroup,
  targetGroups: readonly TargetGroup[],
): AlertmanagerUrls {
  const active = new Set<string>();
  const dropped = new Set<string>();
  const invalid = new Set<string>();
  for (const { targets, labels } of targetGroups) {
    for (const target of targets) {
      const before = Labels.of({ ...base, ...labels, __address__: target });
      const after = relabeling(before);
      const url = urlOf(after ?? before);
      if (after === undefined) dropped.add(url);
      else if (isAlertmanagerUrl(url, after)) active.add(url);
      else invalid.add(url);
    }
  }
  return { active: [...active], dropped: [...dropped], invalid: [...invalid] };
}

const urlOf = (labels: Labels): string =>
  `${labels.get("__scheme__")}://${labels.get("__address__")}${labels.get("__alerts_path__")}`;

const isAlertmanagerUrl = (url: string, labels: Labels): boolean =>
  HOST_PORT.test(labels.get("__address__")) && URL.canParse(url) && /^https?:/.test(url);
