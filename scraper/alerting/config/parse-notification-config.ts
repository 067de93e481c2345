import path from "node:path";
import type { ConfigSection } from "../../../exporter/shared/config/config-section.js";
import { isLegacyLabelName, Labels } from "../../../exporter/shared/model/labels.js";
import { isMapping } from "../../../exporter/shared/config/yaml-source.js";
import { checkPattern } from "../../base/file-pattern.js";
import {
  EVENT_RECORDER_SHAPE,
  GLOBAL_SHAPE,
  isOfOtherReceiver,
  TRACING_SHAPE,
} from "./global-shape.js";
import { checkShape, listOf } from "./section-shape.js";
import { maskConfig } from "./masked-config.js";
import { createMatcher, parseMatchers, type Matcher } from "./matchers.js";
import type { InhibitRule, NotificationConfig, Receiver } from "./notification-config.js";
import { parseReceiver } from "./parse-receiver.js";
import { parseTimeInterval } from "./parse-time-interval.js";
import { ROOT_PLACE, routeKeyOf, type Route } from "./route.js";
import { optionalString, parseSmtpDefaults } from "./smtp-config.js";
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
 * Reads an alertmanager.yml. Accepts what Alertmanager accepts; what this program does not support
 * is an error where a route uses it, and a warning elsewhere.
 *
 * @throws {ConfigError} naming file, line and key of the first fault
 */
export function parseNotificationConfig(section: ConfigSection): NotificationConfig {
  const global = section.section("global");
  checkShape(global, GLOBAL_SHAPE);
  checkOtherPrograms(section, global);
  if (!section.has("route")) section.fail("route", "is missing, it must name at least a receiver");
  const routeSection = section.section("route");
  const surroundings = {
    global,
    smtp: parseSmtpDefaults(global),
    used: usedReceivers(routeSection),
  };
  const receivers = parseReceivers(section, (entry) => parseReceiver(entry, surroundings));
  const timeIntervals = parseTimeIntervals(section);
  const names = { receivers, timeIntervals };
  const route = parseRoute(routeSection, names, { parent: undefined, place: ROOT_PLACE });
  const parsed = {
    route,
    receivers,
    timeIntervals,
    resolveTimeoutMs: global.durationMs("resolve_timeout", { default: "5m" }),
    isDefault: false,
    inhibitRules: section.sections("inhibit_rules").map(parseInhibitRule),
    templateFiles: listOf(section, "templates").map((pattern) => {
      section.attempt("templates", () => checkPattern(pattern));
      return path.resolve(path.dirname(section.file), pattern);
    }),
  };
  section.rejectUnknownKeys();
  const { warnings } = section;
  return Object.freeze({ ...parsed, warnings, masked: maskConfig(parsed) });
}

/** Keys for receivers of other kinds and for parts of Alertmanager that this program does not have. */
function checkOtherPrograms(section: ConfigSection, global: ConfigSection): void {
  const others = global.keys().filter(isOfOtherReceiver);
  global.ignore(others);
  for (const [key, shape] of [
    ["tracing", TRACING_SHAPE],
    ["event_recorder", EVENT_RECORDER_SHAPE],
  ] as const) {
    if (!section.has(key)) continue;
    checkShape(section.section(key), shape);
    section.ignore([key]);
  }
}

/** Names of all receivers in the routing tree. */
function usedReceivers(route: ConfigSection): Set<string> {
  const names = route.sections("routes").flatMap((child) => [...usedReceivers(child)]);
  return new Set([route.string("receiver", { default: "" }), ...names]);
}

/**
 * The configuration when none is given: alerts are shown, grouped by name, and nobody is notified.
 */
export function defaultNotificationConfig(): NotificationConfig {
  const receiver = { name: "nobody", labels: Labels.of({ name: "nobody" }), integrations: [] };
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
  return Object.freeze({ ...parsed, warnings: [], masked: maskConfig(parsed) });
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
    const name = entry.string("name", { pattern: /^[\s\S]/, expected: "a name" });
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
  const receiver = optionalString(section, "receiver") ?? defaults.receiver;
  if (receiver === undefined) {
    return section.fail("receiver", "is missing, the first route must name a receiver");
  }
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
  const interval = (key: string, inheritedMs: number): number => {
    if (!section.has(key)) return inheritedMs;
    const durationMs = section.durationMs(key);
    if (durationMs === 0) section.fail(key, "is 0, it must be more");
    return durationMs;
  };
  return {
    groupWaitMs: section.has("group_wait")
      ? section.durationMs("group_wait")
      : defaults.groupWaitMs,
    groupIntervalMs: interval("group_interval", defaults.groupIntervalMs),
    repeatIntervalMs: interval("repeat_interval", defaults.repeatIntervalMs),
  };
}

function parseGroupBy(section: ConfigSection): readonly string[] | "all" {
  const names = listOf(section, "group_by");
  const labels = names.filter((name) => name !== "...");
  if (labels.length > MAX_GROUP_BY_LABELS)
    section.fail("group_by", `has more than ${MAX_GROUP_BY_LABELS} labels`);
  for (const [index, name] of labels.entries()) {
    if (name === "") section.fail("group_by", `has "", it must be a label name`);
    if (labels.indexOf(name) < index)
      section.fail("group_by", `has "${name}" twice, each label must be there once`);
  }
  if (labels.length === names.length) return labels;
  if (labels.length > 0)
    section.fail("group_by", `has "..." beside other labels, it must stand alone`);
  return "all";
}

function parseRouteMatchers(section: ConfigSection, isRoot: boolean): Matcher[] {
  const matchers = parseMatcherKeys(section, {
    list: "matchers",
    exact: "match",
    regex: "match_re",
  });
  if (isRoot && matchers.length > 0)
    section.fail("matchers", "is set on the first route, it must match every alert");
  return matchers;
}

function parseMatcherKeys(
  section: ConfigSection,
  keys: { list: string; exact: string; regex: string },
): Matcher[] {
  const list = textsOrEmpty(section, keys.list);
  const fromMap = (key: string, isRegex: boolean): Matcher[] =>
    mapOrEmpty(section, key, isRegex).map(([name, value]) => {
      if (!isLegacyLabelName(name)) section.fail(key, `has "${name}", it must be a label name`);
      return section.attempt(key, () => createMatcher({ name, value, isRegex, isEqual: true }));
    });
  return [
    ...section.attempt(keys.list, () => list.flatMap(parseMatchers)),
    ...fromMap(keys.exact, false),
    ...fromMap(keys.regex, true),
  ];
}

/** A list in which a missing text is an empty one. */
function textsOrEmpty(section: ConfigSection, key: string): string[] {
  if (!section.has(key)) return [];
  const value = section.toObject()[key];
  if (!Array.isArray(value)) return listOf(section, key);
  return value.includes(null)
    ? value.flatMap((item: unknown) => (typeof item === "string" ? [item] : []))
    : listOf(section, key);
}

/** A missing value is an empty text, but no regular expression. */
function mapOrEmpty(section: ConfigSection, key: string, isRegex: boolean): [string, string][] {
  if (!section.has(key)) return [];
  const value = section.toObject()[key];
  const missing = isMapping(value) ? Object.keys(value).filter((name) => value[name] === null) : [];
  if (isRegex && missing.length > 0)
    section.fail(key, `has no value for "${missing.join()}", it must have one`);
  return Object.entries(section.stringMap(key));
}

function intervalNames(
  section: ConfigSection,
  key: string,
  names: DefinedNames,
  isRoot: boolean,
): string[] {
  const wanted = listOf(section, key);
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
    equal: listOf(section, "equal"),
  };
  section.string("name", { default: "" });
  section.rejectUnknownKeys();
  // A name with white space is two names in one item. No alert has it, so all alerts would be equal.
  const bad = rule.equal.find((name) => name === "" || /\s/.test(name));
  if (bad !== undefined)
    section.fail("equal", `has ${JSON.stringify(bad)}, it must be a label name`);
  return rule;
}
