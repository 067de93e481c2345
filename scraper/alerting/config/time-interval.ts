import { BadInputError } from "../../../exporter/shared/model/errors.js";

/** Inclusive at both ends. */
export interface NumberRange {
  readonly first: number;
  readonly last: number;
}

/** Half-open, in minutes since midnight; `untilMinute` may be 1440. */
export interface MinuteRange {
  readonly fromMinute: number;
  readonly untilMinute: number;
}

/**
 * Alertmanager's time interval. It contains a moment when every list does that is given; an empty
 * list contains none.
 */
export interface TimeInterval {
  readonly times: readonly MinuteRange[] | undefined;
  /** 0 is Sunday. */
  readonly weekdays: readonly NumberRange[] | undefined;
  /** 1 to 31, or -1 (the last) to -31. */
  readonly daysOfMonth: readonly NumberRange[] | undefined;
  readonly months: readonly NumberRange[] | undefined;
  readonly years: readonly NumberRange[] | undefined;
  /** IANA name: `UTC`, `Europe/Berlin`. */
  readonly location: string;
}

const WEEKDAYS = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const MONTHS = [
  "january",
  "february",
  "march",
  "april",
  "may",
  "june",
  "july",
  "august",
  "september",
  "october",
  "november",
  "december",
];
const WEEKDAY_PREFIXES = WEEKDAYS.map((weekday) => weekday.slice(0, 3));

export function containsMoment(interval: TimeInterval, wallMs: number): boolean {
  const moment = momentIn(interval.location, wallMs);
  const isWithin = ({ fromMinute, untilMinute }: MinuteRange): boolean =>
    moment.minute >= fromMinute && moment.minute < untilMinute;
  return (
    (interval.times?.some(isWithin) ?? true) &&
    holds(interval.weekdays, moment.weekday) &&
    holds(interval.months, moment.month) &&
    holds(interval.years, moment.year) &&
    holdsDay(interval.daysOfMonth, moment.day, daysInMonth(moment.year, moment.month))
  );
}

const holds = (ranges: readonly NumberRange[] | undefined, value: number): boolean =>
  ranges?.some(({ first, last }) => value >= first && value <= last) ?? true;

/** A range ends with the last day of the month when the month is shorter. */
function holdsDay(
  ranges: readonly NumberRange[] | undefined,
  day: number,
  monthDays: number,
): boolean {
  if (ranges === undefined) return true;
  const resolve = (value: number): number => (value < 0 ? monthDays + value + 1 : value);
  return ranges.some(({ first, last }) => {
    const [from, until] = [resolve(first), resolve(last)];
    return from <= monthDays && day >= Math.max(1, from) && day <= Math.min(monthDays, until);
  });
}

interface Moment {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly weekday: number;
  /** Since midnight. */
  readonly minute: number;
}

function momentIn(location: string, wallMs: number): Moment {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: location,
    hourCycle: "h23",
    weekday: "short",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
  });
  const parts = Object.fromEntries(
    format.formatToParts(wallMs).map(({ type, value }) => [type, value]),
  );
  return {
    year: Number(parts["year"]),
    month: Number(parts["month"]),
    day: Number(parts["day"]),
    weekday: WEEKDAY_PREFIXES.indexOf(parts["weekday"]?.toLowerCase() ?? ""),
    minute: Number(parts["hour"]) * 60 + Number(parts["minute"]),
  };
}

const daysInMonth = (year: number, month: number): number =>
  new Date(Date.UTC(year, month, 0)).getUTCDate();

/**
 * `monday`, `monday:friday`.
 *
 * @throws {BadInputError}
 */
export function parseWeekdays(text: string): NumberRange {
  return parseRange(
    "weekday",
    text,
    (word) => {
      const weekday = WEEKDAYS.indexOf(word.toLowerCase());
      return weekday === -1 ? undefined : weekday;
    },
    "a day such as monday or monday:friday",
  );
}

/**
 * `1`, `1:5`, `-3:-1`.
 *
 * @throws {BadInputError}
 */
export function parseDaysOfMonth(text: string): NumberRange {
  const toDay = (word: string): number | undefined => integerWithin(word, -31, 31);
  const expected = "days from 1 to 31, or -31 to -1 from the end of the month";
  const [first, last] = splitRange(text).map(toDay);
  if (!first || !last) throw badRange("day of month", text, expected);
  // A range that mixes both ends of the month must hold in the shortest month.
  const dayOf = (day: number): number => (day < 0 ? 29 + day : day);
  const isBackwards = (first < 0 && last > 0) || dayOf(first) > dayOf(last);
  if (isBackwards) throw badRange("day of month", text, "a range whose start is not after its end");
  return { first, last };
}

/**
 * `january:march`, `1:3`.
 *
 * @throws {BadInputError}
 */
export function parseMonths(text: string): NumberRange {
  return parseRange(
    "month",
    text,
    (word) => {
      const month = MONTHS.indexOf(word.toLowerCase()) + 1;
      return month === 0 ? integerWithin(word) : month;
    },
    "a month such as january, 1 or january:march",
  );
}

/**
 * `2026`, `2026:2030`.
 *
 * @throws {BadInputError}
 */
export function parseYears(text: string): NumberRange {
  return parseRange(
    "year",
    text,
    (word) => integerWithin(word),
    "a year such as 2026 or 2026:2030",
  );
}

/**
 * `17:30` up to `24:00`.
 *
 * @returns minutes since midnight
 * @throws {BadInputError}
 */
export function parseMinute(text: string): number {
  const match = /^((?:[01]\d|2[0-3]):[0-5]\d|24:00)$/.exec(text);
  if (match === null)
    throw new BadInputError(`is "${text}", it must be a time from 00:00 to 24:00`);
  const [hour = 0, minute = 0] = text.split(":").map(Number);
  return hour * 60 + minute;
}

/** @throws {BadInputError} when this machine does not know the time zone */
export function parseLocation(text: string): string {
  if (text === "") return "UTC";
  if (/^[+-]/.test(text))
    throw new BadInputError(`is "${text}", it must be a time zone such as Europe/Berlin`);
  if (text === "Local") return new Intl.DateTimeFormat("en-US").resolvedOptions().timeZone;
  try {
    return new Intl.DateTimeFormat("en-US", { timeZone: text }).resolvedOptions().timeZone;
  } catch (error) {
    throw new BadInputError(`is "${text}", it must be a time zone such as Europe/Berlin`, {
      cause: error,
    });
  }
}

function parseRange(
  kind: string,
  text: string,
  read: (word: string) => number | undefined,
  expected: string,
): NumberRange {
  const [first, last] = splitRange(text).map(read);
  if (first === undefined || last === undefined) throw badRange(kind, text, expected);
  if (first > last) throw badRange(kind, text, "a range whose start is not after its end");
  return { first, last };
}

function splitRange(text: string): [string, string] {
  const [first = "", last = first, ...more] = text.split(":");
  return more.length > 0 ? ["", ""] : [first, last];
}

function integerWithin(
  word: string,
  min = Number.MIN_SAFE_INTEGER,
  max = Number.MAX_SAFE_INTEGER,
): number | undefined {
  const value = /^[+-]?\d+$/.test(word) ? Number(word) : Number.NaN;
  return value >= min && value <= max ? value : undefined;
}

const badRange = (kind: string, text: string, expected: string): BadInputError =>
  new BadInputError(`has the ${kind} "${text}", it must be ${expected}`);
