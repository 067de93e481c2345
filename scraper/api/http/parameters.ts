import { parseDurationMs } from "../../../exporter/shared/model/duration.js";
import { BadInputError } from "../../../exporter/shared/model/errors.js";
import { ApiError } from "./api-errors.js";

/** The parameters of a request from its query string and its form, as in Go's `Request.Form`. */
export class Parameters {
  constructor(readonly values: URLSearchParams) {}

  /** The first value; empty when the parameter is missing. */
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

  /** @throws {ApiError} bad_data, with the message that Prometheus uses for times with a default */
  timeMs(name: string, whenMissing: number): number {
    const text = this.text(name);
    if (text === "") return whenMissing;
    const milliseconds = readTimeMs(text);
    if (milliseconds !== undefined) return milliseconds;
    throw badParameter(name, `invalid time value for '${name}': ${noTime(text)}`);
  }

  /** Seconds as a decimal number, or a Prometheus duration; undefined when missing. */
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

  /** The lookback delta of a query; undefined when missing, zero or negative. */
  lookbackMs(): number | undefined {
    const text = this.text("lookback_delta");
    if (text === "") return undefined;
    const duration = readDurationMs(text);
    if (typeof duration !== "number") {
      throw new ApiError("bad_data", `error parsing lookback delta duration: ${duration.problem}`);
    }
    return duration > 0 ? duration : undefined;
  }

  /** The parameter `limit`: a whole number. 0, also when missing, means no limit. */
  limit(): number {
    const text = this.text("limit");
    if (text === "") return 0;
    if (!WHOLE_NUMBER.test(text))
      throw badParameter("limit", `strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
    if (Number(text) < 0) throw badParameter("limit", "limit must be non-negative");
    return Number(text);
  }

  /** A whole number, 0 when missing. The error message differs from `limit`, as in Prometheus. */
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

/** The smallest and largest time of Prometheus (web/api/v1 minTime, maxTime), as it formats them. */
const MIN_TIME_TEXT = "-292273086-05-16T16:47:06Z";
const MAX_TIME_TEXT = "292277025-08-18T07:12:54.999999999Z";
export const MIN_TIME_MS = -9_223_372_036_854_775;
export const MAX_TIME_MS = 9_223_372_036_854_775;

/** Parses seconds since the epoch as a decimal number, or a time in RFC 3339. */
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

/** Rounds as Go does: only the fraction, halves away from zero. */
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
