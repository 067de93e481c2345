import { parseDurationMs } from "../../../exporter/shared/model/duration.js";
import { BadInputError } from "../../../exporter/shared/model/errors.js";
import { ApiError } from "./api-errors.js";

/** Query string and form body of a request together, as Go's `Request.Form` has them. */
export class Parameters {
  constructor(readonly values: URLSearchParams) {}

  /** Empty when missing; the first one when given several times. */
  text(name: string): string {
    return this.values.get(name) ?? "";
  }

  all(name: string): string[] {
    return this.values.getAll(name);
  }

  /** @throws {ApiError} bad_data when missing or not a time */
  requiredTimeMs(name: string): number {
    return parseTimeMs(name, this.text(name));
  }

  /** @throws {ApiError} bad_data with the longer message that Prometheus has for times with a default */
  timeMs(name: string, whenMissing: number): number {
    const text = this.text(name);
    if (text === "") return whenMissing;
    const milliseconds = readTimeMs(text);
    if (milliseconds !== undefined) return milliseconds;
    throw badParameter(name, `Invalid time value for '${name}': ${noTime(text)}`);
  }

  /** Seconds as a decimal number, or a Prometheus duration. */
  durationMs(name: string): number | undefined {
    const text = this.text(name);
    return text === "" ? undefined : this.requiredDurationMs(name);
  }

  requiredDurationMs(name: string): number {
    const text = this.text(name);
    const duration = readDurationMs(text);
    if (typeof duration === "number") return duration;
    throw badParameter(name, duration.problem);
  }

  /** How old a sample may be; undefined when missing or not above zero. */
  lookbackMs(): number | undefined {
    const text = this.text("lookback_delta");
    if (text === "") return undefined;
    const duration = readDurationMs(text);
    if (typeof duration !== "number") {
      throw new ApiError("bad_data", `error parsing lookback delta duration: ${duration.problem}`);
    }
    return duration > 0 ? duration : undefined;
  }

  /** `limit`: a whole number, 0 and missing meaning none. */
  limit(): number {
    const text = this.text("limit");
    if (text === "") return 0;
    if (!WHOLE_NUMBER.test(text))
      throw badParameter("limit", `strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
    if (Number(text) < 0) throw badParameter("limit", "limit must be non-negative");
    return Number(text);
  }

  /** Other whole numbers, 0 when missing: Prometheus has another message for them. */
  wholeNumber(name: string): number {
    const text = this.text(name);
    if (text === "") return 0;
    if (!WHOLE_NUMBER.test(text)) throw new ApiError("bad_data", `${name} must be a number`);
    return Number(text);
  }
}

const badParameter = (name: string, detail: string): ApiError =>
  new ApiError("bad_data", `invalid parameter "${name}": ${detail}`);

const WHOLE_NUMBER = /^[+-]?\d+$/;

const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const RFC3339 =
  /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;

/** Go's smallest and largest time that Prometheus accepts by name (web/api/v1 MinTime, MaxTime formatted). */
const MIN_TIME_TEXT = "-292273086-05-16T16:47:06Z";
const MAX_TIME_TEXT = "292277025-08-18T07:12:54.999999999Z";
export const MIN_TIME_MS = -9_223_372_036_854_775;
export const MAX_TIME_MS = 9_223_372_036_854_775;

/** Seconds since the epoch with decimals, or RFC 3339. */
export function parseTimeMs(name: string, text: string): number {
  const milliseconds = readTimeMs(text);
  if (milliseconds === undefined) throw badParameter(name, noTime(text));
  return milliseconds;
}

const noTime = (text: string): string => `cannot parse "${text}" to a valid timestamp`;

function readTimeMs(text: string): number | undefined {
  if (DECIMAL.test(text)) {
    const milliseconds = wholeMilliseconds(Number(text));
    if (Math.abs(milliseconds) <= MAX_TIME_MS) return milliseconds;
  }
  if (text === MIN_TIME_TEXT) return MIN_TIME_MS;
  if (text === MAX_TIME_TEXT) return MAX_TIME_MS;
  if (RFC3339.test(text)) {
    const milliseconds = Date.parse(text.toUpperCase().replace(" ", "T"));
    if (!Number.isNaN(milliseconds)) return milliseconds;
  }
  return undefined;
}

/** Go rounds the fraction alone, and halves away from zero. */
function wholeMilliseconds(seconds: number): number {
  const whole = Math.trunc(seconds);
  const fraction = (seconds - whole) * 1000;
  return whole * 1000 + Math.sign(fraction) * Math.round(Math.abs(fraction));
}

function readDurationMs(text: string): number | { readonly problem: string } {
  if (DECIMAL.test(text)) {
    const milliseconds = Number(text) * 1000;
    // Durations are whole nanoseconds in 64 bits.
    if (Math.abs(milliseconds) * 1e6 <= 2 ** 63) return milliseconds;
    return { problem: `cannot parse "${text}" to a valid duration. It overflows int64` };
  }
  try {
    return parseDurationMs(text);
  } catch (error) {
    if (!(error instanceof BadInputError)) throw error;
    return { problem: `cannot parse "${text}" to a valid duration` };
  }
}
