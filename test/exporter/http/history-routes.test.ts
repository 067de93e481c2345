import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import { History } from "../../../exporter/history/history.js";
import { parseHistorySettings } from "../../../exporter/history/history-settings.js";
import { parseByteRange } from "../../../exporter/http/byte-range.js";
import { createHistoryRoutes } from "../../../exporter/http/history-routes.js";
import { createHttpHandler } from "../../../exporter/http/http-handler.js";
import { TransferLimits } from "../../../exporter/http/transfer-limits.js";
import { createBasicAuth } from "../../../exporter/shared/config/basic-auth.js";
import { tokenMatches } from "../../../exporter/shared/codec/fleet-token.js";
import { ConfigSection } from "../../../exporter/shared/config/config-section.js";
import { gauge } from "../../../exporter/shared/model/metric.js";
import { systemClock } from "../../../exporter/shared/platform/clock.js";
import { listenHttp, type HttpServer } from "../../../exporter/shared/platform/http/http-server.js";
import { silentLogger } from "../../../exporter/shared/platform/logger.js";
import { decodeHistoryList } from "../../../exporter/shared/protocol/history.js";
import { assertEvery } from "../../support/assert-every.js";
import { FakeClock } from "../../support/fake-clock.js";
import { MemoryFiles } from "../../support/memory-files.js";

const TOKEN = "a-token-for-this-test";
const VALUE = gauge({ name: "test_value", help: "A value." });
const headers = { authorization: `Bearer ${TOKEN}` };
const clock = new FakeClock();
const files = new MemoryFiles();
const servers: HttpServer[] = [];
let history: History;
let base = "";
let withoutToken = "";
let closed = "";
let open = "";

async function serve(token: string | undefined): Promise<string> {
  const routes = createHistoryRoutes({
    ...{ history, files, clock: systemClock, bootMs: () => 12_345.6 },
    ...{ bootId: "0", nodeId: "ab".repeat(16), maxRateBytes: 1e9 },
    hasFleetToken: (header) => (token === undefined ? undefined : tokenMatches(header, token)),
  });
  const basicAuth = createBasicAuth(new Map([["prom", "hash"]]), async () => false);
  const handler = createHttpHandler({ routes, basicAuth, log: silentLogger });
  const server = await listenHttp(handler, { host: "127.0.0.1", port: 0, maxConnections: 20 });
  servers.push(server);
  return `http://127.0.0.1:${server.port}/history`;
}

before(async () => {
  const settings = parseHistorySettings(ConfigSection.parse("segment_duration: 1m", "e.yml"));
  history = await History.open({
    ...{ folder: "/state/history", files, clock, settings, bootId: "0", log: silentLogger },
    bootMs: () => clock.monotonicMs(),
  });
  history.start([]);
  for (let index = 0; index < 42; index++) {
    const now = { wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs() };
    history.receive({ collector: "test", ...now, samples: [VALUE.sample(index)] });
    await clock.advance(5000);
  }
  base = await serve(TOKEN);
  withoutToken = await serve(undefined);
  const { segments } = decodeHistoryList(await (await fetch(base, { headers })).text());
  closed = segments.find((segment) => !segment.open)?.name ?? "";
  open = segments.find((segment) => segment.open)?.name ?? "";
  files.put("/state/secret", "secret");
});
after(async () => {
  await Promise.all(servers.map((server) => server.stop(0)));
  await history.stop();
});

const get = (name: string, more: Record<string, string> = {}): Promise<Response> =>
  fetch(`${base}/${name}`, { headers: { ...headers, ...more } });
const bytesOf = async (response: Response): Promise<Buffer> =>
  Buffer.from(await response.arrayBuffer());

test("the list contains the node, the boot, both clocks and the segments with their readable bytes", async () => {
  const list = decodeHistoryList(await (await fetch(base, { headers })).text());
  assert.equal(list.nodeId, "ab".repeat(16));
  assert.equal(list.monotonicMs, 12_345);
  assert.deepEqual(
    list.segments.map((segment) => segment.open),
    [false, true],
  );
  for (const { name, bytes, sha256 } of list.segments) {
    const body = await bytesOf(await get(name));
    assert.equal(body.length, bytes);
    assert.equal(createHash("sha256").update(body).digest("hex"), sha256);
  }
});

for (const authorization of ["", "Bearer wrong-token-of-length", "Basic cHJvbTpyaWdodA==", TOKEN]) {
  test(`the Authorization header "${authorization}" is refused`, async () => {
    for (const address of [base, `${base}/${closed}`]) {
      const response = await fetch(address, { headers: { authorization } });
      assert.equal(response.status, 401);
      assert.match(response.headers.get("www-authenticate") ?? "", /^Bearer/);
    }
  });
}

test("without a configured token every request is refused with the reason", async () => {
  const response = await fetch(withoutToken, { headers });
  assert.equal(response.status, 403);
  assert.match(await response.text(), /uplink\.token_file/);
});

for (const name of ["..%2f..%2fsecret", "lock", "0000000009-0000000000000.prom.gz", "%00", "%ff"]) {
  test(`the name ${name} is not a segment`, async () => {
    const { status } = await get(name);
    assert.ok(status === 404 || status === 400, `${status}`);
  });
}

test("an interrupted transfer resumes with Range while the segment is unchanged", async () => {
  const whole = await get(closed);
  const etag = whole.headers.get("etag") ?? "";
  const body = await bytesOf(whole);
  const rest = await get(closed, { range: "bytes=10-", "if-range": etag });
  assert.equal(rest.status, 206);
  assert.equal(rest.headers.get("content-range"), `bytes 10-${body.length - 1}/${body.length}`);
  assert.deepEqual(await bytesOf(rest), body.subarray(10));
  const other = await get(closed, { range: "bytes=10-", "if-range": '"other"' });
  assert.equal(other.status, 200);
  assert.deepEqual(await bytesOf(other), body);
  const beyond = await get(closed, { range: `bytes=${body.length}-` });
  assert.equal(beyond.status, 416);
  assert.equal(beyond.headers.get("content-range"), `bytes */${body.length}`);
});

test("the open segment supports ranges and has no ETag, because it grows", async () => {
  const response = await get(open, { range: "bytes=0-19" });
  assert.equal(response.status, 206);
  assert.equal(response.headers.get("etag"), null);
  assert.equal((await bytesOf(response)).length, 20);
});

test("HEAD returns the length and does not count as a transfer", async () => {
  for (let count = 0; count < 5; count++) {
    const response = await fetch(`${base}/${closed}`, { method: "HEAD", headers });
    assert.equal(response.status, 200);
    assert.ok(Number(response.headers.get("content-length")) > 0);
  }
  assert.equal((await get(closed)).status, 200);
});

for (const [header, expected] of [
  ["bytes=0-0", [0, 1]],
  ["bytes=0-", [0, 100]],
  ["bytes=99-500", [99, 100]],
  ["bytes=-5", [95, 100]],
  ["bytes=-500", [0, 100]],
  ["bytes=-0", "unsatisfiable"],
  ["bytes=100-", "unsatisfiable"],
  ["bytes=5-4", undefined],
  ["bytes=0-1,3-4", undefined],
  ["bytes=-", undefined],
  ["lines=0-1", undefined],
  ["", undefined],
] as const) {
  test(`the Range header "${header}" of a body of 100 bytes is ${String(expected)}`, () => {
    const range = parseByteRange(header, 100);
    const found = typeof range === "object" ? [range.fromBytes, range.untilBytes] : range;
    assert.deepEqual(found, expected);
  });
}

test("a peer may run two transfers and all peers four, and the next starts after one has ended", () => {
  const limits = new TransferLimits(new FakeClock(), 1);
  const ends = ["a", "a", "b", "b"].map((peer) => limits.begin(peer));
  assertEvery(ends, (end) => end !== undefined);
  assert.equal(limits.begin("c"), undefined);
  ends[2]?.();
  assert.equal(limits.begin("a"), undefined);
  assert.ok(limits.begin("c") !== undefined);
});

test("the rate limit holds for all transfers together", async () => {
  const slow = new FakeClock();
  const limits = new TransferLimits(slow, 1000);
  let passed = 0;
  for (let index = 0; index < 5; index++) void limits.pass(1000).then(() => passed++);
  await slow.advance(0);
  assert.equal(passed, 1);
  await slow.advance(2000);
  assert.equal(passed, 3);
});
