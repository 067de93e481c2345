import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { COLLECTORS } from "../../../exporter/collectors/registry.js";
import { validateOpenMetrics } from "../../../exporter/shared/codec/exposition/exposition-parser-strict.js";
import {
  decodeHeartbeat,
  encodeHeartbeatReply,
} from "../../../exporter/shared/protocol/heartbeat.js";
import { decodeHistoryList } from "../../../exporter/shared/protocol/history.js";
import { waitFor } from "../../support/child-program.js";
import { listenOnFreePort } from "../../support/loopback-servers.js";
import { promtoolCheckMetrics } from "../../support/promtool.js";
import { REPOSITORY } from "../../support/repository.js";

const START_WITHIN_MS = 240_000;
const FOLDER = mkdtempSync(path.join(tmpdir(), "pihealth-exporter-test-"));
const TOKEN_FILE = path.join(FOLDER, "token");
writeFileSync(TOKEN_FILE, "a-token-for-this-test\n");
const children: ChildProcess[] = [];

function run(script: string, args: readonly string[]): ChildProcess {
  const child = spawn(
    process.execPath,
    [path.join(REPOSITORY, "dist/exporter/program", script), ...args],
    {
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  children.push(child);
  return child;
}

const runExporter = (...args: string[]): ChildProcess =>
  run("main.js", [
    "--config",
    path.join(FOLDER, "exporter.yml"),
    "--state",
    path.join(FOLDER, "state"),
    ...args,
  ]);

/** Resolves with the match as soon as the log of the child has it. */
function logged(child: ChildProcess, pattern: RegExp): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    let text = "";
    const timer = setTimeout(() => reject(new Error(`no ${pattern} in: ${text}`)), START_WITHIN_MS);
    child.stderr?.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      const match = pattern.exec(text);
      if (match === null) return;
      clearTimeout(timer);
      resolve(match);
    });
  });
}

async function outcome(
  child: ChildProcess,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const texts = { stdout: "", stderr: "" };
  child.stdout?.on("data", (chunk: Buffer) => (texts.stdout += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => (texts.stderr += chunk.toString()));
  await once(child, "close");
  return { code: child.exitCode, ...texts };
}

/** The heartbeats received so far. */
const heartbeats: { authorization: string | undefined; body: string }[] = [];
let onHeartbeat: () => void = () => undefined;
const master = createServer((request, response) => {
  let body = "";
  request.on("data", (chunk: Buffer) => (body += chunk.toString()));
  request.on("end", () => {
    heartbeats.push({ authorization: request.headers.authorization, body });
    onHeartbeat();
    response.end(encodeHeartbeatReply({ known: true, pool: 0, durableUntilMs: 0 }));
  });
});

let exporter: ChildProcess;
let base = "";
before(async () => {
  writeFileSync(path.join(FOLDER, "exporter.yml"), "collectors: { processes: { interval: 1h } }\n");
  const masterUrl = `http://127.0.0.1:${await listenOnFreePort(master)}`;
  const firstHeartbeat = new Promise<void>((resolve) => (onHeartbeat = resolve));
  exporter = runExporter(
    "--listen-address",
    "127.0.0.1:0",
    "--master",
    masterUrl,
    "--token-file",
    TOKEN_FILE,
  );
  const [, port] = await logged(exporter, /msg="Exporter started".* port=(\d+)/);
  base = `http://127.0.0.1:${port}`;
  await firstHeartbeat;
});
after(() => {
  for (const child of children) child.kill("SIGKILL");
  master.closeAllConnections();
  master.close();
  rmSync(FOLDER, { recursive: true, force: true });
});

/** Asks until the first sampling of every collector is over. */
async function untilReady(): Promise<void> {
  await waitFor(
    "the first sampling",
    async () => (await fetch(`${base}/-/ready`)).status === 200 || undefined,
  );
}

test("The real exporter serves the metrics of this machine in both formats, and promtool accepts them", async () => {
  await untilReady();
  const text = await (await fetch(`${base}/metrics`)).text();
  assert.equal(promtoolCheckMetrics(text), "");
  for (const { name } of COLLECTORS)
    assert.match(text, new RegExp(`^pihealth_collector_success\\{collector="${name}"\\} `, "m"));
  for (const name of [
    "pihealth_memory_total_bytes",
    "pihealth_load1",
    "pihealth_exporter_resident_memory_bytes",
  ]) {
    assert.match(text, new RegExp(`^${name} [0-9]`, "m"));
  }
  const accept = "application/openmetrics-text;version=1.0.0";
  validateOpenMetrics(await (await fetch(`${base}/metrics`, { headers: { accept } })).text());
});

test("Its heartbeat has node id, boot id and port", async () => {
  const [first] = heartbeats;
  assert.equal(first?.authorization, "Bearer a-token-for-this-test");
  const { nodeId, bootId, port, monotonicMs } = decodeHeartbeat(first?.body ?? "");
  assert.equal(readFileSync(path.join(FOLDER, "state/node-id"), "utf8"), `${nodeId}\n`);
  assert.match(bootId, /^[0-9a-f-]{36}$/);
  assert.equal(`http://127.0.0.1:${port}`, base);
  assert.ok(monotonicMs > 0);
});

test("pihealth get asks an exporter by host, and says when it does not answer", async () => {
  await untilReady();
  const host = base.replace("http://", "");
  const memory = await outcome(run("cli.js", ["get", "memory", "--host", host]));
  assert.match(memory.stdout, /^\d{4}-\d\d-\d\d__\d\d:\d\d:\d\d  \S+  \S+  [\d.]+%  [\d.]+%\n$/);
  assert.equal(memory.code, 0);
  const dead = await outcome(run("cli.js", ["get", "memory", "--host", "127.0.0.1:1"]));
  assert.equal(dead.code, 1);
  assert.match(dead.stderr, /^Cannot get metrics of "127\.0\.0\.1:1": /);
});

test("A second exporter on the same state folder is refused with the process that uses it", async () => {
  const { code, stderr } = await outcome(runExporter("--listen-address", "127.0.0.1:0"));
  assert.equal(code, 1);
  assert.match(stderr, new RegExp(`process ${exporter.pid} uses it, only one process may use it`));
});

test("A port in use is an error with exit code 1", async () => {
  const blocker = createTcpServer();
  const port = await listenOnFreePort(blocker);
  const other = path.join(FOLDER, "state-of-another");
  const { code, stderr } = await outcome(
    runExporter("--listen-address", `127.0.0.1:${port}`, "--state", other),
  );
  blocker.close();
  assert.equal(code, 1);
  assert.match(
    stderr,
    new RegExp(`Cannot listen on "127\\.0\\.0\\.1:${port}": another program listens there`),
  );
});

for (const { name, args, message } of [
  {
    name: "A missing configuration",
    args: ["--config", "/nowhere.yml"],
    message: /^Cannot load "\/nowhere\.yml": /,
  },
  {
    name: "A missing token file",
    args: ["--listen-address", "127.0.0.1:0", "--master", "m", "--token-file", "/nowhere"],
    message: /Cannot read fleet token "\/nowhere"/,
  },
]) {
  test(`${name} is an error of one line with exit code 1`, async () => {
    const { code, stderr } = await outcome(runExporter(...args));
    assert.equal(code, 1);
    assert.match(stderr, message);
    assert.equal(stderr.trimEnd().split("\n").length, 1);
  });
}

test("pihealth exporter is the same program", async () => {
  const { code, stdout } = await outcome(run("cli.js", ["exporter", "--help"]));
  assert.equal(code, 0);
  assert.match(stdout, /--listen-address/);
});

test("With a token file that cannot be used it records, says so, and needs no restart", async () => {
  const folder = path.join(FOLDER, "without-token");
  const configFile = path.join(FOLDER, "without-token.yml");
  const tokenFile = path.join(FOLDER, "later-token");
  writeFileSync(tokenFile, "short");
  writeFileSync(configFile, `uplink: { token_file: ${tokenFile} }\n`);
  const args = ["--listen-address", "127.0.0.1:0", "--config", configFile, "--state", folder];
  const child = runExporter(...args);
  const said = logged(child, /msg="Cannot use the token file".*must be one line of 16 to 4096/);
  const [, port] = await logged(child, /msg="Exporter started".* port=(\d+)/);
  await said;
  assert.equal((await fetch(`http://127.0.0.1:${port}/metrics`)).status, 200);
  assert.equal((await fetch(`http://127.0.0.1:${port}/history`)).status, 403);
  // SIGHUP reads the configuration again; one that is not valid changes nothing.
  writeFileSync(configFile, "nonsense: true\n");
  const refused = logged(child, /msg="Cannot reload the configuration: the previous one stays/);
  child.kill("SIGHUP");
  await refused;
  writeFileSync(tokenFile, "a-token-for-this-test\n");
  writeFileSync(configFile, `uplink: { token_file: ${tokenFile} }\nalarms: { enabled: false }\n`);
  const reloaded = logged(child, /msg="Configuration reloaded"/);
  const again = logged(child, /msg="Exporter started".* port=(\d+)/);
  child.kill("SIGHUP");
  await reloaded;
  const headers = { authorization: "Bearer a-token-for-this-test" };
  const newPort = (await again)[1];
  assert.equal((await fetch(`http://127.0.0.1:${newPort}/history`, { headers })).status, 200);
  const stopped = outcome(child);
  child.kill("SIGTERM");
  assert.equal((await stopped).code, 0);
});

test("SIGTERM stops it with exit code 0", async () => {
  const stopped = outcome(exporter);
  exporter.kill("SIGTERM");
  const { code, stderr } = await stopped;
  assert.equal(code, 0);
  assert.match(stderr, /Exporter stopped/);
});

test("After a restart the earlier history is fetched with the fleet token", async () => {
  const headers = { authorization: "Bearer a-token-for-this-test" };
  const again = runExporter("--listen-address", "127.0.0.1:0", "--token-file", TOKEN_FILE);
  const [, port] = await logged(again, /msg="Exporter started".* port=(\d+)/);
  const address = `http://127.0.0.1:${port}/history`;
  assert.equal((await fetch(address)).status, 401);
  const list = decodeHistoryList(await (await fetch(address, { headers })).text());
  const [segment] = list.segments;
  assert.equal(segment?.bootId, list.bootId);
  assert.equal(segment?.open, false);
  const body = await (await fetch(`${address}/${segment?.name}`, { headers })).arrayBuffer();
  assert.equal(createHash("sha256").update(Buffer.from(body)).digest("hex"), segment?.sha256);
  const text = gunzipSync(body).toString();
  const [, uptimeMs] = /monotonic_ms=(\d+)/.exec(text) ?? [];
  assert.ok(Number(uptimeMs) <= list.monotonicMs, "one clock across restarts");
  for (const { name } of COLLECTORS.filter((entry) => entry.name !== "processes"))
    assert.ok(text.includes(`\npihealth_collector_success{collector="${name}"} `), name);
  again.kill("SIGTERM");
  await once(again, "close");
});
