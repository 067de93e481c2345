/** Numbers for people, with the same digits as Prometheus' template functions. */
import { formatFloat } from "./go-float.js";
import { FunctionError } from "./template-error.js";
import { formatTime, GoDuration, GoTime } from "./go-time.js";
import { isNil, SafeHtml, typeName } from "./template-values.js";

const LARGE = ["k", "M", "G", "T", "P", "E", "Z", "Y"];
const SMALL = ["m", "u", "n", "p", "f", "a", "z", "y"];
const BINARY = ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"];
const LAST_TIMESTAMP_SECONDS = 9_223_372_036; // Nanoseconds in 64 bits, as in Prometheus.

const fourDigits = (value: number): string => formatFloat(value, "g", 4);

/**
 * Converts a value or a text to a number.
 *
 * @throws {FunctionError} when it is not a number
 */
export function toFloat(value: unknown): number {
  if (typeof value === "number") return value;
  if (typeof value === "bigint") return Number(value);
  if (value instanceof GoDuration) return value.milliseconds / 1000;
  const text = value instanceof SafeHtml ? value.text : value;
  if (typeof text !== "string") {
    throw new FunctionError(`can't convert ${isNil(value) ? "<nil>" : typeName(value)} to float`);
  }
  return parseFloatText(text);
}

function parseFloatText(text: string): number {
  const special = /^([+-]?)(inf|infinity|nan)$/i.exec(text);
  if (special !== null) {
    if (special[2]?.toLowerCase() === "nan") return Number.NaN;
    return special[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)) {
    throw new FunctionError(`strconv.ParseFloat: parsing ${JSON.stringify(text)}: invalid syntax`);
  }
  return Number(text);
}

export function humanize(input: unknown): string {
  const value = toFloat(input);
  if (value === 0 || !Number.isFinite(value)) return fourDigits(value);
  return Math.abs(value) >= 1 ? scaledUp(value, LARGE, 1000) : scaledDown(value);
}

export function humanize1024(input: unknown): string {
  const value = toFloat(input);
  if (Math.abs(value) <= 1 || !Number.isFinite(value)) return fourDigits(value);
  return scaledUp(value, BINARY, 1024);
}

function scaledUp(value: number, prefixes: readonly string[], step: number): string {
  let rest = value;
  let prefix = "";
  for (const next of prefixes) {
    if (Math.abs(rest) < step) break;
    prefix = next;
    rest /= step;
  }
  return fourDigits(rest) + prefix;
}

function scaledDown(value: number): string {
  let rest = value;
  let prefix = "";
  for (const next of SMALL) {
    if (Math.abs(rest) >= 1) break;
    prefix = next;
    rest *= 1000;
  }
  return fourDigits(rest) + prefix;
}

/** @param input seconds */
export function humanizeDuration(input: unknown): string {
  const value = toFloat(input);
  if (!Number.isFinite(value)) return fourDigits(value);
  if (value === 0) return `${fourDigits(value)}s`;
  if (Math.abs(value) < 1) return `${scaledDown(value)}s`;
  const sign = value < 0 ? "-" : "";
  const whole = Math.trunc(Math.abs(value));
  const [days, hours] = [Math.floor(whole / 86_400), Math.floor(whole / 3600) % 24];
  const [minutes, seconds] = [Math.floor(whole / 60) % 60, whole % 60];
  if (days !== 0) return `${sign}${days}d ${hours}h ${minutes}m ${seconds}s`;
  if (hours !== 0) return `${sign}${hours}h ${minutes}m ${seconds}s`;
  if (minutes !== 0) return `${sign}${minutes}m ${seconds}s`;
  return `${sign}${fourDigits(Math.abs(value))}s`;
}

export const humanizePercentage = (input: unknown): string =>
  `${fourDigits(toFloat(input) * 100)}%`;

/** @param input seconds since the Unix epoch */
export function humanizeTimestamp(input: unknown): string {
  const value = toFloat(input);
  if (!Number.isFinite(value)) return fourDigits(value);
  return formatTime(toTime(value), "2006-01-02 15:04:05.999999999 -0700 MST");
}

/** @param input seconds since the Unix epoch */
export function toTime(input: unknown): GoTime {
  const value = toFloat(input);
  if (!(Math.abs(value) <= LAST_TIMESTAMP_SECONDS)) {
    throw new FunctionError(
      `${formatFloat(value, "g")} cannot be represented as a nanoseconds timestamp since it overflows int64`,
    );
  }
  return new GoTime(Math.trunc(value * 1000));
}
