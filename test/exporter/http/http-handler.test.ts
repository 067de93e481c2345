import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { Exposition } from "../../../exporter/exposition/exposition.js";
import { createExporterRoutes } from "../../../exporter/http/exporter-routes.js";
import { createHttpHandler } from "../../../exporter/http/http-handler.js";
import { createBasicAuth } from "../../../exporter/shared/config/basic-auth.js";
import { validateOpenMetrics } from "../../../exporter/shared/codec/exposition/exposition-parser-strict.js";
import { itemAt } from "../../../exporter/shared/model/get-or-throw.js";
import { gauge } from "../../../exporter/shared/model/metric.js";
import { listenHttp, type HttpServer } from "../../../exporter/shared/platform/http/http-server.js";
import { silentLogger } from "../../../exporter/shared/platform/logger.js";
import { assertEvery } from "../../support/assert-every.js";
import { FakeClock } from "../../support/fake-clock.js";

const READS = gauge({ name: "test_reads", help: "Number of times the metrics were rendered." });

let isReady = false;
let reads = 0;
const servers: HttpServer[] = [];

async function serve(users: ReadonlyMap<string, string> = new Map()): Promise<string> {
  const source = { metrics: [READS], readMetrics: () => [READS.sample(++reads)] };
  const exposition = new Exposition({ collectors: [], clock: new FakeClock(), log: silentLogger });
  exposition.add(source);
  const hostname = '<script>alert("pi")</script>';
  const routes = [
    ...createExporterRoutes({
      exposition,
      hostname,
      nodeId: "a".repeat(32),
      version: "1.2.3",
      isReady: () => isReady,
    }),
    { path: "/broken", handle: () => Promise.reject(new Error("secret detail")) },
  ];
  const basicAuth = createBasicAuth(users, async (password) => password === "right");
  const handler = createHttpHandler({ routes, basicAuth, log: silentLogger });
  const server = await listenHttp(handler, { host: "127.0.0.1", port: 0, maxConnections: 200 });
  servers.push(server);
  return `http://127.0.0.1:${server.port}`;
}

let base = "";
let guarded = "";
before(async () => {
  base = await serve();
  guarded = await serve(new Map([["prom", "hash"]]));
});
after(async () => {
  await Promise.all(servers.map((server) => server.stop(0)));
});

test("/metrics is plain text by default, with Content-Length and Vary and without framework headers", async () => {
  const response = await fetch(`${base}/metrics`, { headers: { "accept-encoding": "identity" } });
  const body = await response.text();
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  assert.equal(response.headers.get("vary"), "Accept, Accept-Encoding");
  assert.equal(response.headers.get("content-length"), String(Buffer.byteLength(body)));
  for (const name of ["x-powered-by", "etag", "content-encoding"])
    assert.equal(response.headers.get(name), null);
});

test("/metrics is OpenMetrics and gzip on request", async () => {
  const accept = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5";
  const response = await fetch(`${base}/metrics`, {
    headers: { accept, "accept-encoding": "gzip" },
  });
  assert.equal(
    response.headers.get("content-type"),
    "application/openmetrics-text; version=1.0.0; charset=utf-8",
  );
  assert.equal(response.headers.get("content-encoding"), "gzip");
  const text = await response.text(); // fetch decompresses.
  validateOpenMetrics(text);
});

test("50 concurrent scrapers get the same bytes, rendered once", async () => {
  const body = async (): Promise<string> => {
    const response = await fetch(`${base}/metrics`, { headers: { "accept-encoding": "identity" } });
    return response.text();
  };
  const first = await body();
  const before = reads;
  const bodies = await Promise.all(Array.from({ length: 50 }, body));
  assertEvery(bodies, (text) => text === first);
  assert.equal(reads, before);
});

test("HEAD gets the headers of GET and no body", async () => {
  const [get, head] = await Promise.all([
    fetch(`${base}/metrics`),
    fetch(`${base}/metrics`, { method: "HEAD" }),
  ]);
  const headers = ["content-type", "content-length", "content-encoding", "vary"] as const;
  assert.deepEqual(
    headers.map((name) => head.headers.get(name)),
    headers.map((name) => get.headers.get(name)),
  );
  assert.equal(await head.text(), "");
});

for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"]) {
  test(`${method} is refused with the allowed methods`, async () => {
    const response = await fetch(`${base}/metrics`, { method });
    assert.equal(response.status, 405);
    assert.equal(response.headers.get("allow"), "GET, HEAD");
  });
}

for (const { path, status } of [
  { path: "/nowhere", status: 404 },
  { path: "/metrics/more", status: 404 },
  { path: "/-/healthy", status: 200 },
  { path: "/metrics?x[__proto__]=1&y=%ff", status: 200 },
  { path: "/%E0%A4%A", status: 404 },
  { path: "/broken", status: 500 },
]) {
  test(`GET ${path} answers ${status}`, async () => {
    const response = await fetch(base + path);
    assert.equal(response.status, status);
    assert.doesNotMatch(await response.text(), /secret|at .*\.js/);
  });
}

test("the exporter is ready once every collector has run", async () => {
  assert.equal((await fetch(`${base}/-/ready`)).status, 503);
  isReady = true;
  assert.equal((await fetch(`${base}/-/ready`)).status, 200);
});

test("the landing page links to /metrics and escapes a hostile host name", async () => {
  const response = await fetch(`${base}/`);
  const page = await response.text();
  assert.match(page, /href="\/metrics"/);
  assert.doesNotMatch(page, /<script/);
  assert.match(page, /&lt;script&gt;/);
  assert.match(response.headers.get("content-security-policy") ?? "", /default-src 'none'/);
});

test("with basic auth users, every path but the health checks needs a password", async () => {
  const header = (password: string) => ({
    authorization: `Basic ${Buffer.from(`prom:${password}`).toString("base64")}`,
  });
  const refused = await fetch(`${guarded}/metrics`);
  assert.equal(refused.status, 401);
  assert.match(refused.headers.get("www-authenticate") ?? "", /^Basic realm=/);
  assert.equal((await fetch(`${guarded}/`)).status, 401);
  assert.equal((await fetch(`${guarded}/metrics`, { headers: header("wrong") })).status, 401);
  assert.equal((await fetch(`${guarded}/metrics`, { headers: header("right") })).status, 200);
  assert.equal((await fetch(`${guarded}/-/healthy`)).status, 200);
});

/** Sends raw bytes and returns the raw response until the server closes the connection. */
function exchange(text: string): Promise<string> {
  const { port } = itemAt(servers, 0);
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(text));
    let answer = "";
    socket.on("data", (chunk) => (answer += chunk.toString("latin1")));
    socket.on("close", () => resolve(answer));
    socket.on("error", reject);
  });
}

for (const { name, text, status } of [
  { name: "a request that is not HTTP", text: "\u0016\u0003\u0001 rubbish\r\n\r\n", status: 400 },
  {
    name: "headers that are too large",
    text: `GET /metrics HTTP/1.1\r\nhost: x\r\na: ${"a".repeat(20_000)}\r\n\r\n`,
    status: 431,
  },
  { name: "a request without a host", text: "GET /metrics HTTP/1.1\r\n\r\n", status: 400 },
]) {
  test(`${name} is refused with ${status}`, async () => {
    assert.match(await exchange(text), new RegExp(`^HTTP/1\\.1 ${status} `));
  });
}

test("a GET with a body is answered", async () => {
  const answer = await exchange(
    "GET /-/healthy HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello",
  );
  assert.match(answer, /^HTTP\/1\.1 200 /);
});

test("a compressed body contains the text", async () => {
  const raw = await exchange(
    "GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\naccept-encoding: gzip\r\n\r\n",
  );
  const body = Buffer.from(raw.slice(raw.indexOf("\r\n\r\n") + 4), "latin1");
  assert.match(gunzipSync(body).toString(), /^# HELP test_reads /m);
});
