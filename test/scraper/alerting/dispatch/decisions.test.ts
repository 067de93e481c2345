import assert from "node:assert/strict";
import { test } from "node:test";
import { Labels } from "../../../../exporter/shared/model/labels.js";
import { fingerprintOf } from "../../../../scraper/alerting/alerts/alert-fingerprint.js";
import { parseMatchers } from "../../../../scraper/alerting/config/matchers.js";
import { defaultNotificationConfig } from "../../../../scraper/alerting/config/parse-notification-config.js";
import { AlertGroup } from "../../../../scraper/alerting/dispatch/alert-group.js";
import type { Decision } from "../../../../scraper/alerting/dispatch/decision.js";
import {
  DecisionLog,
  MAX_LOGGED_ALERTS,
} from "../../../../scraper/alerting/dispatch/decision-log.js";
import { parseConfig, simpleConfig, startHarness, type Harness } from "./dispatcher-harness.js";

const SECOND_MS = 1000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const A = { alertname: "DiskFull", instance: "pi1" };
const ID = fingerprintOf(Labels.of(A));

/** One text for each path: `ops email/0: wait ok group_wait > inhibit no inhibited by x`. */
function pathsOf({ dispatcher }: Harness, fingerprint = ID): string[] {
  return dispatcher.decisionsOf(fingerprint).map(({ receiver, integration, decisions }) => {
    const texts = decisions.map(({ stage, passed, reason, by = [] }) => {
      const causes = stage === "deliver" || by.length === 0 ? "" : ` by ${by.join()}`;
      return `${stage} ${passed ? "ok" : "no"} ${reason}${causes}`;
    });
    return `${receiver} ${integration ?? "-"}: ${texts.join(" > ")}`;
  });
}

const PASSED = "inhibit ok not_inhibited > silence ok not_silenced > mute ok not_muted";

test("Until group_wait is over, the only decision about an alert is to wait, with the time left", async () => {
  const harness = await startHarness(simpleConfig());
  await harness.fire(A);
  await harness.clock.advance(20 * SECOND_MS);
  assert.deepEqual(pathsOf(harness), ["ops -: wait no group_wait"]);
  const [path] = harness.dispatcher.decisionsOf(ID);
  assert.equal(path?.decisions[0]?.remainingMs, 10 * SECOND_MS);
});

test("A delivered notification stays known while later flushes find nothing new", async () => {
  const harness = await startHarness(simpleConfig());
  const { clock } = harness;
  await harness.fire(A);
  await clock.advance(30 * SECOND_MS);
  const delivered = `deduplicate ok first_notification > deliver ok delivered`;
  assert.deepEqual(pathsOf(harness), [
    `ops email/0: wait ok group_wait > ${PASSED} > ${delivered}`,
  ]);
  const deliveredAtMs = clock.wallMs();
  await clock.advance(5 * MINUTE_MS);
  const unchanged = `deduplicate no unchanged > deliver ok delivered`;
  assert.deepEqual(pathsOf(harness), [
    `ops email/0: wait ok group_interval > ${PASSED} > ${unchanged}`,
  ]);
  const times = harness.dispatcher.decisionsOf(ID)[0]?.decisions.map(({ atMs }) => atMs);
  assert.deepEqual(times?.slice(-2), [clock.wallMs(), deliveredAtMs]);
});

test("The stage that stops an alert is its last decision, with the cause", async () => {
  const config = simpleConfig({
    route: `
  routes:
    - { matchers: ['kind="mute"'], mute_time_intervals: [afternoon] }
    - { matchers: ['kind="active"'], active_time_intervals: [evening] }`,
    rest: `
inhibit_rules: [{ source_matchers: ['alertname="HostDown"'], target_matchers: ['kind="quiet"'] }]
time_intervals:
  - { name: afternoon, time_intervals: [{ times: [{ start_time: "12:00", end_time: "18:00" }] }] }
  - { name: evening, time_intervals: [{ times: [{ start_time: "20:00", end_time: "24:00" }] }] }`,
  });
  const harness = await startHarness(config); // It is 15:00.
  const nowMs = harness.clock.wallMs();
  const silenceId = await harness.dispatcher.silences.set({
    id: undefined,
    matchers: parseMatchers('instance="pi1"'),
    startsAtMs: nowMs,
    endsAtMs: nowMs + HOUR_MS,
    createdBy: "anna",
    comment: "new disk",
  });
  const hostDown = { alertname: "HostDown" };
  const labelSets = [A, { kind: "quiet" }, { kind: "mute" }, { kind: "active" }];
  for (const labels of [hostDown, ...labelSets]) await harness.fire(labels);
  await harness.clock.advance(MINUTE_MS);
  const decided = labelSets.map((labels) =>
    pathsOf(harness, fingerprintOf(Labels.of(labels)))[0]
      ?.split(" > ")
      .at(-1),
  );
  assert.deepEqual(decided, [
    `silence no silenced by ${silenceId}`,
    `inhibit no inhibited by ${fingerprintOf(Labels.of(hostDown))}`,
    "mute no muted by afternoon",
    "mute no not_active by evening",
  ]);
});

for (const { name, reply, last, problem } of [
  {
    name: "a server that fails",
    reply: () => Promise.reject(new Error("connection refused")),
    last: "deliver no waiting",
    problem: /connection refused/,
  },
  {
    name: "a server that refuses the recipient",
    reply: async () => [
      { recipient: "ops@example.org", reply: "550 unknown user", isPermanent: true },
    ],
    last: "deliver no refused",
    problem: /550 unknown user/,
  },
]) {
  test(`The outcome of the message says why nobody got it: ${name}`, async () => {
    const harness = await startHarness(simpleConfig());
    harness.servers.onMail = reply;
    await harness.fire(A);
    await harness.clock.advance(30 * SECOND_MS);
    assert.equal(pathsOf(harness)[0]?.split(" > ").at(-1), last);
    assert.match(harness.dispatcher.decisionsOf(ID)[0]?.decisions.at(-1)?.problem ?? "", problem);
  });
}

for (const { name, config, resolves, last } of [
  {
    name: "a receiver without integrations",
    config: defaultNotificationConfig(),
    resolves: false,
    last: "deliver no no_integrations",
  },
  {
    name: "a resolved alert with send_resolved off",
    config: parseConfig(`
global: { smtp_smarthost: "mail.example.org:587", smtp_from: "pihealth@example.org" }
route: { receiver: ops, group_wait: 0s, group_interval: 1m }
receivers: [{ name: ops, email_configs: [{ to: "ops@example.org" }] }]
`),
    resolves: true,
    last: "deliver no no_resolved_notices",
  },
]) {
  test(`Nobody is notified about ${name}, and the decision says so`, async () => {
    const harness = await startHarness(config);
    await harness.fire(A);
    await harness.clock.advance(MINUTE_MS);
    if (resolves) await harness.resolve(A);
    await harness.clock.advance(2 * MINUTE_MS);
    assert.equal(pathsOf(harness)[0]?.split(" > ").at(-1), last);
  });
}

test("An alert that resolved within group_wait is explained after its group is gone", async () => {
  const harness = await startHarness(simpleConfig());
  await harness.fire(A);
  await harness.resolve(A);
  await harness.clock.advance(HOUR_MS);
  assert.equal(harness.dispatcher.alertGroups().length, 0);
  assert.deepEqual(pathsOf(harness), [
    `ops email/0: wait ok group_wait > ${PASSED} > deduplicate no never_fired`,
  ]);
});

test("An alert that fires again waits: the decisions about its earlier time do not count", async () => {
  const harness = await startHarness(simpleConfig());
  await harness.fire(A);
  await harness.clock.advance(30 * SECOND_MS);
  await harness.resolve(A);
  await harness.clock.advance(MINUTE_MS);
  await harness.fire(A);
  assert.deepEqual(pathsOf(harness), ["ops -: wait no group_interval"]);
});

test("The decision log keeps the newest flushes within its limit", () => {
  const { route } = simpleConfig();
  const log = new DecisionLog();
  const wait: Decision = { stage: "wait", passed: true, reason: "group_wait" };
  const half = MAX_LOGGED_ALERTS / 2;
  for (const name of ["first", "second", "third"]) {
    const group = new AlertGroup(route, Labels.of({ name }), 0);
    const fingerprints = Array.from({ length: half }, (_, index) => `${name}${index}`);
    const alerts = new Map(fingerprints.map((fingerprint) => [fingerprint, []]));
    log.record(group, { atMs: 0, wait, alerts, integrations: [] });
  }
  const known = ["first0", "second0", "third0"].map(
    (fingerprint) => log.pathsOf(fingerprint, () => true).length,
  );
  assert.deepEqual(known, [0, 1, 1]);
});
