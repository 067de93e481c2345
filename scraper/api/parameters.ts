import { parseDurationMs } from "../../exporter/shared/model/duration.js";
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

  timeMs(name: string, whenMissing: number): number {
    const text = this.text(name);
    return text === "" ? whenMissing : parseTimeMs(name, text);
  }

  /** Seconds as a decimal number, or a Prometheus duration. */
  durationMs(name: string): number | undefined {
    const text = this.text(name);
    return text === "" ? undefined : parseStepMs(name, text);
  }

  requiredDurationMs(name: string): number {
    return parseStepMs(name, this.text(name));
  }

  /** `limit`: a whole number, 0 and missing meaning none. */
  limit(): number {
    const text = this.text("limit");
    if (text === "") return 0;
    if (!/^\d+$/.test(text)) {
      throw new ApiError("bad_data", `invalid parameter "limit": cannot parse "${text}" to a non-negative whole number`);
    }
    return Number(text);
  }
}

const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const RFC3339 = /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;

/** Go's smallest and largest time that Prometheus accepts by name (web/api/v1 MinTime, MaxTime formatted). */
const MIN_TIME_TEXT = "-292273086-05-16T16:47:06Z";
const MAX_TIME_TEXT = "292277025-08-18T07:12:54.999999999Z";
export const MIN_TIME_MS = -9_223_372_036_854_775;
export const MAX_TIME_MS = 9_223_372_036_854_775;

/** Seconds since the epoch with decimals, or RFC 3339. */
export function parseTimeMs(name: string, text: string): number {
  if (DECIMAL.test(text)) {
    const milliseconds = Math.round(Number(text) * 1000);
    if (Math.abs(milliseconds) <= MAX_TIME_MS) return milliseconds;
  }
  if (text === MIN_TIME_TEXT) return MIN_TIME_MS;
  if (text === MAX_TIME_TEXT) return MAX_TIME_MS;
  if (RFC3339.test(text)) {
    const milliseconds = Date.parse(text.toUpperCase().replace(" ", "T"));
    if (!Number.isNaN(milliseconds)) return milliseconds;
  }
  throw new ApiError("bad_data", `invalid parameter "${name}": cannot parse "${text}" to a valid timestamp`);
}

function parseStepMs(name: string, text: string): number {
  if (DECIMAL.test(text)) {
    const milliseconds = Number(text) * 1000;
    if (Math.abs(milliseconds) <= MAX_TIME_MS) return milliseconds;
    const detail = `cannot parse "${text}" to a valid duration. It overflows int64`;
    throw new ApiError("bad_data", `invalid parameter "${name}": ${detail}`);
  }
  try {
    return parseDurationMs(text);
  } catch (error) {
    const detail = `cannot parse "${text}" to a valid duration`;
    throw new ApiError("bad_data", `invalid parameter "${name}": ${detail}`, { cause: error });
  }
}
