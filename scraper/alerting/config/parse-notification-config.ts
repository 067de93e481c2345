import path from "node:path";
import type { ConfigSection } from "../../../exporter/shared/config/config-section.js";
import { formatDurationMs } from "../../../exporter/shared/model/duration.js";
import { isLegacyLabelName } from "../../../exporter/shared/model/labels.js";
import { maskConfig } from "./masked-config.js";
import { createMatcher, parseMatchers, type Matcher } from "./matchers.js";
import type { InhibitRule, NotificationConfig, Receiver } from "./notification-config.js";
import { parseReceiver } from "./parse-receiver.js";
import { parseTimeInterval } from "./parse-time-interval.js";
import { ROOT_PLACE, routeKeyOf, type Route } from "./route.js";
import { parseSmtpDefaults } from "./smtp-config.js";
import type { TimeInterval } from "./time-interval.js";

const MAX_ROUTE_DEPTH = 32;
const MAX_GROUP_BY_LABELS = 64;

const ROOT_DEFAULTS: Pick<
  Route,
  "groupBy" | "groupWaitMs" | "groupIntervalMs" | "repeatIntervalMs"
> = {
  groupBy: [],
  groupWaitMs: 30_000,
  groupIntervalMs: 300_000,
  repeatIntervalMs: 14_400_000,
};

/**
 * Reads an alertmanager.yml.
 *
 * @throws {ConfigError} naming file, line and key of the first fault
 */
export function parseNotificationConfig(section: ConfigSection): NotificationConfig {
  const global = section.section("global");
  const resolveTimeoutMs = global.durationMs("resolve_timeout", {
    default: "5m",
    min: "1s",
    max: "1d",
  });
  const smtpDefaults = parseSmtpDefaults(global);
  global.rejectUnknownKeys();
  const receivers = parseReceivers(section, (entry) => parseReceiver(entry, smtpDefaults));
  const timeIntervals = parseTimeIntervals(section);
  if (!section.has("route")) section.fail("route", "is missing, it must name at least a receiver");
  const names = { receivers, timeIntervals };
  const route = parseRoute(section.section("route"), names, {
    parent: undefined,
    place: ROOT_PLACE,
  });
  const parsed = {
    route,
    receivers,
    timeIntervals,
    resolveTimeoutMs,
    isDefault: false,
    inhibitRules: section.sections("inhibit_rules").map(parseInhibitRule),
    templateFiles: section
      .strings("templates", { default: [] })
      .map((pattern) => path.resolve(path.dirname(section.file), pattern)),
  };
  section.rejectUnknownKeys();
  return Object.freeze({ ...parsed, masked: maskConfig(parsed) });
}

/**
 * The configuration when none is given: alerts are shown, grouped by name, and nobody is notified.
 */
export function defaultNotificationConfig(): NotificationConfig {
  const receiver = { name: "nobody", integrations: [] };
  const route: Route = {
    ...ROOT_DEFAULTS,
    groupBy: ["alertname"],
    receiver: receiver.name,
    matchers: [],
    continues: false,
    delaysAlarms: false,
    muteTimeIntervals: [],
    activeTimeIntervals: [],
    routes: [],
    key: "{}",
    place: ROOT_PLACE,
  };
  const parsed = {
    route,
    receivers: new Map([[receiver.name, receiver]]),
    timeIntervals: new Map<string, TimeInterval[]>(),
    inhibitRules: [],
    templateFiles: [],
    resolveTimeoutMs: 300_000,
    isDefault: true,
  };
  return Object.freeze({ ...parsed, masked: maskConfig(parsed) });
}

function parseReceivers(
  section: ConfigSection,
  parse: (entry: ConfigSection) => Receiver,
): ReadonlyMap<string, Receiver> {
  const receivers = new Map<string, Receiver>();
  for (const entry of section.sections("receivers")) {
    const receiver = parse(entry);
    if (receivers.has(receiver.name))
      entry.fail("name", `is "${receiver.name}" a second time, it must be unique`);
    receivers.set(receiver.name, receiver);
  }
  return receivers;
}

/** `mute_time_intervals` is the older name of `time_intervals`; both share one set of names. */
function parseTimeIntervals(section: ConfigSection): ReadonlyMap<string, readonly TimeInterval[]> {
  const intervals = new Map<string, readonly TimeInterval[]>();
  for (const entry of [
    ...section.sections("time_intervals"),
    ...section.sections("mute_time_intervals"),
  ]) {
    const name = entry.string("name", { pattern: /./, expected: "a name" });
    if (intervals.has(name)) entry.fail("name", `is "${name}" a second time, it must be unique`);
    intervals.set(name, entry.sections("time_intervals").map(parseTimeInterval));
    entry.rejectUnknownKeys();
  }
  return intervals;
}

interface DefinedNames {
  readonly receivers: ReadonlyMap<string, unknown>;
  readonly timeIntervals: ReadonlyMap<string, unknown>;
}

function parseRoute(
  section: ConfigSection,
  names: DefinedNames,
  { parent, place }: { readonly parent: Route | undefined; readonly place: string },
): Route {
  const isRoot = parent === undefined;
  const defaults = parent ?? { ...ROOT_DEFAULTS, receiver: undefined, delaysAlarms: false };
  const receiver = section.string(
    "receiver",
    defaults.receiver === undefined ? {} : { default: defaults.receiver },
  );
  if (!names.receivers.has(receiver)) {
    const known = [...names.receivers.keys()].join(", ");
    section.fail(
      "receiver",
      `is "${receiver}", it must be one of the receivers: ${known === "" ? "none" : known}`,
    );
  }
  const matchers = parseRouteMatchers(section, isRoot);
  const route = {
    receiver,
    matchers,
    groupBy: section.has("group_by") ? parseGroupBy(section) : defaults.groupBy,
    continues: section.boolean("continue", { default: false }),
    ...parseTimings(section, defaults),
    delaysAlarms: !isRoot && (section.has("group_wait") || defaults.delaysAlarms),
    muteTimeIntervals: intervalNames(section, "mute_time_intervals", names, isRoot),
    activeTimeIntervals: intervalNames(section, "active_time_intervals", names, isRoot),
    key: routeKeyOf(parent?.key, matchers),
    place,
  };
  if (isRoot && route.continues)
    section.fail("continue", "is true, it must not be set on the first route");
  if (place.split("/").length > MAX_ROUTE_DEPTH)
    section.fail("routes", `is nested deeper than ${MAX_ROUTE_DEPTH}, it must not be`);
  const inherited: Route = { ...route, routes: [] };
  const routes = section
    .sections("routes")
    .map((child, index) =>
      parseRoute(child, names, { parent: inherited, place: `${place}/${index}` }),
    );
  section.rejectUnknownKeys();
  return Object.freeze({ ...route, routes });
}

function parseTimings(
  section: ConfigSection,
  defaults: { groupWaitMs: number; groupIntervalMs: number; repeatIntervalMs: number },
): Pick<Route, "groupWaitMs" | "groupIntervalMs" | "repeatIntervalMs"> {
  const inherit = (durationMs: number): string =>
    durationMs === 0 ? "0s" : formatDurationMs(durationMs);
  return {
    groupWaitMs: section.durationMs("group_wait", {
      default: inherit(defaults.groupWaitMs),
      max: "1d",
    }),
    groupIntervalMs: section.durationMs("group_interval", {
      default: inherit(defaults.groupIntervalMs),
      min: "1s",
    }),
    repeatIntervalMs: section.durationMs("repeat_interval", {
      default: inherit(defaults.repeatIntervalMs),
      min: "1s",
    }),
  };
}

function parseGroupBy(section: ConfigSection): readonly string[] | "all" {
  const names = section.strings("group_by", { default: [] });
  if (names.includes("...")) {
    if (names.length > 1)
      section.fail("group_by", `has "..." beside other labels, it must stand alone`);
    return "all";
  }
  if (names.length > MAX_GROUP_BY_LABELS)
    section.fail("group_by", `has more than ${MAX_GROUP_BY_LABELS} labels`);
  for (const [index, name] of names.entries()) {
    if (!isLegacyLabelName(name))
      section.fail("group_by", `has "${name}", it must be a label name`);
    if (names.indexOf(name) < index)
      section.fail("group_by", `has "${name}" twice, each label must be there once`);
  }
  return names;
}

function parseRouteMatchers(section: ConfigSection, isRoot: boolean): Matcher[] {
  if (isRoot) {
    for (const key of ["matchers", "match", "match_re"]) {
      if (section.has(key))
        section.fail(key, "is set on the first route, it must match every alert");
    }
    return [];
  }
  return parseMatcherKeys(section, { list: "matchers", exact: "match", regex: "match_re" });
}

function parseMatcherKeys(
  section: ConfigSection,
  keys: { list: string; exact: string; regex: string },
): Matcher[] {
  const list = section.strings(keys.list, { default: [] });
  const fromMap = (key: string, isRegex: boolean): Matcher[] =>
    Object.entries(section.stringMap(key)).map(([name, value]) =>
      section.attempt(key, () => createMatcher({ name, value, isRegex, isEqual: true })),
    );
  return [
    ...section.attempt(keys.list, () => list.flatMap(parseMatchers)),
    ...fromMap(keys.exact, false),
    ...fromMap(keys.regex, true),
  ];
}

function intervalNames(
  section: ConfigSection,
  key: string,
  names: DefinedNames,
  isRoot: boolean,
): string[] {
  const wanted = section.strings(key, { default: [] });
  if (isRoot && wanted.length > 0)
    section.fail(key, "is set on the first route, it must be on one of its routes");
  const unknown = wanted.find((name) => !names.timeIntervals.has(name));
  if (unknown !== undefined)
    section.fail(key, `has "${unknown}", it must be one of time_intervals`);
  return wanted;
}

function parseInhibitRule(section: ConfigSection): InhibitRule {
  const side = (name: string): Matcher[] =>
    parseMatcherKeys(section, {
      list: `${name}_matchers`,
      exact: `${name}_match`,
      regex: `${name}_match_re`,
    });
  const rule = {
    source: side("source"),
    target: side("target"),
    equal: section.strings("equal", { default: [] }),
  };
  section.rejectUnknownKeys();
  return rule;
}
