/** Times and durations: the parts of Go's time.Time and time.Duration that templates use. */
import { itemAt } from "../../exporter/shared/model/get-or-throw.js";
import { FunctionError } from "./template-error.js";
import {
  INTEGER,
  METHODS,
  templateFunction,
  type TemplateFunction,
  type WithMethods,
} from "./template-values.js";

const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
] as const;
const DAYS = [
  "Sunday",
  "Monday",
  "Tuesday",
  "Wednesday",
  "Thursday",
  "Friday",
  "Saturday",
] as const;

/** A time in a time zone. */
export class GoTime implements WithMethods {
  constructor(
    readonly epochMs: number,
    readonly zone: string = "UTC",
  ) {}

  get [METHODS](): Readonly<Record<string, TemplateFunction>> {
    return TIME_METHODS(this);
  }

  get [Symbol.toStringTag](): string {
    return "time.Time";
  }

  toString(): string {
    return formatTime(this, "2006-01-02 15:04:05.999999999 -0700 MST");
  }
}

const TIME_METHODS = (time: GoTime): Readonly<Record<string, TemplateFunction>> => ({
  Format: templateFunction(["string"], (layout) => formatTime(time, layout)),
  Unix: templateFunction([], () => BigInt(Math.floor(time.epochMs / 1000))),
  UnixMilli: templateFunction([], () => BigInt(Math.floor(time.epochMs))),
  UnixNano: templateFunction([], () => BigInt(Math.floor(time.epochMs)) * 1_000_000n),
  UTC: templateFunction([], () => new GoTime(time.epochMs)),
  Local: templateFunction([], () => time),
  IsZero: templateFunction([], () => time.epochMs === ZERO_TIME_MS),
  Sub: templateFunction(["any"], (other) => new GoDuration(time.epochMs - timeOf(other).epochMs)),
  Add: templateFunction(
    ["duration"],
    (span) => new GoTime(time.epochMs + durationOf(span).milliseconds, time.zone),
  ),
  AddDate: templateFunction(["int", "int", "int"], (years, months, days) =>
    addDate(time, Number(years), Number(months), Number(days)),
  ),
  Truncate: templateFunction(["duration"], (unit) => toMultiple(time, durationOf(unit), 0)),
  Round: templateFunction(["duration"], (unit) => toMultiple(time, durationOf(unit), 0.5)),
  Compare: templateFunction(["time"], (other) =>
    BigInt(Math.sign(time.epochMs - timeOf(other).epochMs)),
  ),
  In: templateFunction(["any"], (location) => inZone(time, locationOf(location).zone)),
  Location: templateFunction([], () => new GoLocation(time.zone)),
  IsDST: templateFunction([], () => isSummerTime(time)),
  Nanosecond: templateFunction([], () =>
    BigInt(Math.round((((time.epochMs % 1000) + 1000) % 1000) * 1e6)),
  ),
  UnixMicro: templateFunction([], () => BigInt(Math.floor(time.epochMs * 1000))),
  After: templateFunction(["any"], (other) => time.epochMs > timeOf(other).epochMs),
  Before: templateFunction(["any"], (other) => time.epochMs < timeOf(other).epochMs),
  Equal: templateFunction(["any"], (other) => time.epochMs === timeOf(other).epochMs),
  Year: templateFunction([], () => BigInt(fieldsOf(time).year)),
  Month: templateFunction([], () => {
    const { month } = fieldsOf(time);
    return new NamedNumber("time.Month", BigInt(month), itemAt(MONTHS, month - 1));
  }),
  Day: templateFunction([], () => BigInt(fieldsOf(time).day)),
  YearDay: templateFunction([], () => BigInt(fieldsOf(time).yearDay)),
  Weekday: templateFunction([], () => {
    const { weekday } = fieldsOf(time);
    return new NamedNumber("time.Weekday", BigInt(weekday), itemAt(DAYS, weekday));
  }),
  Hour: templateFunction([], () => BigInt(fieldsOf(time).hour)),
  Minute: templateFunction([], () => BigInt(fieldsOf(time).minute)),
  Second: templateFunction([], () => BigInt(fieldsOf(time).second)),
  String: templateFunction([], () => time.toString()),
});

/** A number that prints as a name, such as a month. */
export class NamedNumber implements WithMethods {
  constructor(
    private readonly type: string,
    private readonly number: bigint,
    private readonly name: string,
  ) {}

  get [METHODS](): Readonly<Record<string, TemplateFunction>> {
    return { String: templateFunction([], () => this.name) };
  }

  get [INTEGER](): bigint {
    return this.number;
  }

  get [Symbol.toStringTag](): string {
    return this.type;
  }

  toString(): string {
    return this.name;
  }
}

/** A time zone, as `.Location` returns it. */
export class GoLocation implements WithMethods {
  constructor(readonly zone: string) {}

  get [METHODS](): Readonly<Record<string, TemplateFunction>> {
    return { String: templateFunction([], () => this.zone) };
  }

  get [Symbol.toStringTag](): string {
    return "*time.Location";
  }

  toString(): string {
    return this.zone;
  }
}

function locationOf(value: unknown): GoLocation {
  if (value instanceof GoLocation) return value;
  throw new FunctionError("wrong type for value; expected *time.Location", true);
}

/** Adds to the calendar date in the zone of the time: 31 January and one month is 3 March. */
function addDate(time: GoTime, years: number, months: number, days: number): GoTime {
  const offsetMs = (at: GoTime): number => fieldsOf(at).offsetMinutes * 60_000;
  const local = new Date(time.epochMs + offsetMs(time));
  local.setUTCFullYear(
    local.getUTCFullYear() + years,
    local.getUTCMonth() + months,
    local.getUTCDate() + days,
  );
  const fraction = ((time.epochMs % 1) + 1) % 1;
  const wallMs = local.getTime() + fraction;
  const guess = new GoTime(wallMs - offsetMs(time), time.zone);
  return new GoTime(wallMs - offsetMs(guess), time.zone);
}

/** Multiples of a duration are counted from Go's zero time. */
function toMultiple(time: GoTime, { milliseconds }: GoDuration, share: number): GoTime {
  if (milliseconds <= 0) return time;
  const units = (time.epochMs - ZERO_TIME_MS) / milliseconds;
  const whole = Math.floor(units + share);
  return new GoTime(ZERO_TIME_MS + whole * milliseconds, time.zone);
}

/** Whether the offset is larger than the smaller one of January and July. */
function isSummerTime(time: GoTime): boolean {
  const { year, offsetMinutes } = fieldsOf(time);
  const offsets = [0, 6].map(
    (month) => fieldsOf(new GoTime(Date.UTC(year, month, 1), time.zone)).offsetMinutes,
  );
  return offsetMinutes > Math.min(...offsets);
}

/** Go's zero time, 1 January of year 1. */
export const ZERO_TIME_MS = -62_135_596_800_000;

export function timeOf(value: unknown): GoTime {
  if (value instanceof GoTime) return value;
  throw new FunctionError("wrong type for value; expected time.Time", true);
}

/** A time.Duration, or a number of nanoseconds. */
export function durationOf(value: unknown): GoDuration {
  if (value instanceof GoDuration) return value;
  if (typeof value === "bigint" || typeof value === "number") {
    return new GoDuration(Number(value) / 1e6);
  }
  throw new FunctionError("wrong type for value; expected time.Duration", true);
}

export class GoDuration implements WithMethods {
  constructor(readonly milliseconds: number) {}

  get [METHODS](): Readonly<Record<string, TemplateFunction>> {
    return {
      Seconds: templateFunction([], () => this.milliseconds / 1000),
      Minutes: templateFunction([], () => this.milliseconds / 60_000),
      Hours: templateFunction([], () => this.milliseconds / 3_600_000),
      Milliseconds: templateFunction([], () => BigInt(Math.trunc(this.milliseconds))),
      Microseconds: templateFunction([], () => BigInt(Math.trunc(this.milliseconds * 1e3))),
      Nanoseconds: templateFunction([], () => BigInt(Math.round(this.milliseconds * 1e6))),
      Abs: templateFunction([], () => new GoDuration(Math.abs(this.milliseconds))),
      String: templateFunction([], () => this.toString()),
      Round: templateFunction(["duration"], (unit) =>
        this.round(durationOf(unit).milliseconds, Math.round),
      ),
      Truncate: templateFunction(["duration"], (unit) =>
        this.round(durationOf(unit).milliseconds, Math.trunc),
      ),
    };
  }

  get [INTEGER](): bigint {
    return BigInt(Math.round(this.milliseconds * 1e6));
  }

  get [Symbol.toStringTag](): string {
    return "time.Duration";
  }

  private round(unitMs: number, how: (value: number) => number): GoDuration {
    return unitMs <= 0 ? this : new GoDuration(how(this.milliseconds / unitMs) * unitMs);
  }

  /** `1h2m3.5s`, `250ms`, `0s`. */
  toString(): string {
    const total = Math.abs(this.milliseconds);
    const sign = this.milliseconds < 0 ? "-" : "";
    if (total === 0) return "0s";
    if (total < 0.001) return `${sign}${Math.round(total * 1e6)}ns`;
    if (total < 1) return `${sign}${trimDecimal(total * 1000)}µs`;
    if (total < 1000) return `${sign}${trimDecimal(total)}ms`;
    const hours = Math.floor(total / 3_600_000);
    const minutes = Math.floor((total % 3_600_000) / 60_000);
    const seconds = `${trimDecimal((total % 60_000) / 1000)}s`;
    return sign + (hours > 0 ? `${hours}h${minutes}m` : minutes > 0 ? `${minutes}m` : "") + seconds;
  }
}

const trimDecimal = (value: number): string => String(Number(value.toFixed(9)));

interface TimeFields {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly yearDay: number;
  readonly weekday: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly millisecond: number;
  readonly offsetMinutes: number;
  readonly zoneName: string;
}

/** @throws {FunctionError} for a zone that does not exist */
export function inZone(time: GoTime, zone: string): GoTime {
  if (zone === "" || zone === "UTC") return new GoTime(time.epochMs);
  try {
    new Intl.DateTimeFormat("en-US", { timeZone: zone });
  } catch {
    throw new FunctionError(`unknown time zone ${zone}`);
  }
  return new GoTime(time.epochMs, zone);
}

function fieldsOf(time: GoTime): TimeFields {
  const offsetMinutes = time.zone === "UTC" ? 0 : offsetOf(time);
  const local = new Date(time.epochMs + offsetMinutes * 60_000);
  if (Number.isNaN(local.getTime())) throw new FunctionError("time is out of range");
  const year = local.getUTCFullYear();
  const dayStart = Date.UTC(2000, local.getUTCMonth(), local.getUTCDate());
  const leapYearDay = Math.round((dayStart - Date.UTC(2000, 0, 1)) / 86_400_000) + 1;
  const isLeap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  return {
    year,
    month: local.getUTCMonth() + 1,
    day: local.getUTCDate(),
    yearDay: leapYearDay > 59 && !isLeap ? leapYearDay - 1 : leapYearDay,
    weekday: local.getUTCDay(),
    hour: local.getUTCHours(),
    minute: local.getUTCMinutes(),
    second: local.getUTCSeconds(),
    millisecond: local.getUTCMilliseconds() + (((time.epochMs % 1) + 1) % 1),
    offsetMinutes,
    zoneName: time.zone === "UTC" ? "UTC" : zoneName(time, offsetMinutes),
  };
}

function offsetOf(time: GoTime): number {
  const name = zonePart(time, "longOffset"); // GMT+02:00, or GMT alone.
  const [, sign = "+", hours = "0", minutes = "0"] = /GMT([+-])(\d\d):(\d\d)/.exec(name) ?? [];
  return (sign === "-" ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
}

/** CET, EST; for a zone without a short name, its offset as in Go (-03). */
function zoneName(time: GoTime, offsetMinutes: number): string {
  const short = zonePart(time, "short");
  if (!/^GMT[+-]/.test(short)) return short;
  const european = EUROPEAN_NAMES[time.zone.startsWith("Europe/") ? offsetMinutes : -1];
  return european ?? offsetText(offsetMinutes, "").replace(/00$/, "");
}

/** Names in Go's zone files that ICU's English names lack, without offsets that have two names. */
const EUROPEAN_NAMES: Readonly<Record<number, string>> = { 60: "CET", 120: "CEST", 180: "MSK" };

function zonePart(time: GoTime, style: "short" | "longOffset"): string {
  const format = new Intl.DateTimeFormat("en-US", { timeZone: time.zone, timeZoneName: style });
  return (
    format.formatToParts(time.epochMs).find(({ type }) => type === "timeZoneName")?.value ?? "UTC"
  );
}

function offsetText(offsetMinutes: number, separator: string): string {
  const size = Math.abs(offsetMinutes);
  return `${offsetMinutes < 0 ? "-" : "+"}${two(Math.floor(size / 60))}${separator}${two(size % 60)}`;
}

const two = (value: number): string => String(value).padStart(2, "0");

/** The parts of Go's reference time, Mon Jan 2 15:04:05 MST 2006, longest first. */
const LAYOUT_PART = new RegExp(
  [
    "January",
    "Jan(?![a-z])",
    "Monday",
    "Mon(?![a-z])",
    "MST",
    "2006",
    "__2",
    "_2(?!006)",
    "002",
    "01",
    "02",
    "03",
    "04",
    "05",
    "06",
    "15",
    "Z07:00",
    "Z0700",
    "Z07",
    "-07:00",
    "-0700",
    "-07",
    "PM",
    "pm",
    "[.,]0+(?!\\d)",
    "[.,]9+(?!\\d)",
    "1",
    "2",
    "3",
    "4",
    "5",
  ].join("|"),
  "g",
);

export function formatTime(time: GoTime, layout: string): string {
  const fields = fieldsOf(time);
  return layout.replace(LAYOUT_PART, (part) => formatPart(part, fields));
}

function formatPart(part: string, fields: TimeFields): string {
  const hour12 = fields.hour % 12 === 0 ? 12 : fields.hour % 12;
  const simple: Readonly<Record<string, () => string>> = {
    January: () => itemAt(MONTHS, fields.month - 1),
    Jan: () => itemAt(MONTHS, fields.month - 1).slice(0, 3),
    Monday: () => itemAt(DAYS, fields.weekday),
    Mon: () => itemAt(DAYS, fields.weekday).slice(0, 3),
    MST: () => fields.zoneName,
    "2006": () => String(fields.year).padStart(4, "0"),
    "06": () => two(fields.year % 100),
    "01": () => two(fields.month),
    "1": () => String(fields.month),
    "02": () => two(fields.day),
    _2: () => String(fields.day).padStart(2),
    "2": () => String(fields.day),
    "002": () => String(fields.yearDay).padStart(3, "0"),
    __2: () => String(fields.yearDay).padStart(3),
    "15": () => two(fields.hour),
    "03": () => two(hour12),
    "3": () => String(hour12),
    "04": () => two(fields.minute),
    "4": () => String(fields.minute),
    "05": () => two(fields.second),
    "5": () => String(fields.second),
    PM: () => (fields.hour >= 12 ? "PM" : "AM"),
    pm: () => (fields.hour >= 12 ? "pm" : "am"),
  };
  return simple[part]?.() ?? formatOddPart(part, fields);
}

/** Offsets from UTC and fractions of a second. */
function formatOddPart(part: string, { offsetMinutes, millisecond }: TimeFields): string {
  if (part.startsWith("Z") && offsetMinutes === 0) return "Z";
  if (/^[Z-]07$/.test(part)) return offsetText(offsetMinutes, "").slice(0, 3);
  if (/^[Z-]07/.test(part)) return offsetText(offsetMinutes, part.includes(":") ? ":" : "");
  const digits = String(Math.round(millisecond * 1e6))
    .padStart(9, "0")
    .slice(0, part.length - 1);
  const separator = part.charAt(0);
  if (part[1] === "0") return separator + digits.padEnd(part.length - 1, "0");
  const trimmed = digits.replace(/0+$/, "");
  return trimmed === "" ? "" : separator + trimmed;
}
