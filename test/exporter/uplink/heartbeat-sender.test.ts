import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLogger, type Logger } from "../../../exporter/shared/platform/logger.js";
import {
  decodeHeartbeat,
  encodeHeartbeatReply,
  type Heartbeat,
} from "../../../exporter/shared/protocol/heartbeat.js";
import { HeartbeatSender } from "../../../exporter/uplink/heartbeat-sender.js";
import { MasterClient } from "../../../exporter/uplink/master-client.js";
import { UplinkToken } from "../../../exporter/uplink/uplink-token.js";
import { FakeClock } from "../../support/fake-clock.js";
import { FakeMasters } from "../../support/fake-master.js";
import { MemoryFiles } from "../../support/memory-files.js";
import { valueOf } from "../../support/metric-values.js";

const TOKEN = "secret-of-the-fleet";
const KNOWN = {
  status: 200,
  body: encodeHeartbeatReply({ known: true, pool: 2, durableUntilMs: 5 }),
};
const HEARTBEAT: Heartbeat = {
  nodeId: "0123456789abcdef0123456789abcdef",
  hostname: "pi4",
  port: 8732,
  bootId: "b0",
  wallMs: 1000,
  monotonicMs: 5,
  history: undefined,
};

async function setUp(masterUrls: readonly string[] = ["http://m1:8730"]) {
  const clock = new FakeClock();
  const masters = new FakeMasters();
  masters.answer = () => KNOWN;
  const files = new MemoryFiles();
  files.put("/token", `${TOKEN}\n`);
  const logged: string[] = [];
  const log: Logger = {
    ...silentLogger,
    info: (text) => logged.push(text),
    warn: (text) => logged.push(text),
  };
  const token = await UplinkToken.load("/token", files, silentLogger);
  const replies: unknown[] = [];
  const sender = new HeartbeatSender({
    masters: masterUrls,
    intervalMs: 30_000,
    createHeartbeat: () => HEARTBEAT,
    client: new MasterClient({ sendHttp: masters.sendHttp, token }),
    clock,
    log,
    random: () => 0.5, // No spread.
    onHeartbeatReply: (master, reply) => replies.push({ master, reply }),
  });
  const count = (outcome: string): number | undefined =>
    valueOf(sender, "pihealth_heartbeats_total", { outcome });
  return { clock, masters, files, logged, sender, replies, count };
}

test("a heartbeat is sent to the master at once and every 30 s, with the token", async () => {
  const { clock, masters, sender, replies, count } = await setUp();
  sender.start();
  await clock.advance(60_000);
  await sender.stop();
  assert.equal(masters.requests.length, 3);
  const [first] = masters.requests;
  assert.equal(first?.url, "http://m1:8730/api/v1/heartbeat");
  assert.equal(first?.headers?.["authorization"], `Bearer ${TOKEN}`);
  assert.deepEqual(decodeHeartbeat(String(first?.body)), HEARTBEAT);
  assert.deepEqual(replies[0], {
    master: "http://m1:8730",
    reply: { known: true, pool: 2, durableUntilMs: 5 },
  });
  assert.equal(count("ok"), 3);
});

test("a master that starts a little later, or restarts, causes no warning", async () => {
  const { clock, masters, sender, logged } = await setUp();
  masters.answer = () => "unreachable";
  sender.start();
  await clock.advance(10_000);
  masters.answer = () => KNOWN;
  await clock.advance(60_000);
  masters.answer = () => 503;
  await clock.advance(5000);
  masters.answer = () => KNOWN;
  await clock.advance(60_000);
  await sender.stop();
  assert.deepEqual(logged, ["Master accepts heartbeats"]);
});

test("a master that refuses the token causes a warning at once", async () => {
  const { clock, masters, sender, logged } = await setUp();
  masters.answer = () => ({ status: 401, body: "" });
  sender.start();
  await clock.advance(1000);
  await sender.stop();
  assert.deepEqual(logged, ["Master does not accept heartbeats"]);
});

test("a master that is away is retried at growing intervals, up to the heartbeat interval", async () => {
  const { clock, masters, sender, logged } = await setUp();
  const times: number[] = [];
  masters.answer = () => {
    times.push(clock.monotonicMs());
    return "unreachable";
  };
  sender.start();
  await clock.advance(121_000);
  masters.answer = () => KNOWN;
  await clock.advance(60_000);
  await sender.stop();
  assert.deepEqual(times, [0, 2000, 6000, 14_000, 30_000, 60_000, 90_000, 120_000]);
  assert.deepEqual(logged, ["Master does not accept heartbeats", "Master accepts heartbeats"]);
});

for (const { name, answer, outcome } of [
  { name: "refuses the token", answer: 401, outcome: "refused" },
  { name: "has an error", answer: 500, outcome: "failed" },
  { name: "redirects", answer: 302, outcome: "failed" },
  {
    name: "answers something that is no heartbeat reply",
    answer: { status: 200, body: "<html>" },
    outcome: "failed",
  },
  { name: "is too slow", answer: "timeout", outcome: "timeout" },
  { name: "does not listen", answer: "unreachable", outcome: "unreachable" },
] as const) {
  test(`a master that ${name} is counted as ${outcome}`, async () => {
    const { clock, masters, sender, count } = await setUp();
    masters.answer = () => answer;
    sender.start();
    await clock.advance(100);
    await sender.stop();
    assert.equal(count(outcome), 1);
    assert.equal(count("ok"), 0);
  });
}

test("a changed token is read again after a refusal", async () => {
  const { clock, masters, files, sender } = await setUp();
  files.put("/token", "another-secret-of-the-fleet");
  masters.answer = ({ headers }) =>
    headers?.["authorization"] === "Bearer another-secret-of-the-fleet" ? KNOWN : 403;
  sender.start();
  await clock.advance(2000);
  await sender.stop();
  assert.equal(masters.requests.length, 2);
});

test("a master that never answers delays no other master and no stop", async () => {
  const { clock, masters, sender } = await setUp(["http://dead:8730", "http://good:8730"]);
  masters.answer = ({ url }) => (url.startsWith("http://dead") ? "never" : KNOWN);
  sender.start();
  await clock.advance(60_000);
  await sender.stop();
  assert.equal(masters.bodies("http://good").length, 3);
});
