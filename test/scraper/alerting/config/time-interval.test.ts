import assert from "node:assert/strict";
import { test } from "node:test";
import {
  containsMoment,
  parseDaysOfMonth,
  parseLocation,
  parseMinute,
  parseMonths,
  parseWeekdays,
  parseYears,
  type TimeInterval,
} from "../../../../scraper/alerting/config/time-interval.js";

const ALWAYS: TimeInterval = {
  times: undefined,
  weekdays: undefined,
  daysOfMonth: undefined,
  months: undefined,
  years: undefined,
  location: "UTC",
};
const office = { fromMinute: parseMinute("09:00"), untilMinute: parseMinute("17:00") };

for (const { name, interval, inside, outside } of [
  { name: "no condition", interval: {}, inside: ["2026-01-12T15:00:00Z"], outside: [] },
  {
    name: "times, the end is out",
    interval: { times: [office] },
    inside: ["2026-01-12T09:00:00Z", "2026-01-12T16:59:59Z"],
    outside: ["2026-01-12T08:59:59Z", "2026-01-12T17:00:00Z"],
  },
  {
    name: "until midnight",
    interval: { times: [{ fromMinute: 1380, untilMinute: parseMinute("24:00") }] },
    inside: ["2026-01-12T23:59:59Z"],
    outside: ["2026-01-12T00:00:00Z"],
  },
  {
    name: "weekdays",
    interval: { weekdays: [parseWeekdays("monday:friday")] },
    inside: ["2026-01-12T00:00:00Z", "2026-01-16T23:00:00Z"],
    outside: ["2026-01-11T23:59:59Z", "2026-01-17T00:00:00Z"],
  },
  {
    name: "last day of a month",
    interval: { daysOfMonth: [parseDaysOfMonth("-1")] },
    inside: ["2026-02-28T12:00:00Z", "2028-02-29T12:00:00Z", "2026-01-31T00:00:00Z"],
    outside: ["2028-02-28T12:00:00Z"],
  },
  {
    name: "days past the end of a short month",
    interval: { daysOfMonth: [parseDaysOfMonth("25:31")] },
    inside: ["2026-02-28T12:00:00Z"],
    outside: ["2026-02-24T12:00:00Z", "2026-03-01T12:00:00Z"],
  },
  {
    name: "days that a month does not have",
    interval: { daysOfMonth: [parseDaysOfMonth("31")] },
    inside: ["2026-01-31T12:00:00Z"],
    outside: ["2026-02-28T12:00:00Z"],
  },
  {
    name: "from the third to the last but one",
    interval: { daysOfMonth: [parseDaysOfMonth("3:-2")] },
    inside: ["2026-02-03T12:00:00Z", "2026-02-27T12:00:00Z"],
    outside: ["2026-02-02T12:00:00Z", "2026-02-28T12:00:00Z"],
  },
  {
    name: "months by name and number",
    interval: { months: [parseMonths("january:2"), parseMonths("12")] },
    inside: ["2026-02-03T12:00:00Z", "2026-12-03T12:00:00Z"],
    outside: ["2026-03-01T00:00:00Z"],
  },
  {
    name: "years",
    interval: { years: [parseYears("2026:2027")] },
    inside: ["2027-12-31T23:00:00Z"],
    outside: ["2025-12-31T23:00:00Z"],
  },
  {
    name: "a time zone with summer time",
    interval: { times: [office], location: parseLocation("Europe/Berlin") },
    inside: ["2026-07-01T07:00:00Z", "2026-01-12T08:00:00Z"],
    outside: ["2026-01-12T07:30:00Z", "2026-07-01T15:00:00Z"],
  },
  ...(["times", "weekdays", "daysOfMonth", "months", "years"] as const).map((key) => ({
    name: `none, with an empty list of ${key}`,
    interval: { [key]: [] },
    inside: [],
    outside: ["2026-01-12T10:00:00Z"],
  })),
  {
    name: "all conditions at once",
    interval: { times: [office], weekdays: [parseWeekdays("monday")] },
    inside: ["2026-01-12T10:00:00Z"],
    outside: ["2026-01-12T18:00:00Z", "2026-01-13T10:00:00Z"],
  },
]) {
  test(`A time interval holds exactly its moments: ${name}`, () => {
    const holds = (moment: string): boolean =>
      containsMoment({ ...ALWAYS, ...interval }, Date.parse(moment));
    assert.deepEqual(
      inside.map(holds),
      inside.map(() => true),
    );
    assert.deepEqual(
      outside.map(holds),
      outside.map(() => false),
    );
  });
}

for (const [name, parse] of [
  ["weekday out of order", () => parseWeekdays("friday:monday")],
  ["weekday unknown", () => parseWeekdays("mo")],
  ["day zero", () => parseDaysOfMonth("0")],
  ["day 32", () => parseDaysOfMonth("1:32")],
  ["days backwards", () => parseDaysOfMonth("5:3")],
  ["days backwards from the end", () => parseDaysOfMonth("-1:-3")],
  ["month unknown", () => parseMonths("jan")],
  ["three parts", () => parseMonths("1:2:3")],
  ["time 24:01", () => parseMinute("24:01")],
  ["time 9:00", () => parseMinute("9:00")],
  ["zone", () => parseLocation("Mars/Olympus")],
  ["year", () => parseYears("two")],
] as const) {
  test(`A time interval is refused: ${name}`, () => assert.throws(parse, /must be/));
}
