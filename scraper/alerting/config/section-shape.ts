/**
 * Shapes of sections as Alertmanager reads them: known keys, the kinds of their values and conditions
 * between keys. A section that Alertmanager accepts fits its shape, whether or not this program
 * supports what it asks for.
 */
import type { ConfigSection } from "../../../exporter/shared/config/config-section.js";
import { BadInputError } from "../../../exporter/shared/model/errors.js";
import { parseDurationMs } from "../../../exporter/shared/model/duration.js";
import { parseGoDurationMs } from "../../base/go-duration.js";

/**
 * - `duration`: 1h30m; `goDuration`: 1h30m, 1.5s, or a whole number of nanoseconds
 * - `url`: http or https with a host; `anything`: not looked at
 */
export type ValueKind =
  | "text"
  | "texts"
  | "textMap"
  | "boolean"
  | "count"
  | "integer"
  | "number"
  | "duration"
  | "goDuration"
  | "url"
  | "anything";

export interface SectionShape {
  readonly keys: Readonly<Record<string, ValueKind | SectionShape | readonly [SectionShape]>>;
  /** Conditions between keys. */
  readonly check?: (section: ConfigSection) => void;
}

/** @throws {ConfigError} naming the first key that does not fit */
export function checkShape(section: ConfigSection, shape: SectionShape): void {
  for (const [key, kind] of Object.entries(shape.keys)) {
    if (!section.has(key)) continue;
    if (typeof kind === "string") CHECKS[kind](section, key);
    else if (isList(kind)) for (const item of section.sections(key)) checkShape(item, kind[0]);
    else checkShape(section.section(key), kind);
  }
  section.rejectUnknownKeys();
  shape.check?.(section);
}

const isList = (kind: SectionShape | readonly [SectionShape]): kind is readonly [SectionShape] =>
  Array.isArray(kind);

const CHECKS: Readonly<Record<ValueKind, (section: ConfigSection, key: string) => void>> = {
  text: (section, key) => void section.string(key),
  texts: (section, key) => void listOf(section, key),
  textMap: (section, key) => void section.stringMap(key),
  boolean: (section, key) => void section.boolean(key),
  count: (section, key) => void section.number(key, { min: 0 }),
  integer: (section, key) => void section.number(key),
  number: (section, key) => void section.number(key),
  duration(section, key) {
    const text = section.string(key);
    section.attempt(key, () => parseDurationMs(text));
  },
  goDuration: (section, key) => void goDurationMs(section, key),
  url(section, key) {
    const text = section.string(key);
    section.attempt(key, () => checkHttpUrl(text));
  },
  anything: () => undefined,
};

/** A list of texts; a single text is none, as in Alertmanager. */
export function listOf(section: ConfigSection, key: string): string[] {
  if (!section.has(key)) return [];
  if (!Array.isArray(section.toObject()[key])) section.fail(key, "is no list, it must be one");
  return section.strings(key);
}

/** @returns undefined when the key is missing */
export function goDurationMs(section: ConfigSection, key: string): number | undefined {
  if (!section.has(key)) return undefined;
  const value = section.toObject()[key];
  if (typeof value === "number" && Number.isInteger(value)) return value / 1e6;
  const text = section.string(key);
  return section.attempt(key, () => parseGoDurationMs(text));
}

/** The value that Alertmanager shows for a secret, which it reads, too. */
const SHOWN_SECRET = "<secret>";

/** @throws {BadInputError} whose message does not contain the URL, which is often a secret */
export function checkHttpUrl(text: string): void {
  if (text === SHOWN_SECRET) return;
  const match = /^(https?):\/\/([^/?#]+)/i.exec(text);
  if (match === null || !URL.canParse(text)) {
    throw new BadInputError("is not a URL, it must start with http:// or https:// and name a host");
  }
}

/** True when the key has a value other than an empty text. */
export const isGiven = (section: ConfigSection, key: string): boolean =>
  section.has(key) && section.toObject()[key] !== "";

/** Fails when more than one of the keys is given. */
export function requireAtMostOne(section: ConfigSection, keys: readonly string[]): void {
  const [first, second] = keys.filter((key) => isGiven(section, key));
  if (first === undefined || second === undefined) return;
  section.fail(second, `is given beside ${first}, it must be only one of them`);
}

/** Fails when none of the keys is given. */
export function requireOneOf(section: ConfigSection, keys: readonly string[]): void {
  const [first = ""] = keys;
  if (keys.some((key) => isGiven(section, key))) return;
  section.fail(first, `is missing, one of ${keys.join(", ")} must be there`);
}

export function requireExactlyOne(section: ConfigSection, keys: readonly string[]): void {
  requireOneOf(section, keys);
  requireAtMostOne(section, keys);
}
