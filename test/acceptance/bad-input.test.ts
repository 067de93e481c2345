import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent, createServer, request as httpRequest, type Server } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { JsonFields } from "../../exporter/shared/codec/json-fields.js";
import { parseQueryResponse, seriesIn } from "../support/api-response.js";
import { ChildProgram, waitFor } from "../support/child-program.js";
import { pihealth } from "../support/command-line.js";
import { FailingSmtp } from "../support/failing-smtp.js";
import {
  addressOf,
  HOSTILE_EXPORTERS,
  HOSTILE_SCRIPT,
  HostileExporters,
} from "../support/hostile-exporters.js";
import { freePort, listenOnFreePort } from "../support/loopback-servers.js";

/**
 * Bad input of every kind against a real scraper: hostile exporters, senders and queries, and an
 * SMTP server that
 * fails. One healthy exporter must not notice any of it. The steps build on each other.
 */
const HEALTHY_SAMPLES = 200;
const TOKEN = "5e".repeat(32);
const folder = mkdtempSync(path.join(tmpdir(), "pihealth-bad-input-"));
let smtp: FailingSmtp;
let hostile: HostileExporters;
let healthy: Server;
let healthyScrapes = 0;
let scraper: ChildProgram;
const ports = { scraper: 0, healthy: 0, hostile: 0 };

before(async () => {
  smtp = await FailingSmtp.start();
  smtp.mood = "refuse";
  ports.scraper = await freePort();
  ports.hostile = await freePort();
  hostile = await HostileExporters.start(ports.hostile);
  ports.healthy = await startHealthy();
  writeConfiguration();
  scraper = startScraper();
});

after(async () => {
  await scraper?.stop("SIGKILL");
  hostile?.stop();
  healthy?.closeAllConnections();
  healthy?.close();
  await smtp?.stop();
  rmSync(folder, { recursive: true, force: true });
});

function startHealthy(): Promise<number> {
  healthy = createServer((request, response) => {
    if (request.url !== "/metrics") return void response.end("ok\n");
    healthyScrapes++;
    const lines = Array.from(
      { length: HEALTHY_SAMPLES - 1 },
      (_, index) => `healthy_value{n="${index}"} ${index}\n`,
    );
    response.writeHead(200, { "Content-Type": "text/plain; version=0.0.4" });
    response.end(`healthy_scrapes_total ${healthyScrapes}\n${lines.join("")}`);
  });
  return listenOnFreePort(healthy);
}

function writeConfiguration(): void {
  const write = (name: string, text: string): void => writeFileSync(path.join(folder, name), text);
  const targets = [...HOSTILE_EXPORTERS.keys(), HOSTILE_EXPORTERS.length].map(
    (index) => `"${addressOf(index)}:${ports.hostile}"`,
  );
  write("token", `${TOKEN}\n`);
  write(
    "pihealthd.yml",
    `
global: { scrape_interval: 2s, scrape_timeout: 1s, evaluation_interval: 1s }
scrape_configs:
  - job_name: healthy
    scrape_interval: 3s
    scrape_timeout: 3s
    static_configs: [{ targets: ["127.0.0.1:${ports.healthy}"] }]
  - job_name: hostile
    body_size_limit: 1MB
    static_configs: [{ targets: [${targets.join(", ")}] }]
  - job_name: pi
    range_sd_configs: [{ hosts: [127.0.0.2-127.0.0.3], port: ${ports.healthy} }]
storage: { path: ${folder}/data, commit_interval: 1s }
rule_files: [${folder}/rules.yml]
notifications: { config: alertmanager.yml }
fleet: { token_file: token }
log: { level: debug }
web: { listen_address: 127.0.0.1 }
`,
  );
  write(
    "rules.yml",
    `
groups:
  - name: hostile
    rules:
      - alert: HostileValues
        expr: hostile > 0
        annotations: { summary: '{{ $labels.script }} {{ $labels.ansi }} {{ $labels.line }}' }
`,
  );
  write(
    "alertmanager.yml",
    `
global: { smtp_from: pihealth@example.org, smtp_smarthost: '127.0.0.1:${smtp.port}', smtp_require_tls: false }
route: { receiver: admin, group_by: [alertname], group_wait: 1s, group_interval: 1h, repeat_interval: 4h }
receivers: [{ name: admin, email_configs: [{ to: admin@example.org }] }]
`,
  );
}

function startScraper(): ChildProgram {
  const listen = `--listen-address=127.0.0.1:${ports.scraper}`;
  return ChildProgram.ofOurs("scraper/program/main.js", [
    `--config=${folder}/pihealthd.yml`,
    listen,
  ]);
}

interface SentRequest {
  readonly method?: string;
  readonly path: string;
  readonly body?: string | Buffer;
  readonly headers?: Record<string, string>;
  /** Local address that sends the request. */
  readonly from?: string;
  readonly agent?: Agent;
}

/** @returns status and body; status 0 when the connection is closed without a response */
function send({
  method = "GET",
  path: target,
  body,
  headers = {},
  from = "127.0.0.1",
  agent,
}: SentRequest): Promise<{ status: number; text: string }> {
  return new Promise((resolve) => {
    const options = {
      host: "127.0.0.1",
      port: ports.scraper,
      localAddress: from,
      method,
      path: target,
      headers,
      agent,
    };
    const sent = httpRequest(options, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
      response.on("error", () => resolve({ status: 0, text }));
    });
    sent.on("error", () => resolve({ status: 0, text: "" }));
    sent.end(body);
  });
}

const AUTHORIZED = { Authorization: `Bearer ${TOKEN}` };
const post = (target: string, body: string | Buffer, more: Partial<SentRequest> = {}) =>
  send({ method: "POST", path: target, body, headers: AUTHORIZED, ...more });

const heartbeatOf = (nodeId: string, change: Record<string, unknown> = {}): string =>
  JSON.stringify({
    node_id: nodeId.repeat(32),
    hostname: "pi4",
    port: ports.healthy,
    boot_id: "b0",
    wall_ms: 1,
    monotonic_ms: 1,
    history: null,
    ...change,
  });

async function query(expression: string): Promise<number | undefined> {
  const { text } = await send({ path: `/api/v1/query?query=${encodeURIComponent(expression)}` });
  const [first] = seriesIn(parseQueryResponse(text));
  const value = first?.points[0]?.[1];
  return value === undefined ? undefined : Number(value);
}

async function metric(name: string): Promise<number | undefined> {
  const { text } = await send({ path: "/metrics" });
  const value = new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, "m").exec(text)?.[1];
  return value === undefined ? undefined : Number(value);
}

const describe = (): string => scraper.text.slice(-5000);

test("The healthy exporter is scraped", async () => {
  await waitFor(
    "up == 1",
    async () => ((await query('up{job="healthy"}')) === 1 ? true : undefined),
    { describe },
  );
});

test("Heartbeats without the token, from outside the ranges, or of another shape get an error that says why", async () => {
  const heartbeat = "/api/v1/heartbeat";
  const from = "127.0.0.2";
  const good = heartbeatOf("a");
  for (const { name, status, ...request } of [
    { name: "no token", status: 401, body: good, headers: {} },
    {
      name: "a wrong token",
      status: 401,
      body: good,
      headers: { Authorization: `Bearer ${"6f".repeat(32)}` },
    },
    { name: "outside the ranges", status: 403, body: good, from: "127.0.0.77" },
    { name: "not JSON", status: 400, body: "{", from },
    { name: "a list", status: 400, body: "[]", from },
    { name: "a bad node id", status: 400, body: heartbeatOf("a", { node_id: "../../etc" }), from },
    {
      name: "a hostile host name",
      status: 400,
      body: heartbeatOf("a", { hostname: HOSTILE_SCRIPT }),
      from,
    },
    { name: "a bad port", status: 400, body: heartbeatOf("a", { port: 0 }), from },
    { name: "10 KB", status: 413, body: heartbeatOf("a", { padding: "x".repeat(10_240) }), from },
    {
      name: "bad gzip",
      status: 400,
      body: good,
      headers: { ...AUTHORIZED, "Content-Encoding": "gzip" },
      from,
    },
    { name: "all is well", status: 200, body: good, from },
    {
      name: "the node at another address, where it is not probed yet",
      status: 200,
      body: good,
      from: "127.0.0.3",
    },
  ]) {
    const { status: got, text } = await post(heartbeat, request.body, request);
    assert.equal(got, status, `${name}: ${text}`);
    assert.ok(!text.includes(TOKEN), name);
  }
});

test("A sender of a thousand heartbeats gets 429, other senders do not", async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 20, localAddress: "127.0.0.2" });
  const statuses = new Map<number, number>();
  const flood = async (): Promise<void> => {
    for (let count = 0; count < 50; count++) {
      const { status } = await post("/api/v1/heartbeat", heartbeatOf("a"), {
        from: "127.0.0.2",
        agent,
      });
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  };
  const flooding = Promise.all(Array.from({ length: 20 }, flood));
  for (let count = 0; count < 10; count++) {
    const { status, text } = await post("/api/v1/heartbeat", heartbeatOf("c"), {
      from: "127.0.0.3",
    });
    assert.equal(status, 200, text);
  }
  await flooding;
  agent.destroy();
  assert.deepEqual([...statuses.keys()].sort(), [200, 429]);
  assert.ok((statuses.get(429) ?? 0) > 0);
});

test("A push of invalid alerts is refused as a whole", async () => {
  const alert = { labels: { alertname: "Pushed" } };
  for (const { name, status, ...request } of [
    { name: "no token", status: 401, body: JSON.stringify([alert]), headers: {} },
    { name: "not JSON", status: 400, body: "rubbish" },
    { name: "no list", status: 400, body: "{}" },
    { name: "labels of a wrong type", status: 400, body: '[{"labels":{"alertname":1}}]' },
    { name: "no labels", status: 400, body: JSON.stringify([alert, { labels: {} }]) },
    {
      name: "too many",
      status: 413,
      body: JSON.stringify(Array.from({ length: 5001 }, () => alert)),
    },
    { name: "too long", status: 413, body: `[${" ".repeat(3_000_000)}]` },
    { name: "deeply nested", status: 400, body: "[".repeat(100_000) },
  ]) {
    const { status: got, text } = await post("/api/v2/alerts", request.body, request);
    assert.ok(
      got === status || (status === 400 && got === 422),
      `${name}: ${got} ${text.slice(0, 300)}`,
    );
  }
  assert.deepEqual(
    JSON.parse((await send({ path: "/api/v2/alerts?filter=alertname%3DPushed" })).text),
    [],
  );
});

test("An invalid query gets an error that says what is wrong", async () => {
  const ask = (expression: string): SentRequest => ({
    path: `/api/v1/query?query=${encodeURIComponent(expression)}`,
  });
  for (const { name, statuses, request } of [
    { name: "a brace left open", statuses: [400], request: ask("up{") },
    { name: "brackets 5000 deep", statuses: [400], request: ask(`${"(".repeat(5000)}1`) },
    { name: "control characters", statuses: [400], request: ask("\u001b[31m\u0000") },
    {
      name: "a regular expression that explodes",
      statuses: [200, 400],
      request: ask('up{job=~"((a+)+)+$"}'),
    },
    {
      name: "a range of a thousand years",
      statuses: [200, 400, 422],
      request: ask("count_over_time(vector(1)[1000y:1ms])"),
    },
    {
      name: "half a percent sign",
      statuses: [200, 400],
      request: { path: "/api/v1/query?query=%" },
    },
    {
      name: "a label name that is a path",
      statuses: [200, 400, 404],
      request: { path: "/api/v1/label/..%2f..%2fetc/values" },
    },
    { name: "a path out of the page", statuses: [404], request: { path: "/../../etc/passwd" } },
    {
      name: "a head of 100 KB",
      statuses: [0, 431],
      request: { path: "/", headers: { "X-Long": "x".repeat(100_000) } },
    },
    {
      name: "a form of 3 MB",
      statuses: [413],
      request: { path: "/api/v1/query", method: "POST", body: "x".repeat(3_000_000) },
    },
  ]) {
    const { status, text } = await send(request);
    assert.ok(statuses.includes(status), `${name}: ${status} ${text.slice(0, 300)}`);
  }
  assert.match(await sendRaw("GET / HTTP/9.9\r\n\u0000\u0001\r\n\r\n"), /^HTTP\/1\.1 400 /);
});

/**
 * Sends bytes that need not be HTTP.
 *
 * @returns the whole response
 */
function sendRaw(bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const socket = connect(ports.scraper, "127.0.0.1", () => socket.write(bytes));
    socket.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    socket.on("close", () => resolve(text));
    socket.on("error", reject);
  });
}

test("Each hostile exporter is down with its own error, and exporters of odd samples are up", async () => {
  for (const [index, { name, error }] of HOSTILE_EXPORTERS.entries()) {
    let lastError = "";
    await waitFor(
      `the health of ${name}`,
      async () => {
        const { text } = await send({ path: "/api/v1/targets" });
        const targets = JsonFields.parse(text, "targets").object("data").objects("activeTargets");
        const target = targets.find((one) =>
          one.text("scrapeUrl").includes(`${addressOf(index)}:`),
        );
        if (target === undefined) return undefined;
        if (error === "") return target.text("health") === "up" || undefined;
        assert.notEqual(target.text("health"), "up", name);
        lastError = target.text("lastError");
        return error.test(lastError) || undefined; // A busy machine may time out at first.
      },
      { describe: () => `${lastError}\n${describe()}` },
    );
  }
  assert.equal(
    await query(`up{instance="${addressOf(HOSTILE_EXPORTERS.length)}:${ports.hostile}"}`),
    0,
  );
  assert.equal(await query("twice"), 1);
  assert.equal(await query("once"), 1);
});

test("Hostile label values are escaped on the page and in the terminal", async () => {
  await waitFor(
    "the alert on the page",
    async () => (await send({ path: "/" })).text.includes("HostileValues") || undefined,
    { describe },
  );
  const page = (await send({ path: "/" })).text;
  assert.ok(page.includes("&lt;script&gt;alert(1)"), page);
  assert.ok(!page.includes("<script>alert"), page);
  assert.ok(!page.includes("<img src=x"), page);
  const { code, stdout } = await pihealth(
    "query",
    "--url",
    `http://127.0.0.1:${ports.scraper}`,
    "hostile",
  );
  assert.equal(code, 0);
  assert.equal(stdout.trimEnd().split("\n").length, 1, stdout);
  assert.ok(stdout.includes("\\u001b[31mred"), stdout);
  assert.ok(!hasControls(stdout));
});

/** Control characters other than line feeds, on which a terminal or a log reader would act. */
function hasControls(text: string): boolean {
  return [...text].some(
    (character) =>
      character !== "\n" && (character < " " || (character >= "\u007f" && character <= "\u009f")),
  );
}

test("A mail arrives once, after a server that refuses, drops and stalls, and after kill -9", async () => {
  const reachMood = async (mood: "refuse" | "drop" | "stall"): Promise<void> => {
    smtp.mood = mood;
    const before = smtp.met[mood];
    await waitFor(
      `a connection that met ${mood}`,
      async () => {
        if (smtp.met[mood] > before) return true;
        await post("/-/reload", ""); // Everything is tried again at once.
        return undefined;
      },
      { describe },
    );
  };
  await waitFor("a refused connection", () => smtp.met.refuse > 0 || undefined, { describe });
  await reachMood("drop");
  await reachMood("stall");
  assert.ok(((await metric("pihealth_outbox_messages")) ?? 0) > 0);
  assert.equal(smtp.sink.mails.length, 0);
  assert.ok(!scraper.text.includes(TOKEN));
  checkLog(scraper.text);
  await checkHealthy();
  await scraper.stop("SIGKILL");
  smtp.mood = "work";
  scraper = startScraper();
  await waitFor("the mail", () => smtp.sink.mails.length > 0 || undefined, { describe });
  await waitFor(
    "an empty outbox",
    async () => (await metric("pihealth_outbox_messages")) === 0 || undefined,
    { describe },
  );
  const scrapes = healthyScrapes;
  await waitFor("two more scrapes", () => healthyScrapes >= scrapes + 2 || undefined, { describe });
  assert.equal(smtp.sink.mails.length, 1, smtp.sink.subjects().join(" | "));
});

/** Every line has a time, a level and a message, and no control character. */
function checkLog(text: string): void {
  assert.ok(!hasControls(text));
  for (const line of text.trimEnd().split("\n").slice(1)) {
    assert.match(line, /^time=\S+ level=(debug|info|warn|error) msg=/, line);
  }
}

/** Every scrape of the healthy exporter is stored, with all its samples. */
async function checkHealthy(): Promise<void> {
  assert.equal(await query('min_over_time(up{job="healthy"}[1h])'), 1);
  assert.equal(
    await query('min_over_time(scrape_samples_scraped{job="healthy"}[1h])'),
    HEALTHY_SAMPLES,
  );
  const stored = (await query('count_over_time(up{job="healthy"}[1h])')) ?? 0;
  assert.ok(healthyScrapes - stored <= 1, `${healthyScrapes} scrapes, ${stored} stored`);
}

test("The mail shows hostile values as text", () => {
  const { raw } = smtp.sink.mails[0] ?? { raw: "" };
  const texts = partsOf(raw);
  const html = texts.find((text) => text.includes("<html")) ?? "";
  assert.ok(html.includes("&lt;script&gt;alert(1)"), html);
  assert.ok(!html.includes("<script"), html);
  assert.ok(!html.includes("<img src=x"), html);
  for (const text of texts)
    assert.ok(!hasControls(text.replaceAll("\r\n", "\n")), JSON.stringify(text));
});

/** The decoded parts of a mail. */
function partsOf(raw: string): string[] {
  return raw.split(/^--.*\r?$/m).map((part) => {
    const start = part.indexOf("\r\n\r\n");
    const body = part.slice(start + 4);
    if (/^content-transfer-encoding: base64/im.test(part))
      return Buffer.from(body, "base64").toString("utf8");
    if (!/^content-transfer-encoding: quoted-printable/im.test(part)) return body;
    const bytes = body
      .replace(/=\r\n/g, "")
      .replace(/=([0-9A-F]{2})/g, (_whole, digits: string) =>
        String.fromCharCode(Number.parseInt(digits, 16)),
      );
    return Buffer.from(bytes, "latin1").toString("utf8");
  });
}

test("The healthy exporter has no gap after the kill, and the scraper stops in order", async () => {
  assert.equal(await query('min_over_time(up{job="healthy"}[1h])'), 1);
  assert.equal(
    await query('min_over_time(scrape_samples_scraped{job="healthy"}[1h])'),
    HEALTHY_SAMPLES,
  );
  const { code } = await scraper.stop();
  assert.equal(code, 0, describe());
  checkLog(scraper.text);
});
