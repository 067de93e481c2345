import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { JsonFields } from "../../exporter/shared/codec/json-fields.js";
import { querySeries, readEnvelope } from "../support/api-response.js";
import { ChildProgram, waitFor } from "../support/child-program.js";
import { freePort } from "../support/loopback-servers.js";
import { REPOSITORY } from "../support/repository.js";
import { SmtpSink } from "../support/smtp-sink.js";

/**
 * The main job from end to end with real parts: both programs as processes, an SMTP server, and a
 * program that
 * burns a CPU. The steps build on each other.
 */
const folder = mkdtempSync(path.join(tmpdir(), "pihealth-acceptance-"));
const dataFolder = path.join(folder, "data");
const hostFolder = path.join(dataFolder, "hosts/127.0.0.1");
/** Patterns of all names that begin with a letter or digit, unlike the name of the burner. */
const ORDINARY_NAMES = [..."abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"].map(
  (first) => `"${first}*"`,
);
const BURNER_NAME = "_burner";
let smtp: SmtpSink;
let exporter: ChildProgram;
let scraper: ChildProgram;
let burner: ChildProgram;
let burnerStartedMs = 0;
let exporterPort = 0;
let scraperPort = 0;

before(async () => {
  smtp = await SmtpSink.start();
  [exporterPort, scraperPort] = [await freePort(), await freePort()];
  writeConfiguration();
  exporter = startExporter();
  scraper = startScraper();
});

after(async () => {
  await Promise.all([exporter, scraper, burner].map((program) => program?.stop("SIGKILL")));
  await smtp.stop();
  rmSync(folder, { recursive: true, force: true });
});

function writeConfiguration(): void {
  mkdirSync(folder, { recursive: true });
  const write = (name: string, text: string): void => writeFileSync(path.join(folder, name), text);
  write("token", `${"5e".repeat(32)}\n`);
  write(
    "exporter.yml",
    `
collectors:
  processes: { interval: 7s }
# Other programs of a busy machine must not be taken for the burner, and may leave it little of a CPU.
settings:
  processes: { malicious_cpu_percent: 1, ignore: [${ORDINARY_NAMES.join(", ")}] }
uplink:
  masters: ["http://127.0.0.1:${scraperPort}"]
  token_file: ${folder}/token
  heartbeat_interval: 1s
`,
  );
  write(
    "pihealthd.yml",
    `
global: { scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }
scrape_configs:
  - job_name: pi
    range_sd_configs: [{ hosts: [127.0.0.1], port: ${exporterPort} }]
storage: { path: ${dataFolder}, commit_interval: 1s }
rule_files: [${folder}/rules.yml, ${folder}/processes.yml]
notifications: { config: ${folder}/alertmanager.yml }
fleet: { token_file: ${folder}/token }
`,
  );
  write(
    "rules.yml",
    `
groups:
  - name: acceptance
    rules:
      - alert: BurnerSeen
        expr: pihealth_malicious_processes > 0
        for: 2s
        labels: { severity: critical }
        annotations: { summary: '{{ $value | humanize }} malicious on {{ $labels.instance }}' }
`,
  );
  const shipped = readFileSync(path.join(REPOSITORY, "rules/processes.yml"), "utf8");
  write("processes.yml", shipped.replace("interval: 15s", "interval: 1s"));
  write(
    "alertmanager.yml",
    `
global: { smtp_from: pihealth@example.org, smtp_smarthost: '127.0.0.1:${smtp.port}', smtp_require_tls: false }
route: { receiver: admin, group_by: [alertname], group_wait: 1s, group_interval: 5s, repeat_interval: 1h }
receivers:
  - name: admin
    email_configs: [{ to: 'admin@example.org, second@example.org', send_resolved: true }]
`,
  );
}

function startExporter(): ChildProgram {
  const state = path.join(folder, "exporter-state");
  return ChildProgram.ofOurs("exporter/program/main.js", [
    `--config=${folder}/exporter.yml`,
    `--state=${state}`,
    `--listen-address=127.0.0.1:${exporterPort}`,
  ]);
}

function startScraper(): ChildProgram {
  const listen = `--listen-address=127.0.0.1:${scraperPort}`;
  return ChildProgram.ofOurs("scraper/program/main.js", [
    `--config=${folder}/pihealthd.yml`,
    listen,
  ]);
}

async function queryValue(expression: string): Promise<number | undefined> {
  const [first] = await querySeries(`http://127.0.0.1:${scraperPort}`, expression);
  const value = first?.points[0]?.[1];
  return value === undefined ? undefined : Number(value);
}

async function firingAlerts(): Promise<JsonFields[]> {
  const response = await fetch(`http://127.0.0.1:${scraperPort}/api/v1/alerts`);
  const data = (await readEnvelope(response)).object("data");
  return data.objects("alerts").filter((alert) => alert.text("state") === "firing");
}

const logs = (): string =>
  `exporter:\n${exporter.text}\nscraper:\n${scraper.text}\nmails: ${smtp.subjects().join(" | ")}`;
const readLog = (name: string): string => {
  const file = path.join(hostFolder, "log", name);
  return existsSync(file) ? readFileSync(file, "utf8") : "";
};
const mailsAbout = (word: string, state: "FIRING" | "RESOLVED"): number =>
  smtp.subjects().filter((subject) => subject.includes(state) && subject.includes(word)).length;

test("The scraper finds the exporter in its range and scrapes the real figures of this machine", async () => {
  await waitFor(
    "up == 1",
    async () => ((await queryValue('up{job="pi"}')) === 1 ? true : undefined),
    { describe: logs },
  );
  const total =
    Number(/^MemTotal:\s+(\d+) kB/m.exec(readFileSync("/proc/meminfo", "utf8"))?.[1]) * 1024;
  // The first scrape may come before the first sampling of memory.
  const scraped = await waitFor("the memory", () => queryValue("pihealth_memory_total_bytes"), {
    describe: logs,
  });
  assert.equal(scraped, total);
});

test("A heartbeat puts the node id into host.json", async () => {
  const nodeId = await waitFor(
    "a node id in host.json",
    () => {
      const text = readFileSync(path.join(hostFolder, "host.json"), "utf8");
      const [first] = JsonFields.parse(text, "host.json").objects("exporters");
      return first?.optional("node", (key) => first.object(key))?.text("node_id");
    },
    { describe: logs },
  );
  const stateFile = readFileSync(path.join(folder, "exporter-state/node-id"), "utf8");
  assert.equal(nodeId, stateFile.trim());
});

test("A burner is pushed as an alarm, written to alarms.log and mailed, and a rule fires", async () => {
  // The name of the file becomes the name of the process.
  const program = path.join(folder, BURNER_NAME);
  symlinkSync("/bin/sh", program); // Node.js 24 names its main thread itself.
  burner = new ChildProgram(program, ["-c", "while :; do :; done"]);
  burnerStartedMs = Date.now();
  await waitFor("alarms.log", () => readLog("alarms.log").includes(`${burner.pid}`) || undefined, {
    describe: logs,
  });
  await waitFor(
    "the alarm mail",
    () => mailsAbout("PihealthMaliciousProcess", "FIRING") === 1 || undefined,
    {
      describe: logs,
    },
  );
  console.log(`from burner to mail: ${((Date.now() - burnerStartedMs) / 1000).toFixed(1)} s`);
  await waitFor("the rule mail", () => mailsAbout("BurnerSeen", "FIRING") === 1 || undefined, {
    describe: logs,
  });
  // The shipped rule about the same fact fires too: the checks below count one mail of each kind.
  await waitFor(
    "both rules to fire",
    async () => ((await firingAlerts()).length === 2 ? true : undefined),
    { describe: logs },
  );
  assert.deepEqual(smtp.mails[0]?.to, ["admin@example.org", "second@example.org"]);
});

test("After kill -9 the scraper starts, has its samples and sends no mail twice", async () => {
  const before = await waitFor("ten samples", async () => {
    const count = await queryValue('count_over_time(up{job="pi"}[10m])');
    return count !== undefined && count >= 10 ? count : undefined;
  });
  const mailsBefore = smtp.mails.length;
  await scraper.stop("SIGKILL");
  scraper = startScraper();
  const afterwards = await waitFor(
    "samples from before and after the kill",
    async () => {
      const count = await queryValue('count_over_time(up{job="pi"}[10m])');
      return count !== undefined && count >= before + 5 ? count : undefined;
    },
    { describe: logs },
  );
  assert.ok(afterwards >= before + 5);
  await waitFor("the alerts to fire after the restart", async () =>
    (await firingAlerts()).length === 2 ? true : undefined,
  );
  assert.equal(smtp.mails.length, mailsBefore, logs());
});

test("When the burner ends, each resolved mail is sent once", async () => {
  await burner.stop("SIGKILL");
  await waitFor(
    "resolved mail of the rule",
    () => mailsAbout("BurnerSeen", "RESOLVED") >= 1 || undefined,
    {
      describe: logs,
    },
  );
  await waitFor(
    "resolved mail of the alarm",
    () => mailsAbout("PihealthMaliciousProcess", "RESOLVED") >= 1 || undefined,
    {
      describe: logs,
    },
  );
  for (const word of ["BurnerSeen", "PihealthMaliciousProcess"]) {
    assert.equal(mailsAbout(word, "FIRING"), 1, logs());
    assert.equal(mailsAbout(word, "RESOLVED"), 1, logs());
  }
});

test("The human lines of the six families are on disk", async () => {
  await exporter.stop();
  assert.equal((await scraper.stop()).code, 0, scraper.text);
  for (const family of ["memory", "cpu", "disk", "system", "users"]) {
    assert.match(readLog(`${family}.log`), /^\d{4}-\d\d-\d\d__\d\d:\d\d:\d\d {2}/m, family);
  }
  assert.match(readLog("processes.log"), new RegExp(` ${burner.pid} `));
});
