import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import type { JsonFields } from "../../exporter/shared/codec/json-fields.js";
import { querySeries, readEnvelope } from "../support/api-response.js";
import { ChildProgram, waitFor } from "../support/child-program.js";
import { freePort } from "../support/loopback-servers.js";
import { SmtpSink } from "../support/smtp-sink.js";

/**
 * Both programs as processes and an SMTP server; alerts fire and end while the master is dead. The
 * steps build on each other.
 */
const folder = mkdtempSync(path.join(tmpdir(), "pihealth-rules-"));
/** One per second, so that an outage is longer than the scrape interval of 5 s. */
const OUTAGE_SAMPLES = 8;
let smtp: SmtpSink | undefined;
let exporter: ChildProgram | undefined;
let scraper: ChildProgram | undefined;
let ports = { exporter: 0, scraper: 0 };

before(async () => {
  smtp = await SmtpSink.start();
  ports = { exporter: await freePort(), scraper: await freePort() };
  writeConfiguration(smtp.port);
  writeRules("");
  const args = [`--config=${folder}/exporter.yml`, `--state=${folder}/state`];
  const listen = `--listen-address=127.0.0.1:${ports.exporter}`;
  exporter = ChildProgram.ofOurs("exporter/program/main.js", [...args, listen]);
  startScraper();
});

after(async () => {
  await Promise.all([exporter?.stop("SIGKILL"), scraper?.stop("SIGKILL")]);
  await smtp?.stop();
  rmSync(folder, { recursive: true, force: true });
});

function writeConfiguration(smtpPort: number): void {
  const write = (name: string, text: string): void => writeFileSync(path.join(folder, name), text);
  write("token", `${"b4".repeat(32)}\n`);
  write(
    "alertmanager.yml",
    `
global: { smtp_smarthost: "127.0.0.1:${smtpPort}", smtp_from: pihealth@example.org, smtp_require_tls: false }
route: { receiver: admin, group_by: [alertname], group_wait: 1s }
receivers: [{ name: admin, email_configs: [{ to: admin@example.org }] }]
`,
  );
  write(
    "exporter.yml",
    `
collectors:
  system: { interval: 1s }
  # A busy machine would push alarms of its own.
  processes: { enabled: false }
  memory: { enabled: false }
  cpu: { enabled: false }
  disk: { enabled: false }
history: { samplings_per_flush: 2, flush_interval: 1s }
uplink:
  masters: ["http://127.0.0.1:${ports.scraper}"]
  token_file: ${folder}/token
  heartbeat_interval: 1s
`,
  );
  write(
    "pihealthd.yml",
    `
global: { scrape_interval: 5s, scrape_timeout: 5s, evaluation_interval: 1s }
scrape_configs: [{ job_name: pi, static_configs: [{ targets: ["127.0.0.1:${ports.exporter}"] }] }]
storage: { path: ${folder}/data, commit_interval: 1s }
fleet: { token_file: ${folder}/token }
rule_files: [${folder}/rules.yml]
rules: { recovery_wait: 2s }
notifications: { config: ${folder}/alertmanager.yml }
`,
  );
}

function startScraper(): void {
  const listen = `--listen-address=127.0.0.1:${ports.scraper}`;
  scraper = ChildProgram.ofOurs("scraper/program/main.js", [
    `--config=${folder}/pihealthd.yml`,
    listen,
  ]);
}

const options = {
  describe: () => `exporter:\n${exporter?.text}\nscraper:\n${scraper?.text}`,
};

const subjects = (): string[] => smtp?.subjects() ?? [];

const baseUrl = (): string => `http://127.0.0.1:${ports.scraper}`;

/** The field `data` of a response. */
async function get(pathAndQuery: string): Promise<JsonFields> {
  return (await readEnvelope(await fetch(baseUrl() + pathAndQuery))).object("data");
}

async function scraped(): Promise<void> {
  const query = "count_over_time(up[1h]) >= 2 and pihealth_uptime_seconds";
  const isThere = async (): Promise<true | undefined> =>
    (await querySeries(baseUrl(), query)).length === 1 || undefined;
  await waitFor("scrapes", isThere, options);
}

/**
 * The next `count` uptimes that the exporter samples: time is counted in samples, however slow the
 * machine.
 */
async function nextUptimes(count: number): Promise<number[]> {
  const uptimes: number[] = [];
  const metrics = `http://127.0.0.1:${ports.exporter}/metrics`;
  const isThere = async (): Promise<true | undefined> => {
    const text = await (await fetch(metrics)).text();
    const uptime = Number(/^pihealth_uptime_seconds (\S+)$/m.exec(text)?.[1]);
    if (Number.isFinite(uptime) && uptime !== uptimes.at(-1)) uptimes.push(uptime);
    return uptimes.length > count || undefined;
  };
  await waitFor(`${count} samples of the exporter`, isThere, options);
  return uptimes.slice(1); // The first may have been sampled before.
}

function writeRules(rules: string): void {
  const recording = "{ record: uptime:copy, expr: pihealth_uptime_seconds }";
  const text = `groups: [{ name: g, interval: 1s, rules: [${recording}${rules}] }]\n`;
  writeFileSync(path.join(folder, "rules.yml"), text);
}

const summaries = (): string[] => subjects().filter((subject) => subject.startsWith("[SUMMARY"));

async function recovered(): Promise<void> {
  const isOver = (): true | undefined =>
    scraper?.text.includes("Rules evaluated over filled ranges") === true ? true : undefined;
  await waitFor("the end of a recovery", isOver, options);
}

test("Alerts of a time without master are one mail, and an alert that still fires has its real start time", async () => {
  await scraped();
  await scraper?.stop("SIGKILL");
  const fromMs = Date.now();
  const uptimes = await nextUptimes(OUTAGE_SAMPLES);
  const [, low, middle, , , , high] = uptimes;
  writeRules(`,
    { alert: Passing, expr: pihealth_uptime_seconds > ${low} < ${high}, for: 1s },
    { alert: Lasting, expr: pihealth_uptime_seconds > ${middle}, for: 1s }`);
  const untilMs = Date.now();
  startScraper();
  await recovered();
  await waitFor("the summary", () => (summaries().length > 0 ? true : undefined), options);
  const isMailed = (): true | undefined =>
    subjects().some((text) => /FIRING.*Lasting/.test(text)) ? true : undefined;
  await waitFor("the alert's own mail", isMailed, options);
  assert.match(summaries().join(), /^\[SUMMARY:2\] While the master was down, 1 still firing/);
  const alerts = (await get("/api/v1/alerts")).objects("alerts");
  const lasting = alerts.find((alert) => alert.textMap("labels")["alertname"] === "Lasting");
  const activeAt = lasting?.text("activeAt") ?? "";
  const activeMs = Date.parse(activeAt);
  assert.ok(activeMs > fromMs && activeMs < untilMs, activeAt);
  assert.equal(subjects().filter((subject) => /Lasting/.test(subject)).length, 1);
});

test("The history of alerts and the stored series include that time", async () => {
  const found = (await get("/api/v1/alerts/history")).objects("alerts").map((alert) => {
    const isFiring = alert.optional("endedAt", (key) => alert.text(key)) === undefined;
    const name = alert.textMap("labels")["alertname"];
    return `${name} ${isFiring ? "fires" : "ended"} ${alert.text("source")}`;
  });
  assert.deepEqual(found.sort(), ["Lasting fires filled", "Passing ended filled"]);
  const query = "max_over_time(ALERTS{alertname='Passing',alertstate='firing'}[1h])";
  assert.equal((await querySeries(baseUrl(), query)).length, 1);
});

test("Another outage without a new alert sends no mail", async () => {
  const sent = subjects().length;
  await scraper?.stop("SIGKILL");
  await nextUptimes(OUTAGE_SAMPLES);
  startScraper();
  await recovered();
  assert.deepEqual(subjects().slice(sent), []);
});
