import assert from "node:assert/strict";
import { test } from "node:test";
import { Labels } from "../../../../exporter/shared/model/labels.js";
import { fingerprintOf } from "../../../../scraper/alerting/alerts/alert-fingerprint.js";
import { MAX_ALERTS } from "../../../../scraper/alerting/alerts/alert-store.js";
import { MailError } from "../../../../scraper/alerting/delivery/mail-transport.js";
import { parseMatchers } from "../../../../scraper/alerting/config/matchers.js";
import { defaultNotificationConfig } from "../../../../scraper/alerting/config/parse-notification-config.js";
import {
  alertOf,
  FakeServers,
  FOLDER,
  parseConfig,
  simpleConfig,
  startHarness,
} from "./dispatcher-harness.js";
import { assertEvery } from "../../../support/assert-every.js";
import { valueOf } from "../../../support/metric-values.js";

const SECOND_MS = 1000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const UNREACHABLE = new MailError("Cannot send mail: refused", [], false, "connection");
const A1 = { alertname: "DiskFull", instance: "pi1" };
const A2 = { alertname: "DiskFull", instance: "pi2" };
const A3 = { alertname: "DiskFull", instance: "pi3" };

test("A group waits group_wait, then group_interval for changes, then repeat_interval to repeat", async () => {
  const { clock, servers, fire, resolve } = await startHarness(simpleConfig());
  await fire(A1);
  await clock.advance(20 * SECOND_MS);
  await fire(A2);
  await clock.advance(10 * SECOND_MS - 1);
  assert.deepEqual(servers.subjects, []);
  await clock.advance(1);
  assert.deepEqual(servers.subjects, ["[FIRING:2] DiskFull"]);
  await clock.advance(HOUR_MS);
  assert.equal(servers.mails.length, 1);
  await fire(A3);
  await clock.advance(5 * MINUTE_MS);
  assert.deepEqual(servers.subjects.slice(1), ["[FIRING:3] DiskFull"]);
  await clock.advance(4 * HOUR_MS);
  assert.deepEqual(servers.subjects.slice(2), ["[FIRING:3] DiskFull"]);
  for (const labels of [A1, A2, A3]) await resolve(labels);
  await clock.advance(5 * MINUTE_MS);
  assert.deepEqual(servers.subjects.slice(3), ["[RESOLVED] DiskFull"]);
  await clock.advance(24 * HOUR_MS);
  assert.equal(servers.mails.length, 4);
});

test("An alert that has been firing for longer than group_wait is notified immediately", async () => {
  const { servers, fire } = await startHarness(simpleConfig());
  await fire(A1, { startsAgoMs: 31 * SECOND_MS });
  assert.equal(servers.mails.length, 1);
});

test("An alert that resolves within group_wait is never notified", async () => {
  const { clock, servers, fire, resolve } = await startHarness(simpleConfig());
  await fire(A1);
  await clock.advance(10 * SECOND_MS);
  await resolve(A1);
  await clock.advance(HOUR_MS);
  assert.deepEqual(servers.subjects, []);
});

test("A mail about a partly resolved group lists firing and resolved alerts, and is sent once", async () => {
  const { clock, servers, fire, resolve } = await startHarness(simpleConfig());
  await fire(A1);
  await fire(A2);
  await clock.advance(30 * SECOND_MS);
  await resolve(A1);
  await clock.advance(5 * MINUTE_MS);
  assert.deepEqual(servers.subjects, ["[FIRING:2] DiskFull", "[FIRING:1] DiskFull"]);
  const text = servers.mails[1]?.mail.text ?? "";
  assert.match(
    text,
    /^1 firing\n[\s\S]*DiskFull on pi2[\s\S]*1 resolved\n[\s\S]*DiskFull on pi1[\s\S]*Until: /,
  );
  await clock.advance(HOUR_MS);
  assert.equal(servers.mails.length, 2);
});

for (const isRestarted of [false, true]) {
  test(`A resolved alert that rules send again for 15 minutes is notified once: ${isRestarted ? "with" : "without"} a restart`, async () => {
    let harness = await startHarness(simpleConfig());
    const { clock, files, servers } = harness;
    const endedA1 = alertOf(A1, clock.wallMs(), clock.wallMs() + MINUTE_MS);
    await harness.fire(A1);
    await harness.fire(A2);
    await clock.advance(2 * MINUTE_MS);
    for (let minute = 2; minute < 15; minute++) {
      await harness.dispatcher.receive([endedA1]);
      if (minute === 8 && isRestarted) {
        await harness.dispatcher.stop();
        harness = await startHarness(simpleConfig(), { clock, files, servers });
        await harness.fire(A2, { startsAgoMs: 8 * MINUTE_MS });
      }
      if (minute === 9) await harness.fire(A3);
      await clock.advance(MINUTE_MS);
    }
    await clock.advance(10 * MINUTE_MS);
    assert.deepEqual(
      servers.subjects,
      ["2", "1", "2"].map((count) => `[FIRING:${count}] DiskFull`),
    );
    const resolved = servers.mails.map(({ mail }) => /^\d+ resolved$/m.exec(mail.text)?.[0]);
    assert.deepEqual(resolved, [undefined, "1 resolved", undefined]);
  });
}

test("An alert that is not sent again ends at its timeout, and receivers are notified", async () => {
  const { clock, servers, dispatcher } = await startHarness(simpleConfig());
  const nowMs = clock.wallMs();
  await dispatcher.receive([{ ...alertOf(A1, nowMs, nowMs + 5 * MINUTE_MS), endsByTimeout: true }]);
  await clock.advance(20 * MINUTE_MS);
  assert.deepEqual(servers.subjects, ["[FIRING:1] DiskFull (pi1)", "[RESOLVED] DiskFull (pi1)"]);
});

test("With send_resolved off the end is not notified, and the next start is", async () => {
  const config = parseConfig(`
global: { smtp_smarthost: "mail.example.org:587", smtp_from: "pihealth@example.org" }
route: { receiver: ops, group_wait: 0s, group_interval: 1m }
receivers: [{ name: ops, email_configs: [{ to: "ops@example.org" }] }]
`);
  const { clock, servers, fire, resolve } = await startHarness(config);
  await fire(A1);
  await resolve(A1);
  await clock.advance(5 * MINUTE_MS);
  assert.equal(servers.mails.length, 1);
  await fire(A1);
  await clock.advance(5 * MINUTE_MS);
  assert.equal(servers.mails.length, 2);
});

test("Mails of one group form one thread until the group has ended, then another", async () => {
  const { clock, servers, fire, resolve } = await startHarness(simpleConfig());
  await fire(A1);
  await clock.advance(MINUTE_MS);
  await resolve(A1);
  await clock.advance(10 * MINUTE_MS);
  await fire(A1);
  await clock.advance(10 * MINUTE_MS);
  const [first, second, third] = servers.mails.map(({ mail }) => mail);
  assert.equal(servers.mails.length, 3);
  assert.equal(first?.thread, second?.thread);
  assert.notEqual(second?.thread, third?.thread);
  assert.equal(new Set(servers.mails.map(({ mail }) => mail.messageId)).size, 3);
});

for (const { name, route, labels, startsAfterMs, notifiesAfterMs } of [
  { name: "is notified immediately", route: "", labels: A1, startsAfterMs: 0, notifiesAfterMs: 0 },
  {
    name: "is notified immediately when the last mail of its group is old",
    route: "",
    labels: A2,
    startsAfterMs: MINUTE_MS,
    notifiesAfterMs: 0,
  },
  {
    name: "waits 10 s after the last mail of its group",
    route: "",
    labels: A2,
    startsAfterMs: 4 * SECOND_MS,
    notifiesAfterMs: 6 * SECOND_MS,
  },
  {
    name: "waits for group_wait when a route below the first sets it",
    route: "  routes: [{ matchers: ['instance=pi3'], group_wait: 20s }]",
    labels: A3,
    startsAfterMs: 0,
    notifiesAfterMs: 20 * SECOND_MS,
  },
]) {
  test(`A pushed alarm ${name}`, async () => {
    const { clock, servers, fire } = await startHarness(simpleConfig({ route }));
    if (labels !== A1) await fire(A1, { immediate: true });
    servers.mails.length = 0;
    await clock.advance(startsAfterMs);
    await fire(labels, { immediate: true });
    if (notifiesAfterMs > 0) {
      await clock.advance(notifiesAfterMs - 1);
      assert.equal(servers.mails.length, 0);
      await clock.advance(1);
    }
    assert.equal(servers.mails.length, 1);
  });
}

test("A posted alert that is no alarm of a Pi waits group_wait, and survives a restart", async () => {
  const { clock, files, servers, dispatcher } = await startHarness(simpleConfig());
  const nowMs = clock.wallMs();
  await dispatcher.receive([alertOf(A1, nowMs, nowMs + HOUR_MS)], { durable: true });
  await clock.advance(29 * SECOND_MS);
  await dispatcher.stop();
  assert.deepEqual(servers.subjects, []);
  await startHarness(simpleConfig(), { clock, files: files.afterPowerCut(), servers });
  await clock.advance(SECOND_MS);
  assert.deepEqual(servers.subjects, []);
  await clock.advance(30 * SECOND_MS);
  assert.deepEqual(servers.subjects, ["[FIRING:1] DiskFull (pi1)"]);
});

const SIBLINGS = `
route:
  receiver: root
  group_wait: 0s
  routes:
    - { matchers: [k=sib], receiver: mail, active_time_intervals: [never], continue: true }
    - { matchers: [k=sib], receiver: mail, mute_time_intervals: [never] }
receivers:
  - { name: root }
  - { name: mail, webhook_configs: [{ url: "http://127.0.0.1:1/mail" }] }
time_intervals: [{ name: never, time_intervals: [{ years: ["2001"] }] }]
`;

test("Sibling routes with one receiver and the same matchers have a group each", async () => {
  const { servers, dispatcher, fire } = await startHarness(parseConfig(SIBLINGS));
  await fire({ k: "sib" });
  assert.deepEqual(
    dispatcher.alertGroups().map(({ receiver }) => receiver),
    ["mail", "mail"],
  );
  assert.equal(servers.requests.length, 1);
});

test("Groups of sibling routes keep their timing over a reload, also at another place", async () => {
  const { clock, servers, dispatcher, fire } = await startHarness(parseConfig(SIBLINGS));
  await fire({ k: "sib" });
  const moved = SIBLINGS.replace(
    "routes:",
    "routes:\n    - { matchers: [k=other], receiver: root }",
  );
  await dispatcher.reload(parseConfig(moved.replace("group_wait: 0s", "group_wait: 1m")));
  await fire({ k: "sib", instance: "pi2" });
  await clock.advance(4 * MINUTE_MS);
  assert.equal(servers.requests.length, 1);
  await clock.advance(MINUTE_MS);
  assert.equal(servers.requests.length, 2);
});

test("A notification lists alerts by job, instance and labels, whatever their age", async () => {
  const { clock, servers, fire } = await startHarness(simpleConfig());
  const order = [
    { alertname: "DiskFull", job: "a", instance: "pi2" },
    { alertname: "DiskFull", job: "a", instance: "pi3", device: "sda" },
    { alertname: "DiskFull", job: "a", instance: "pi3", device: "sdb" },
    { alertname: "DiskFull", job: "a" },
    { alertname: "DiskFull", job: "b", instance: "pi1" },
    { alertname: "DiskFull", instance: "pi1" },
    { alertname: "DiskFull" },
    { alertname: "DiskFull", x: "1" },
    { alertname: "DiskFull", a: "1", x: "1" },
  ];
  for (const labels of [...order].reverse()) await fire(labels);
  await clock.advance(30 * SECOND_MS);
  const text = servers.mails[0]?.mail.text ?? "";
  const pairsOf = (labels: object): string =>
    Object.entries(labels)
      .map(([name, value]) => `    ${name} = ${value}\n`)
      .sort((left, right) => Number(/alertname/.test(right)) - Number(/alertname/.test(left)))
      .join("");
  const listed = [...text.matchAll(/ {2}Labels:\n((?: {4}\S+ = \S+\n)+)/g)].map(
    (match) => match[1],
  );
  const sorted = order.map((labels) => pairsOf(Object.fromEntries(Object.entries(labels).sort())));
  assert.deepEqual(listed, sorted);
});

for (const { name, sendResolved, states, expected } of [
  { name: "fires", sendResolved: true, states: [1, 0, 1, 0, 1], expected: ["[FIRING:1]"] },
  { name: "has ended", sendResolved: true, states: [1, 0, 1, 0], expected: ["[RESOLVED]"] },
  { name: "has ended, without send_resolved", sendResolved: false, states: [1, 0], expected: [] },
]) {
  test(`After an outage of the server a group is notified once of its present state: it ${name}`, async () => {
    const config = simpleConfig();
    const [integration] = config.receivers.get("ops")?.integrations ?? [];
    assert.ok(integration?.kind === "email");
    Object.assign(integration, { sendResolved });
    const { clock, servers, fire, resolve } = await startHarness(config);
    servers.onMail = () => Promise.reject(UNREACHABLE);
    for (const state of states) {
      await (state === 1 ? fire(A1) : resolve(A1));
      await clock.advance(10 * MINUTE_MS);
    }
    servers.onMail = async () => [];
    assert.deepEqual(servers.subjects, []);
    await clock.advance(10 * SECOND_MS);
    assert.deepEqual(
      servers.subjects,
      expected.map((state) => `${state} DiskFull (pi1)`),
    );
  });
}

test("Alerts that ended during an outage of the server stay in the message until it is delivered", async () => {
  const { clock, servers, fire, resolve } = await startHarness(simpleConfig());
  await fire(A1);
  await fire(A2);
  await clock.advance(MINUTE_MS);
  servers.onMail = () => Promise.reject(UNREACHABLE);
  await resolve(A1);
  await clock.advance(30 * MINUTE_MS);
  await fire(A3);
  await clock.advance(30 * MINUTE_MS);
  servers.onMail = async () => [];
  await clock.advance(10 * SECOND_MS);
  assert.deepEqual(servers.subjects.slice(1), ["[FIRING:2] DiskFull"]);
  assert.match(servers.mails.at(-1)?.mail.text ?? "", /1 resolved\n[\s\S]*DiskFull on pi1/);
  await resolve(A2);
  await clock.advance(10 * MINUTE_MS);
  assert.doesNotMatch(servers.mails.at(-1)?.mail.text ?? "", /pi1/);
});

test("An alarm that is pushed many times is mailed once", async () => {
  const { clock, servers, fire } = await startHarness(simpleConfig());
  for (let second = 0; second < 120; second++) {
    await fire(A1, { immediate: true });
    await clock.advance(SECOND_MS);
  }
  assert.equal(servers.mails.length, 1);
});

test("An alert inhibits others only while it fires, and only if the equal labels have the same values", async () => {
  const config = simpleConfig({
    rest: `
inhibit_rules:
  - { source_matchers: ['alertname="HostDown"'], target_matchers: ['alertname="DiskFull"'], equal: [instance] }`,
  });
  const { clock, servers, fire, resolve } = await startHarness(config);
  await fire({ alertname: "HostDown", instance: "pi1" });
  await fire(A1);
  await fire(A2);
  await clock.advance(MINUTE_MS);
  assert.deepEqual([...servers.subjects].sort(), [
    "[FIRING:1] DiskFull (pi2)",
    "[FIRING:1] HostDown (pi1)",
  ]);
  await resolve({ alertname: "HostDown", instance: "pi1" });
  await clock.advance(10 * MINUTE_MS);
  assert.ok(servers.subjects.includes("[FIRING:2] DiskFull"));
});

test("Two alerts that match both sides of an inhibit rule do not inhibit each other", async () => {
  const config = simpleConfig({
    rest: `
inhibit_rules: [{ source_matchers: ['alertname="DiskFull"'], target_matchers: ['alertname="DiskFull"'] }]`,
  });
  const { clock, servers, fire } = await startHarness(config);
  await fire(A1);
  await fire(A2);
  await clock.advance(MINUTE_MS);
  assert.deepEqual(servers.subjects, ["[FIRING:2] DiskFull"]);
});

test("A silence mutes matching alerts until it ends or expires, also after a restart", async () => {
  const first = await startHarness(simpleConfig());
  const nowMs = first.clock.wallMs();
  const id = await first.dispatcher.silences.set({
    id: undefined,
    matchers: parseMatchers('instance=~"pi[12]"'),
    startsAtMs: nowMs,
    endsAtMs: nowMs + 2 * HOUR_MS,
    createdBy: "anna",
    comment: "moving house",
  });
  await first.fire(A1);
  await first.fire(A3);
  await first.clock.advance(MINUTE_MS);
  assert.deepEqual(first.servers.subjects, ["[FIRING:1] DiskFull (pi3)"]);
  const { clock } = first;
  const second = await startHarness(simpleConfig(), { clock, files: first.files.afterPowerCut() });
  await second.fire(A1);
  await clock.advance(MINUTE_MS);
  assert.deepEqual(second.servers.subjects, []);
  await second.dispatcher.silences.expire(id);
  await clock.advance(10 * MINUTE_MS);
  assert.deepEqual(second.servers.subjects, ["[FIRING:1] DiskFull (pi1)"]);
});

test("A route is muted inside its mute intervals and outside its active ones", async () => {
  const config = simpleConfig({
    route: `
  routes:
    - { matchers: ['kind="mute"'], group_by: [kind], mute_time_intervals: [afternoon] }
    - { matchers: ['kind="active"'], group_by: [kind], active_time_intervals: [evening] }`,
    rest: `
time_intervals:
  - { name: afternoon, time_intervals: [{ times: [{ start_time: "12:00", end_time: "18:00" }] }] }
  - { name: evening, time_intervals: [{ times: [{ start_time: "20:00", end_time: "24:00" }] }] }`,
  });
  const { clock, servers, fire } = await startHarness(config); // It is 15:00.
  await fire({ alertname: "X", kind: "mute" });
  await fire({ alertname: "X", kind: "active" });
  await clock.advance(2.9 * HOUR_MS);
  assert.deepEqual(servers.subjects, []);
  await clock.advance(0.2 * HOUR_MS);
  assert.deepEqual(servers.subjects, ["[FIRING:1] mute"]);
  await clock.advance(2 * HOUR_MS);
  assert.deepEqual(servers.subjects, ["[FIRING:1] mute", "[FIRING:1] active"]);
});

test("A restart after kill -9 repeats no mail, whether or not the server had taken it", async () => {
  for (const { isServerDown } of [{ isServerDown: false }, { isServerDown: true }]) {
    const servers = new FakeServers();
    if (isServerDown) servers.onMail = () => Promise.reject(new Error("connection refused"));
    const first = await startHarness(simpleConfig(), { servers });
    const { clock } = first;
    await first.fire(A1);
    await clock.advance(31 * SECOND_MS);
    assert.equal(servers.mails.length, isServerDown ? 0 : 1);
    const files = first.files.afterPowerCut();
    servers.onMail = async () => [];
    await first.dispatcher.stop();
    servers.mails.length = 0;
    const second = await startHarness(simpleConfig(), { clock, files, servers });
    await second.fire(A1, { startsAgoMs: MINUTE_MS });
    await clock.advance(HOUR_MS);
    assert.deepEqual(servers.subjects, isServerDown ? ["[FIRING:1] DiskFull (pi1)"] : []);
    await second.resolve(A1);
    await clock.advance(10 * MINUTE_MS);
    assert.equal(servers.subjects.at(-1), "[RESOLVED] DiskFull (pi1)");
    await second.dispatcher.stop();
  }
});

test("With a power cut before any single write, each change is mailed once and never lost", async () => {
  for (let cutBefore = 1; cutBefore <= 12; cutBefore++) {
    const servers = new FakeServers();
    const first = await startHarness(simpleConfig(), { servers });
    let writes = 0;
    let disk: typeof first.files | undefined;
    first.files.fault = (operation) => {
      if (!["append", "sync", "replace", "remove"].includes(operation)) return undefined;
      if (++writes === cutBefore) disk = first.files.afterPowerCut();
      return writes >= cutBefore ? "EIO" : undefined; // A machine without power writes no more.
    };
    servers.onMail = async () => {
      if (disk !== undefined) throw new Error("no power");
      return [];
    };
    await first.fire(A1);
    await first.clock.advance(31 * SECOND_MS);
    const before = servers.mails.length;
    const files = disk ?? first.files.afterPowerCut();
    servers.onMail = async () => [];
    const second = await startHarness(simpleConfig(), {
      clock: first.clock,
      files,
      servers: new FakeServers(),
    });
    await second.fire(A1, { startsAgoMs: MINUTE_MS });
    await first.clock.advance(HOUR_MS);
    const after = second.servers.mails.length;
    const wasTaken = before === 1;
    // Only between "the server took it" and "it is removed" may the same message go out again.
    if (wasTaken && after === 1)
      assert.equal(second.servers.mails[0]?.mail.messageId, servers.mails[0]?.mail.messageId);
    else assert.equal(before + after, 1, `power cut before write ${cutBefore}`);
    await second.dispatcher.stop();
  }
});

test("An acknowledged alarm survives kill -9 and is notified", async () => {
  const servers = new FakeServers();
  const config = simpleConfig({
    route: "  routes: [{ matchers: ['instance=pi1'], group_wait: 1m }]",
  });
  const first = await startHarness(config, { servers });
  await first.fire(A1, { immediate: true });
  const files = first.files.afterPowerCut();
  const second = await startHarness(config, { clock: first.clock, files });
  await first.clock.advance(2 * MINUTE_MS);
  assert.deepEqual(second.servers.subjects, ["[FIRING:1] DiskFull (pi1)"]);
});

test("A reload keeps alerts, timing and the notification log, and sends waiting mail with the new settings", async () => {
  const { clock, servers, dispatcher, fire } = await startHarness(simpleConfig());
  await fire(A1);
  await clock.advance(31 * SECOND_MS);
  assert.equal(servers.mails.length, 1);
  await dispatcher.reload(
    simpleConfig({ route: "  routes: [{ matchers: ['instance=pi9'], receiver: hook }]" }),
  );
  await clock.advance(HOUR_MS);
  assert.equal(servers.mails.length, 1);
  servers.onMail = () => Promise.reject(new Error("connection refused"));
  await fire(A2);
  await clock.advance(6 * MINUTE_MS);
  servers.onMail = async () => [];
  await dispatcher.reload(simpleConfig());
  await clock.advance(0);
  assert.deepEqual(servers.subjects, ["[FIRING:1] DiskFull (pi1)", "[FIRING:2] DiskFull"]);
});

test("A reload with a broken template is refused and the old configuration stays", async () => {
  const { dispatcher } = await startHarness(simpleConfig());
  const broken = parseConfig(`
global: { smtp_smarthost: "mail.example.org:587", smtp_from: "pihealth@example.org" }
route: { receiver: ops }
receivers: [{ name: ops, email_configs: [{ to: "ops@example.org", text: "{{ .Nonsense" }] }]
`);
  const before = dispatcher.currentConfig;
  await assert.rejects(dispatcher.reload(broken), /Cannot load notification templates/);
  assert.equal(dispatcher.currentConfig, before);
});

test("When a receiver's template fails, the default mail goes out instead", async () => {
  const config = parseConfig(`
global: { smtp_smarthost: "mail.example.org:587", smtp_from: "pihealth@example.org" }
route: { receiver: ops, group_wait: 0s }
receivers: [{ name: ops, email_configs: [{ to: "ops@example.org", text: "{{ .NoSuchField }}" }] }]
`);
  const { servers, dispatcher, fire } = await startHarness(config);
  await fire(A1);
  assert.match(servers.mails[0]?.mail.text ?? "", /DiskFull on pi1/);
  assert.equal(valueOf(dispatcher, "pihealth_notification_render_failures_total"), 1);
});

test("A full disk loses no notification and no alarm", async () => {
  const { clock, files, servers, dispatcher, fire } = await startHarness(simpleConfig());
  files.roomBytes = 0;
  await fire(A1);
  await clock.advance(MINUTE_MS);
  assert.deepEqual(servers.subjects, ["[FIRING:1] DiskFull (pi1)"]);
  await assert.rejects(
    dispatcher.receive([alertOf(A2, clock.wallMs(), clock.wallMs() + HOUR_MS)], {
      durable: true,
      isImmediate: () => true,
    }),
    /Cannot write/,
  );
  await clock.advance(MINUTE_MS);
  assert.equal(servers.mails.length, 2);
  assert.equal(valueOf(dispatcher, "pihealth_outbox_unsaved_total"), 2);
  assert.equal(valueOf(dispatcher, "pihealth_notification_log_unsaved_total"), 2);
});

test("Webhooks get Alertmanager's message, version 4, cut to max_alerts", async () => {
  const config = parseConfig(`
route: { receiver: hook, group_by: [alertname], group_wait: 1s, routes: [] }
receivers: [{ name: hook, webhook_configs: [{ url: "http://127.0.0.1:1/hook", max_alerts: 1 }] }]
`);
  const { clock, servers, fire } = await startHarness(config);
  await fire({ ...A1, severity: "warning" }, { startsAgoMs: 500 });
  await fire({ ...A2, severity: "warning" });
  await clock.advance(SECOND_MS);
  const [request] = servers.requests;
  assert.equal(request?.url, "http://127.0.0.1:1/hook");
  assert.deepEqual(JSON.parse(String(request?.body)), {
    receiver: "hook",
    status: "firing",
    alerts: [
      {
        status: "firing",
        labels: { ...A1, severity: "warning" },
        annotations: { summary: "DiskFull is on" },
        startsAt: "2026-01-12T14:59:59.500Z",
        endsAt: "0001-01-01T00:00:00Z",
        generatorURL: "http://master:8730/graph?g0.expr=up",
        fingerprint: fingerprintOf(Labels.of({ ...A1, severity: "warning" })),
      },
    ],
    groupLabels: { alertname: "DiskFull" },
    commonLabels: { alertname: "DiskFull", severity: "warning" },
    commonAnnotations: { summary: "DiskFull is on" },
    externalURL: "http://master:8730",
    version: "4",
    groupKey: '{}:{alertname="DiskFull"}',
    truncatedAlerts: 1,
  });
});

test("Alerts that are not acceptable are counted by reason, and the others are taken", async () => {
  const { clock, dispatcher } = await startHarness(simpleConfig());
  const good = alertOf(A1, clock.wallMs(), clock.wallMs() + HOUR_MS);
  const many = Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`l${index}`, "x"]));
  const result = await dispatcher.receive([
    good,
    alertOf({}, 0, 1),
    alertOf(many, 0, 1),
    alertOf({ alertname: "x".repeat(5000) }, 0, 1),
    { ...good, startsAtMs: good.endsAtMs + 1 },
  ]);
  assert.deepEqual(result, {
    accepted: 1,
    rejected: { no_labels: 1, too_many_labels: 1, too_long: 1, ends_before_start: 1 },
  });
});

test("The number of alerts is limited, and alerts that end make room", async () => {
  const { clock, dispatcher } = await startHarness(defaultNotificationConfig());
  const nowMs = clock.wallMs();
  const alerts = Array.from({ length: MAX_ALERTS + 5 }, (_, index) =>
    alertOf({ alertname: "Storm", n: String(index) }, nowMs, nowMs + MINUTE_MS),
  );
  const { accepted, rejected } = await dispatcher.receive(alerts);
  assert.deepEqual({ accepted, rejected }, { accepted: MAX_ALERTS, rejected: { store_full: 5 } });
  await clock.advance(HOUR_MS);
  const again = await dispatcher.receive([alertOf(A1, clock.wallMs(), clock.wallMs() + 1)]);
  assert.equal(again.accepted, 1);
});

test("Damaged lines in files of an earlier run are skipped, the others are kept", async () => {
  const first = await startHarness(simpleConfig());
  await first.fire(A1);
  await first.clock.advance(MINUTE_MS);
  await first.dispatcher.stop();
  const { files, clock } = first;
  for (const name of ["silences.jsonl", "alarms.jsonl", "notification-log.jsonl"]) {
    const existing = files.paths().includes(`${FOLDER}/${name}`)
      ? await files.readText(`${FOLDER}/${name}`)
      : "";
    files.put(
      `${FOLDER}/${name}`,
      `rubbish\n{"v":2,"id":"x"}\n{"v":1,"id":7}\n${existing}{"v":1,"id":"torn`,
    );
  }
  files.put(`${FOLDER}/outbox/000-bad.json`, "{}");
  files.put(`${FOLDER}/outbox/000-old.json.1234.tmp`, "half");
  const second = await startHarness(simpleConfig(), { clock, files });
  await second.fire(A1, { startsAgoMs: HOUR_MS });
  await clock.advance(HOUR_MS);
  assert.deepEqual(second.servers.subjects, []);
  assert.equal(valueOf(second.dispatcher, "pihealth_alerting_damaged_lines_total"), 12);
  assert.deepEqual(
    files.paths().filter((name) => name.startsWith(`${FOLDER}/outbox`)),
    [`${FOLDER}/outbox/rejected/000-bad.json.damaged`],
  );
});

test("Without a configuration alerts are shown and nobody is notified", async () => {
  const { clock, servers, dispatcher, fire } = await startHarness(defaultNotificationConfig());
  await fire(A1);
  await clock.advance(HOUR_MS);
  assert.equal(servers.mails.length + servers.requests.length, 0);
  assert.deepEqual(
    dispatcher.alerts().map(({ labels }: { labels: Labels }) => labels.toObject()),
    [A1],
  );
});

test("Hostile labels reach the mail as text: they add no header, no markup and no link", async () => {
  const { clock, servers, dispatcher } = await startHarness(simpleConfig());
  const nowMs = clock.wallMs();
  const alert = alertOf(
    { alertname: "X\r\nBcc: evil@example.org\r\n\r\nhi", instance: '<script>alert("1")</script>' },
    nowMs,
    nowMs + HOUR_MS,
  );
  await dispatcher.receive([{ ...alert, generatorUrl: "javascript:alert(1)" }]);
  await clock.advance(MINUTE_MS);
  const mail = servers.mails[0]?.mail;
  assert.ok(mail !== undefined);
  assert.equal(mail.subject, '[FIRING:1] X Bcc: evil@example.org hi (<script>alert("1")</script>)');
  assert.ok(!mail.html.includes("<script>"));
  assert.ok(!/href="javascript:/i.test(mail.html));
});

test("Group views and receivers follow the routing tree", async () => {
  const { dispatcher, fire } = await startHarness(
    simpleConfig({
      route:
        "  routes: [{ matchers: ['instance=pi1'], receiver: hook, continue: true }, { match: { instance: pi1 } }]",
    }),
  );
  await fire(A1);
  assert.deepEqual(dispatcher.receiversOf(alertOf(A1, 0, 1)), ["hook", "ops"]);
  assert.deepEqual(
    dispatcher
      .alertGroups()
      .map(({ receiver }) => receiver)
      .sort(),
    ["hook", "ops"],
  );
});

for (const { name, status, headers, http, urls } of [
  {
    name: "goes to the new place with method, body and credentials",
    status: 307,
    headers: { location: "/new" },
    http: "follow_redirects: true",
    urls: ["http://127.0.0.1:1/hook Bearer x", "http://127.0.0.1:1/new Bearer x"],
  },
  {
    name: "carries no credentials to another port",
    status: 308,
    headers: { location: "http://127.0.0.1:2/new" },
    http: "follow_redirects: true",
    urls: ["http://127.0.0.1:1/hook Bearer x", "http://127.0.0.1:2/new none"],
  },
  {
    name: "is not followed when it would lose the message",
    status: 302,
    headers: { location: "/new" },
    http: "follow_redirects: true",
    urls: ["http://127.0.0.1:1/hook Bearer x"],
  },
  {
    name: "is not followed with follow_redirects off",
    status: 307,
    headers: { location: "/new" },
    http: "follow_redirects: false",
    urls: ["http://127.0.0.1:1/hook Bearer x"],
  },
]) {
  test(`A redirect of a webhook ${name}`, async () => {
    const config = parseConfig(`
route: { receiver: hook, group_wait: 0s }
receivers:
  - name: hook
    webhook_configs:
      - { url: "http://127.0.0.1:1/hook", http_config: { authorization: { credentials: x }, ${http} } }
`);
    const { servers, fire } = await startHarness(config);
    servers.onHttp = async ({ url }) => ({
      status: url.endsWith("/new") ? 200 : status,
      headers,
      body: Buffer.alloc(0),
    });
    await fire(A1);
    const seen = servers.requests.map(
      (request) => `${request.url} ${request.headers?.["Authorization"] ?? "none"}`,
    );
    assert.deepEqual(seen, urls);
    assertEvery(servers.requests, ({ method, body }) => method === "POST" && body !== undefined);
  });
}
