import assert from "node:assert/strict";
import { test } from "node:test";
import { Labels } from "../../../../exporter/shared/model/labels.js";
import { AlertGroup } from "../../../../scraper/alerting/dispatch/alert-group.js";
import {
  deduplicate,
  wait,
  type DeduplicateInput,
} from "../../../../scraper/alerting/dispatch/stages.js";
import { simpleConfig } from "./dispatcher-harness.js";

const NOW_MS = 1_000_000_000;
const MINUTE_MS = 60_000;

const notified = (
  firing: readonly string[],
  resolved: readonly string[] = [],
  agoMs = MINUTE_MS,
): DeduplicateInput["previous"] => ({
  id: "x",
  firing,
  resolved,
  timestampMs: NOW_MS - agoMs,
  threadMs: 0,
  expiresAtMs: NOW_MS + MINUTE_MS,
});

for (const { previous, firing, resolved = [], sendResolved = true, passed, reason } of [
  { previous: undefined, firing: ["a"], passed: true, reason: "first_notification" },
  { previous: undefined, firing: [], resolved: ["a"], passed: false, reason: "never_fired" },
  { previous: notified(["a"]), firing: ["a", "b"], passed: true, reason: "new_firing_alerts" },
  { previous: notified(["a"]), firing: ["a"], passed: false, reason: "unchanged" },
  { previous: notified(["a", "b"]), firing: ["a"], passed: false, reason: "unchanged" },
  {
    previous: notified(["a"], [], 60 * MINUTE_MS),
    firing: ["a"],
    passed: true,
    reason: "repeat_interval",
  },
  {
    previous: notified(["a", "b"]),
    firing: ["a"],
    resolved: ["b"],
    passed: true,
    reason: "newly_resolved",
  },
  {
    previous: notified(["a", "b"]),
    firing: ["a"],
    resolved: ["b"],
    sendResolved: false,
    passed: false,
    reason: "unchanged",
  },
  {
    previous: notified(["a"]),
    firing: [],
    resolved: ["a"],
    sendResolved: false,
    passed: true,
    reason: "all_resolved",
  },
  {
    previous: notified([], ["a"], 60 * MINUTE_MS),
    firing: [],
    resolved: ["a"],
    passed: false,
    reason: "unchanged",
  },
]) {
  const before = previous === undefined ? "nothing" : `firing [${previous.firing.join()}]`;
  const now = `firing [${firing.join()}], resolved [${resolved.join()}]`;
  test(`Deduplicate: ${before}, then ${now} is ${reason}`, () => {
    const repeatIntervalMs = 60 * MINUTE_MS;
    const common = { repeatIntervalMs, nowMs: NOW_MS, isWaiting: false };
    const decision = deduplicate({ previous, firing, resolved, sendResolved, ...common });
    assert.deepEqual(decision, { stage: "deduplicate", passed, reason });
  });
}

test("A group waits for group_wait, after a flush for group_interval, and says how long", () => {
  const group = new AlertGroup(simpleConfig().route, Labels.EMPTY, 1000);
  const stage = "wait";
  assert.deepEqual(wait(group, 1000), {
    stage,
    passed: false,
    reason: "group_wait",
    remainingMs: 30_000,
  });
  assert.deepEqual(wait(group, 31_000), { stage, passed: true, reason: "group_wait" });
  group.beginFlush(31_000);
  assert.deepEqual(wait(group, 32_000), {
    stage,
    passed: false,
    reason: "group_interval",
    remainingMs: 299_000,
  });
});
