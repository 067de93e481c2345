import assert from "node:assert/strict";
import { test } from "node:test";
import { Labels } from "../../../../exporter/shared/model/labels.js";
import type { NotificationConfig } from "../../../../scraper/alerting/config/notification-config.js";
import type { OutageSummary, PastAlert } from "../../../../scraper/alerting/alerts/past-alert.js";
import { MAX_SUMMARY_ROWS } from "../../../../scraper/alerting/messages/summary-data.js";
import { type Harness, parseConfig, simpleConfig, startHarness } from "./dispatcher-harness.js";
import { valueOf } from "../../../support/metric-values.js";

const HOUR_MS = 3_600_000;
const A = { alertname: "A", instance: "pi-1:8732" };
const NOON_MS = Date.UTC(2026, 0, 12, 12);

function past(labels: Record<string, string>, change: Partial<PastAlert> = {}): PastAlert {
  return {
    labels: Labels.of(labels),
    annotations: Labels.of({ summary: `${labels["alertname"] ?? ""} was on` }),
    generatorUrl: "",
    activeAtMs: NOON_MS,
    firedAtMs: NOON_MS + 60_000,
    endedAtMs: NOON_MS + 2 * HOUR_MS,
    times: 1,
    worst: 0.96,
    ...change,
  };
}

function outage(alerts: readonly PastAlert[], change: Partial<OutageSummary> = {}): OutageSummary {
  return {
    id: "1",
    fromMs: NOON_MS - HOUR_MS,
    untilMs: NOON_MS + 3 * HOUR_MS,
    away: "master",
    alerts,
    omitted: 0,
    ...change,
  };
}

/** Starts at 15:00. */
async function notify(config: NotificationConfig, summary: OutageSummary): Promise<Harness> {
  const harness = await startHarness(config);
  await harness.dispatcher.summarize(summary);
  await harness.clock.advance(1000);
  return harness;
}

test("a receiver gets one mail about all alerts of an outage, whatever groups they belong to", async () => {
  const hosts = Array.from({ length: 20 }, (_, index) =>
    past({ alertname: "Hot", instance: `pi-${index}:8732` }),
  );
  const disk = past(
    { alertname: "DiskFull", instance: "pi-3:8732", mountpoint: "/" },
    { worst: 0.97 },
  );
  const memory = past({ alertname: "MemoryHigh", instance: "pi-7:8732" }, { endedAtMs: undefined });
  const { servers, dispatcher } = await notify(simpleConfig(), outage([...hosts, disk, memory]));
  await dispatcher.stop();
  assert.deepEqual(servers.subjects, ["[SUMMARY:22] While the master was down, 1 still firing"]);
  const { text, html } = servers.mails[0]?.mail ?? { text: "", html: "" };
  assert.match(
    text,
    /^While the master was down \(from 2026-01-12 11:00:00 UTC until 2026-01-12 15:00:00 UTC\): 22 alerts, 1 still firing\n/,
  );
  assert.match(
    text,
    /DiskFull on pi-3:8732\n {2}DiskFull was on\n {2}Began: 2026-01-12 12:00:00 UTC\n {2}Ended: 2026-01-12 14:00:00 UTC \(2h\)\n {2}Worst: 0\.97\n {2}Labels: mountpoint=\/\n/,
  );
  assert.match(text, /MemoryHigh on pi-7:8732\n.*\n {2}Began: .*\n {2}Ended: still firing \(3h\)/);
  assert.equal(html.match(/font-weight:600">Hot</g)?.length, 20);
});

for (const { name, route, rest = "", change = {}, expected } of [
  {
    name: "each receiver gets the alerts of its routes",
    route: `  routes: [{ matchers: ['alertname="A"'], receiver: hook }]`,
    expected: ["hook"],
  },
  {
    name: "a route with continue notifies both receivers",
    route: `  routes: [{ matchers: ['alertname="A"'], receiver: hook, continue: true }, { receiver: ops }]`,
    expected: ["hook", "ops"],
  },
  {
    name: "an alert that was inhibited when it fired is left out",
    route: "",
    rest: `inhibit_rules: [{ source_matchers: ['alertname="Down"'], target_matchers: ['alertname="A"'], equal: [instance] }]`,
    expected: [],
  },
  {
    name: "an alert that fired after its inhibitor had ended is in the mail",
    route: "",
    rest: `inhibit_rules: [{ source_matchers: ['alertname="Down"'], target_matchers: ['alertname="A"'], equal: [instance] }]`,
    change: { firedAtMs: NOON_MS + 90 * 60_000 },
    expected: ["ops"],
  },
  {
    name: "an alert that started and ended in a mute interval is left out",
    route: `  routes: [{ matchers: ['alertname="A"'], receiver: ops, mute_time_intervals: [lunch] }]`,
    rest: `time_intervals: [{ name: lunch, time_intervals: [{ times: [{ start_time: "11:00", end_time: "15:00" }] }] }]`,
    expected: [],
  },
]) {
  test(`summary routing: ${name}`, async () => {
    const down = past(
      { alertname: "Down", instance: "pi-1:8732" },
      { endedAtMs: NOON_MS + HOUR_MS },
    );
    const alerts = rest.includes("Down") ? [down, past(A, change)] : [past(A, change)];
    const { servers, dispatcher } = await notify(simpleConfig({ route, rest }), outage(alerts));
    await dispatcher.stop();
    const mailed = servers.mails
      .filter(({ mail }) => mail.text.includes("A on pi-1"))
      .map(() => "ops");
    const hooked = servers.requests
      .filter(({ body }) => String(body).includes('"alertname":"A"'))
      .map(() => "hook");
    assert.deepEqual([...hooked, ...mailed], expected);
  });
}

test("an alert is left out of the summary if a silence matches now or matched when it fired", async () => {
  const harness = await startHarness(simpleConfig());
  const { silences } = harness.dispatcher;
  const nowMs = harness.clock.wallMs();
  const silence = {
    id: undefined,
    startsAtMs: nowMs,
    endsAtMs: nowMs + HOUR_MS,
    createdBy: "anna",
    comment: "",
  };
  const matcherOf = (name: string) => simpleMatcher("alertname", name);
  await silences.set({ ...silence, matchers: [matcherOf("Maintained")] });
  await harness.clock.advance(2 * HOUR_MS);
  await silences.set({
    ...silence,
    startsAtMs: nowMs + 2 * HOUR_MS,
    endsAtMs: nowMs + 3 * HOUR_MS,
    matchers: [matcherOf("Muted")],
  });
  const during = { firedAtMs: nowMs + 60_000 };
  await harness.dispatcher.summarize(
    outage([
      past({ alertname: "Maintained" }, during),
      past({ alertname: "Muted" }),
      past({ alertname: "Notified" }, during),
    ]),
  );
  await harness.clock.advance(1000);
  await harness.dispatcher.stop();
  assert.deepEqual(harness.servers.subjects, ["[SUMMARY:1] While the master was down: Notified"]);
});

function simpleMatcher(name: string, value: string) {
  const config = parseConfig(`
route: { receiver: a, routes: [{ matchers: ['${name}="${value}"'] }] }
receivers: [{ name: a }]`);
  const [matcher] = config.route.routes[0]?.matchers ?? [];
  assert.ok(matcher);
  return matcher;
}

test("the same outage is notified once, also after a power cut and a restart", async () => {
  const summary = outage([past({ alertname: "A" })]);
  const first = await startHarness(simpleConfig());
  first.servers.onMail = async () => Promise.reject(new Error("down"));
  await first.dispatcher.summarize(summary);
  const files = first.files.afterPowerCut();
  await first.dispatcher.stop();
  const { clock } = first;
  const second = await startHarness(simpleConfig(), { clock, files });
  await second.dispatcher.summarize(summary);
  await clock.advance(60_000);
  await second.dispatcher.stop();
  assert.equal(second.servers.mails.length, 1);
  await second.dispatcher.summarize({ ...summary, id: "1", alerts: [past({ alertname: "B" })] });
  assert.equal(valueOf(second.dispatcher, "pihealth_outbox_messages"), 0);
});

test("a mail lists a limited number of alerts and says how many more there are", async () => {
  const alerts = Array.from({ length: 500 }, (_, index) =>
    past({ alertname: "Hot", instance: `pi-${index}` }, { times: 1000 }),
  );
  const { servers, dispatcher } = await notify(simpleConfig(), outage(alerts, { omitted: 7 }));
  await dispatcher.stop();
  const { text, html, subject } = servers.mails[0]?.mail ?? { text: "", html: "", subject: "" };
  assert.equal(subject, "[SUMMARY:507] While the master was down: Hot");
  assert.equal(html.match(/font-weight:600">Hot</g)?.length, MAX_SUMMARY_ROWS);
  assert.match(text, /And 407 more, see http:\/\/master:8730\/api\/v1\/alerts\/history/);
  assert.match(text, /Times: 1000/);
});

test("the default summary is sent when a receiver's own template fails", async () => {
  const config = parseConfig(`
global: { smtp_smarthost: "mail.example.org:587", smtp_from: "pihealth@example.org" }
route: { receiver: ops }
receivers: [{ name: ops, email_configs: [{ to: "ops@example.org" }] }]
templates: [/etc/pihealth/own.tmpl]
`);
  const harness = await startHarness(simpleConfig());
  await harness.files.makeFolder("/etc/pihealth");
  await harness.files.replace(
    "/etc/pihealth/own.tmpl",
    '{{ define "email.summary.subject" }}{{ .Nothing.There.At.All }}{{ template "x" }}{{ end }}{{ define "x" }}{{ len 1 }}{{ end }}',
  );
  await harness.dispatcher.reload(config);
  await harness.dispatcher.summarize(outage([past({ alertname: "A" })]));
  await harness.clock.advance(1000);
  await harness.dispatcher.stop();
  assert.deepEqual(harness.servers.subjects, ["[SUMMARY:1] While the master was down: A"]);
});
