import assert from "node:assert/strict";
import { test } from "node:test";
import { simpleConfig, startHarness } from "./dispatcher-harness.js";

const MINUTE_MS = 60_000;
const A1 = { alertname: "DiskFull", instance: "pi1" };
const A2 = { alertname: "DiskFull", instance: "pi2" };

test("A group waits group_wait, then group_interval for changes, then repeat_interval to repeat", async () => {
  const { clock, servers, fire, resolve } = await startHarness(simpleConfig());
  await fire(A1);
  await clock.advance(20_000);
  await fire(A2);
  await clock.advance(9_999);
  assert.deepEqual(servers.subjects, []);
  await clock.advance(1);
  assert.deepEqual(servers.subjects, ["[FIRING:2] DiskFull"]);
  await clock.advance(60 * MINUTE_MS);
  assert.equal(servers.mails.length, 1);
  await fire({ ...A1, instance: "pi3" });
  await clock.advance(5 * MINUTE_MS);
  assert.deepEqual(servers.subjects.slice(1), ["[FIRING:3] DiskFull"]);
  await clock.advance(240 * MINUTE_MS);
  assert.deepEqual(servers.subjects.slice(2), ["[FIRING:3] DiskFull"]);
  for (const instance of ["pi1", "pi2", "pi3"]) await resolve({ ...A1, instance });
  await clock.advance(5 * MINUTE_MS);
  assert.deepEqual(servers.subjects.slice(3), ["[RESOLVED] DiskFull"]);
  await clock.advance(24 * 60 * MINUTE_MS);
  assert.equal(servers.mails.length, 4);
});
