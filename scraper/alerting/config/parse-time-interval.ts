import type { ConfigSection } from "../../../exporter/shared/config/config-section.js";
import { listOf } from "./section-shape.js";
import {
  parseDaysOfMonth,
  parseLocation,
  parseMinute,
  parseMonths,
  parseWeekdays,
  parseYears,
  type MinuteRange,
  type NumberRange,
  type TimeInterval,
} from "./time-interval.js";

/** @throws {ConfigError} */
export function parseTimeInterval(section: ConfigSection): TimeInterval {
  const ranges = (key: string, parse: (text: string) => NumberRange): NumberRange[] | undefined => {
    if (!section.has(key)) return undefined;
    const texts = listOf(section, key);
    return section.attempt(key, () => texts.map(parse));
  };
  const interval = {
    times: section.has("times") ? section.sections("times").map(parseTimes) : undefined,
    weekdays: ranges("weekdays", parseWeekdays),
    daysOfMonth: ranges("days_of_month", parseDaysOfMonth),
    months: ranges("months", parseMonths),
    years: ranges("years", parseYears),
    location: section.attempt("location", () =>
      parseLocation(section.string("location", { default: "UTC" })),
    ),
  };
  section.rejectUnknownKeys();
  return interval;
}

function parseTimes(section: ConfigSection): MinuteRange {
  const minute = (key: string): number => {
    const text = section.string(key);
    return section.attempt(key, () => parseMinute(text));
  };
  const range = { fromMinute: minute("start_time"), untilMinute: minute("end_time") };
  if (range.fromMinute >= range.untilMinute)
    section.fail("end_time", "is not after start_time, it must be");
  section.rejectUnknownKeys();
  return range;
}
