import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_TIME_MS, MIN_TIME_MS, parseTimeMs } from "../../../../scraper/api/http/parameters.js";

for (const { text, milliseconds } of [
  { text: "0", milliseconds: 0 },
  { text: "1435781451.781", milliseconds: 1_435_781_451_781 },
  { text: "1.4357814517e9", milliseconds: 1_435_781_451_700 },
  { text: "-1.5", milliseconds: -1500 },
  { text: "2015-07-01T20:10:51.781Z", milliseconds: 1_435_781_451_781 },
  { text: "2015-07-01T22:10:51+02:00", milliseconds: 1_435_781_451_000 },
  { text: "-292273086-05-16T16:47:06Z", milliseconds: MIN_TIME_MS },
  { text: "292277025-08-18T07:12:54.999999999Z", milliseconds: MAX_TIME_MS },
]) {
  test(`time ${text} is ${milliseconds} ms`, () =>
    assert.equal(parseTimeMs("time", text), milliseconds));
}

for (const text of [
  "",
  "now",
  "1e400",
  "2015-07-01",
  "2015-13-01T00:00:00Z",
  "0x10",
  "1_000",
  "Infinity",
]) {
  test(`time "${text}" is refused with Prometheus' message`, () => {
    assert.throws(() => parseTimeMs("start", text), {
      message: `invalid parameter "start": cannot parse "${text}" to a valid timestamp`,
    });
  });
}
