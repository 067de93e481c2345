import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { assertEvery } from "../support/assert-every.js";
import { ChildProgram, waitFor } from "../support/child-program.js";
import { type CommandResult, pihealth, runCommand } from "../support/command-line.js";
import { freePort } from "../support/loopback-servers.js";
import { SmtpSink } from "../support/smtp-sink.js";

/** The commands of `pihealth`, and amtool, against a real scraper of a real exporter. */
const LOGIN = { username: "pihealth", password: "correct horse" };
const folder = mkdtempSync(path.join(tmpdir(), "pihealth-commands-"));
const inFolder = (name: string): string => path.join(folder, name);
const ports = { exporter: 0, scraper: 0 };
let smtp: SmtpSink;
let exporter: ChildProgram;
let scraper: ChildProgram;

before(async () => {
  smtp = await SmtpSink.start(LOGIN);
  ports.exporter = await freePort();
  ports.scraper = await freePort();
  writeFiles();
  exporter = ChildProgram.ofOurs("exporter/program/main.js", [
    `--listen-address=127.0.0.1:${ports.exporter}`,
    `--state=${inFolder("state")}`,
  ]);
  scraper = ChildProgram.ofOurs("scraper/program/main.js", [
    `--config=${inFolder("pihealthd.yml")}`,
  ]);
  await waitFor(
    "a first scrape",
    async () => ((await queryUp()).stdout.includes("  1") ? true : undefined),
    { describe },
  );
});

after(async () => {
  await Promise.all([exporter, scraper].map((program) => program?.stop("SIGKILL")));
  await smtp?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const describe = (): string => scraper.text.slice(-3000);
const address = (): string => `127.0.0.1:${ports.scraper}`;
const queryUp = (): Promise<CommandResult> => pihealth("query", "up", "--url", address());

function writeFiles(): void {
  const files = {
    token: `${"5e".repeat(32)}\n`,
    "pihealthd.yml": `
global: { scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }
scrape_configs: [{ job_name: pi, static_configs: [{ targets: ["127.0.0.1:${ports.exporter}"] }] }]
storage: { path: data, commit_interval: 1s }
rule_files: [rules.yml]
notifications: { config: alertmanager.yml }
fleet: { token_file: token }
web: { listen_address: 127.0.0.1, port: ${ports.scraper} }
`,
    "rules.yml":
      "groups: [{ name: g, rules: [{ alert: Always, expr: vector(1), labels: { severity: warning } }] }]\n",
    "bad-rules.yml":
      "groups:\n  - name: g\n    rules:\n      - alert: Broken\n        expr: 'up =='\n",
    "rules-test.yml": `
rule_files: [rules.yml]
tests: [{ alert_rule_test: [{ eval_time: 1m, alertname: Always, exp_alerts: [{ exp_labels: { severity: warning } }] }] }]
`,
    "failing-test.yml":
      "rule_files: [rules.yml]\ntests: [{ alert_rule_test: [{ eval_time: 1m, alertname: Always, exp_alerts: [] }] }]\n",
    "alertmanager.yml": `
global:
  smtp_from: pihealth@example.org
  smtp_smarthost: 127.0.0.1:${smtp.port}
  smtp_require_tls: false
  smtp_auth_username: ${LOGIN.username}
  smtp_auth_password: ${LOGIN.password}
route: { receiver: nobody, group_by: [alertname], routes: [{ receiver: admin, matchers: [team="pi"] }] }
receivers: [{ name: admin, email_configs: [{ to: admin@example.org }] }, { name: nobody }]
`,
    "bad-template.yml":
      "route: { receiver: a }\nreceivers: [{ name: a }]\ntemplates: [broken.tmpl]\n",
    "broken.tmpl": '{{ define "x" }}{{ if }}{{ end }}\n',
    "unknown-key.yml": "scrape_configs:\n  - job_name: pi\n    scrape_intervall: 15s\n",
    "template.yml": "scrape_configs: []\nnotifications: { config: bad-template.yml }\n",
    "bad-rule.yml": "scrape_configs: []\nrule_files: [bad-rules.yml]\n",
    "pihealthd.conf":
      "master=pi1\nclient_port=8732\nhosts=192.168.1.10-192.168.1.60\nPIHealthData=/var/lib/pihealth\n",
    "amtool-http.yml": `authorization: { credentials_file: ${inFolder("token")} }\n`,
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(inFolder(name), text);
}

for (const { name, file, code, says } of [
  {
    name: "a good one",
    file: "pihealthd.yml",
    code: 0,
    says: /^SUCCESS: .*1 scrape config, 1 rule, 2 receivers$/m,
  },
  {
    name: "an unknown key",
    file: "unknown-key.yml",
    code: 1,
    says: /^FAILED: .*unknown-key\.yml", line 3: key .*scrape_intervall is not a known key/m,
  },
  {
    name: "a rule that does not parse",
    file: "bad-rule.yml",
    code: 1,
    says: /^FAILED: .*bad-rules\.yml.*line 5.*expr/m,
  },
  {
    name: "a mail template that does not compile",
    file: "template.yml",
    code: 1,
    says: /^FAILED: .*broken\.tmpl/m,
  },
  {
    name: "none",
    file: "nowhere.yml",
    code: 1,
    says: /^FAILED: Cannot read ".*nowhere\.yml": it does not exist/m,
  },
]) {
  test(`check config: ${name}`, async () => {
    const result = await pihealth("check", "config", inFolder(file));
    assert.match(result.stdout, says);
    assert.equal(result.code, code);
  });
}

test("check rules checks every file and fails when one is not valid", async () => {
  const { code, stdout } = await pihealth(
    "check",
    "rules",
    inFolder("bad-rules.yml"),
    inFolder("rules.yml"),
  );
  assert.equal(code, 1);
  assert.match(
    stdout,
    /bad-rules\.yml\n {2}FAILED: .*\nChecking .*rules\.yml\n {2}SUCCESS: 1 rule found/,
  );
});

test("test rules passes and fails as promtool does", async () => {
  const passed = await pihealth("test", "rules", inFolder("rules-test.yml"));
  assert.deepEqual(
    [passed.code, /SUCCESS/.test(passed.stdout)],
    [0, true],
    passed.stdout + passed.stderr,
  );
  const failed = await pihealth("test", "rules", inFolder("failing-test.yml"));
  assert.equal(failed.code, 1);
  assert.match(failed.stderr, /alertname: Always/);
});

test("convert writes a configuration that check config accepts", async () => {
  const { code, stdout } = await pihealth("convert", inFolder("pihealthd.conf"));
  assert.equal(code, 0);
  writeFileSync(inFolder("converted.yml"), stdout);
  const checked = await pihealth("check", "config", inFolder("converted.yml"));
  assert.equal(checked.code, 0, checked.stdout);
});

test("query prints a table, a chart and a number", async () => {
  assert.equal(
    (await queryUp()).stdout,
    `up{instance="127.0.0.1:${ports.exporter}", job="pi"}  1\n`,
  );
  const chart = await pihealth("query", "up", "--range", "1m", "--url", address());
  assert.match(chart.stdout, /┤/);
  assert.ok(
    chart.stdout.includes(`up{instance="127.0.0.1:${ports.exporter}", job="pi"}`),
    chart.stdout,
  );
  assert.equal((await pihealth("query", "2 * 21", "--url", address())).stdout, "42\n");
});

for (const { name, args, says } of [
  {
    name: "bad PromQL",
    args: ["query", "up{", "--url", "$"],
    says: /invalid parameter "query": 1:4: parse error/,
  },
  {
    name: "an address that is none",
    args: ["query", "up", "--url", "http://"],
    says: /Cannot use address "http:\/\/"/,
  },
  {
    name: "nobody there",
    args: ["query", "up", "--url", "http://127.0.0.1:1"],
    says: /ECONNREFUSED/,
  },
  {
    name: "a file that is not there",
    args: ["convert", "/nowhere.conf"],
    says: /^Cannot read "\/nowhere\.conf": it does not exist, .*\n$/,
  },
  {
    name: "mail without a file",
    args: ["mail", "test", "--config", "/nowhere.yml"],
    says: /^Cannot read "\/nowhere\.yml": it does not exist, .*\n$/,
  },
  {
    name: "a matcher that is none",
    args: ["silence", "add", "nonsense", "--comment", "x"],
    says: /Cannot read matcher "nonsense"/,
  },
  { name: "an unknown family", args: ["get", "nothing"], says: /must be one of memory, cpu, disk/ },
]) {
  test(`A failure is one line on standard error, without a stack: ${name}`, async () => {
    const { code, stdout, stderr } = await pihealth(
      ...args.map((arg) => (arg === "$" ? address() : arg)),
    );
    assert.equal(code, 1);
    assert.match(stderr, says);
    assert.equal(stdout, "");
    assert.doesNotMatch(stderr, /\n {4}at /);
  });
}

test("silences are added, listed and expired", async () => {
  const withToken = ["--url", address(), "--token-file", inFolder("token")];
  const added = await pihealth(
    "silence",
    "add",
    "alertname=Always",
    'instance=~"pi.*"',
    "--comment",
    "new disk",
    "--author",
    "anna",
    ...withToken,
  );
  const id = added.stdout.trim();
  assert.match(id, /^[0-9a-f-]{36}$/, added.stderr);
  const listed = (await pihealth("silence", "list", "--url", address())).stdout;
  assert.match(
    listed,
    new RegExp(`^${id}  active  \\S+  alertname="Always" instance=~"pi\\.\\*"  anna  new disk\n$`),
  );
  assert.equal((await pihealth("silence", "expire", id, ...withToken)).code, 0);
  assert.equal(
    (await pihealth("silence", "list", "--url", address())).stdout,
    "No silence is active or pending\n",
  );
  const unknown = await pihealth("silence", "expire", "nonsense", ...withToken);
  assert.match(unknown.stderr, /status 422, silenceID in path must be of type uuid: "nonsense"/);
  writeFileSync(inFolder("wrong-token"), `${"6f".repeat(32)}\n`);
  const refused = await pihealth(
    "silence",
    "add",
    "a=b",
    "--comment",
    "x",
    "--url",
    address(),
    "--token-file",
    inFolder("wrong-token"),
  );
  assert.match(refused.stderr, /status 401, the fleet token is missing or wrong/);
});

test("mail test shows the dialogue without the password, and the mail arrives", async () => {
  const { code, stdout, stderr } = await pihealth(
    "mail",
    "test",
    "--config",
    inFolder("pihealthd.yml"),
    "--to",
    "you@example.org",
  );
  assert.equal(code, 0, stdout + stderr);
  for (const said of [
    /^\* connecting to 127\.0\.0\.1:\d+$/m,
    /220 /,
    /EHLO/,
    /AUTH/,
    /MAIL FROM:<pihealth@example\.org>/,
    /RCPT TO:<you@example\.org>/,
    /^The server took the mail\.$/m,
  ]) {
    assert.match(stdout, said);
  }
  const secrets = [
    LOGIN.password,
    Buffer.from(LOGIN.password).toString("base64"),
    Buffer.from(`\0${LOGIN.username}\0${LOGIN.password}`).toString("base64"),
  ];
  for (const secret of secrets) assert.ok(!stdout.includes(secret), stdout);
  assert.deepEqual(smtp.mails.at(-1)?.to, ["you@example.org"]);
});

test("doctor reports what works and what does not", async () => {
  const well = await pihealth("doctor", "--config", inFolder("pihealthd.yml"), "--url", address());
  assert.match(well.stdout, /^ok {3}Scraper at .* watches 1 target, 0 down$/m);
  assertEvery(well.stdout.trimEnd().split("\n"), (line) => /^(ok {2}|BAD) /.test(line));
  const ill = await pihealth(
    "doctor",
    "--config",
    inFolder("unknown-key.yml"),
    "--url",
    "http://127.0.0.1:1",
  );
  assert.equal(ill.code, 1);
  assert.match(ill.stdout, /^BAD {2}FAILED: .*line 3/m);
  assert.match(ill.stdout, /^BAD {2}Scraper at http:\/\/127\.0\.0\.1:1 does not answer/m);
});

test("get prints the lines of this machine and of another, and lists the families", async () => {
  for (const args of [
    ["get", "memory"],
    ["get", "memory", "--host", `127.0.0.1:${ports.exporter}`],
  ]) {
    const { code, stdout, stderr } = await pihealth(...args);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^\d{4}-\d\d-\d\d__\d\d:\d\d:\d\d {2}\S+ {2}\S+ {2}[\d.]+% {2}[\d.]+%\n$/);
  }
  const { stdout } = await pihealth("get", "--list");
  for (const family of ["memory", "cpu", "disk", "system", "users", "processes", "all"]) {
    assert.match(stdout, new RegExp(`^${family} `, "m"));
  }
});

test("amtool works against the scraper", async () => {
  const amtool = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await runCommand(
      "amtool",
      [`--alertmanager.url=http://${address()}`, ...args],
      { HOME: folder },
    );
    assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
    return stdout;
  };
  const withToken = `--http.config.file=${inFolder("amtool-http.yml")}`;
  await waitFor(
    "the alert",
    async () => /^Always .* active/m.test(await amtool("alert")) || undefined,
    { describe },
  );
  assert.match(await amtool("config", "routes", "show"), /team="pi".*receiver: admin/);
  assert.equal((await amtool("config", "routes", "test", "team=pi")).trim(), "admin");
  assert.ok(!(await amtool("config", "show")).includes(LOGIN.password));
  const id = (
    await amtool(withToken, "silence", "add", "alertname=Always", "--comment=test", "--author=anna")
  ).trim();
  assert.match(
    await amtool("silence", "query"),
    new RegExp(`^${id} .*alertname="Always".*anna.*test`, "m"),
  );
  assert.match(await amtool("alert", "query", "--silenced"), /^Always .* suppressed/m);
  await amtool(withToken, "silence", "expire", id);
  assert.ok(!(await amtool("silence", "query")).includes(id));
  await amtool(withToken, "alert", "add", "Foreign", "team=pi");
  assert.match(await amtool("alert", "query", "team=pi"), /^Foreign .* active/m);
  const refused = await runCommand("amtool", [
    `--alertmanager.url=http://${address()}`,
    "silence",
    "add",
    "a=b",
    "--comment=x",
  ]);
  assert.notEqual(refused.code, 0);
});
