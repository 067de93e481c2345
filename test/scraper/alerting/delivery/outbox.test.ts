import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLogger } from "../../../../exporter/shared/platform/logger.js";
import {
  MAX_MESSAGE_AGE_MS,
  type DeliveryOutcome,
} from "../../../../scraper/alerting/delivery/outbox-sender.js";
import { Outbox } from "../../../../scraper/alerting/delivery/outbox.js";
import {
  MAX_DELIVERIES_PER_INTEGRATION,
  MAX_DELIVERIES_PER_SERVER,
  RETRY_DELAYS_MS,
  type Fault,
} from "../../../../scraper/alerting/delivery/retry-schedule.js";
import type { OutboxMessage } from "../../../../scraper/alerting/messages/outbox-message.js";
import { FakeClock } from "../../../support/fake-clock.js";
import { MemoryFiles } from "../../../support/memory-files.js";

const FOLDER = "/data/outbox";
const DONE: DeliveryOutcome = {
  rest: undefined,
  refusals: [],
  problem: "",
  fault: "message",
};

interface Fixture {
  readonly outbox: Outbox;
  readonly clock: FakeClock;
  readonly files: MemoryFiles;
  /** Receivers of the messages attempted, with the time in seconds. */
  readonly attempts: string[];
  deliver: (message: OutboxMessage) => Promise<DeliveryOutcome>;
  /** Adds a message and releases it; `about` is its group and integration. */
  put(
    receiver: string,
    body: string,
    about: string,
    options?: { isEssential?: boolean },
  ): Promise<string | undefined>;
  /** As `put`, and lets the first attempts run. */
  add(receiver: string, body?: string, about?: string): Promise<void>;
}

async function startOutbox({
  clock = new FakeClock(),
  files = new MemoryFiles(),
} = {}): Promise<Fixture> {
  const startMs = clock.monotonicMs();
  const attempts: string[] = [];
  let count = 0;
  const outbox = new Outbox({
    files,
    folder: FOLDER,
    clock,
    log: silentLogger,
    random: () => 0.5,
    deliver(message) {
      attempts.push(`${message.receiver}@${(clock.monotonicMs() - startMs) / 1000}`);
      return fixture.deliver(message);
    },
    serverOf: ({ receiver }) => receiver.split("/")[0] ?? "",
  });
  const fixture: Fixture = {
    outbox,
    clock,
    files,
    attempts,
    deliver: async () => DONE,
    async put(receiver, body, about, options) {
      const message = messageTo(receiver, { body, about, createdAtMs: clock.wallMs() });
      const id = await outbox.put(message, options);
      if (id !== undefined) outbox.release(id);
      return id;
    },
    async add(receiver, body = "{}", about = `${receiver} ${count++}`) {
      await fixture.put(receiver, body, about);
      await clock.advance(0);
    },
  };
  await outbox.load();
  outbox.start();
  return fixture;
}

function messageTo(
  receiver: string,
  { body, about, createdAtMs }: { body: string; about: string; createdAtMs: number },
): OutboxMessage {
  const record = {
    id: about,
    timestampMs: createdAtMs,
    firing: [],
    resolved: [],
    threadMs: 0,
    expiresAtMs: 0,
  };
  return { receiver, integration: 0, createdAtMs, payload: { kind: "webhook", body }, record };
}

const retry = (message: OutboxMessage, fault: Fault): DeliveryOutcome => ({
  rest: message.payload,
  refusals: [],
  problem: "not now",
  fault,
});

test("A message is on disk before the first attempt and gone after the server took it", async () => {
  const fixture = await startOutbox();
  let onDisk = 0;
  fixture.deliver = async () => {
    onDisk = fixture.files.paths().length;
    return DONE;
  };
  await fixture.add("a");
  assert.deepEqual([onDisk, fixture.files.paths()], [1, []]);
});

for (const { fault, expected } of [
  { fault: "connection", expected: [0, 1, 3, 7, 15, 25, 35] },
  { fault: "unavailable", expected: [0, 5, 15, 35, 75, 135, 195] },
  { fault: "denied", expected: [0, 5, 15, 35, 75, 155, 315] },
  { fault: "message", expected: [0, 5, 15, 35, 75, 155, 315] },
] satisfies { fault: Fault; expected: number[] }[]) {
  for (const count of [1, 2, 6]) {
    test(`Delays after failures (${fault}) double, with ${count} messages waiting`, async () => {
      const fixture = await startOutbox();
      fixture.deliver = async (message) => retry(message, fault);
      for (let index = 0; index < count; index++) await fixture.add("a/0", `${index}`);
      await fixture.clock.advance(3600_000);
      const times = fixture.attempts.map((attempt) => Number(attempt.split("@")[1]));
      assert.deepEqual([...new Set(times)].slice(0, 7), expected);
      assert.equal(Math.max(...longestStep(times)), RETRY_DELAYS_MS[fault].longest / 1000);
    });
  }
}

function longestStep(times: readonly number[]): number[] {
  return times.slice(1).map((time, index) => time - (times[index] ?? 0));
}

test("A message that one server defers does not hold up other messages to it", async () => {
  const fixture = await startOutbox();
  fixture.deliver = async (message) =>
    message.receiver === "s/slow" ? retry(message, "message") : DONE;
  await fixture.add("s/slow");
  await fixture.add("s/quick");
  assert.deepEqual(fixture.attempts, ["s/slow@0", "s/quick@0"]);
  await fixture.clock.advance(5000);
  assert.deepEqual(fixture.attempts.slice(2), ["s/slow@5"]);
});

for (const fault of ["unavailable", "denied", "message"] satisfies Fault[]) {
  test(`A receiver that fails (${fault}) delays no other one at the same server`, async () => {
    const fixture = await startOutbox();
    fixture.deliver = async (message) =>
      message.receiver === "s/bad" ? retry(message, fault) : DONE;
    await fixture.add("s/bad");
    await fixture.clock.advance(200_000);
    const seconds = fixture.clock.monotonicMs() / 1000;
    await fixture.add("s/good");
    assert.equal(fixture.attempts.at(-1), `s/good@${seconds}`);
  });
}

test("A server that cannot be reached gets one attempt at a time, and everything once it is back", async () => {
  const fixture = await startOutbox();
  let isDown = true;
  fixture.deliver = async (message) => (isDown ? retry(message, "connection") : DONE);
  for (let index = 0; index < 40; index++) await fixture.add(`s/${index % 4}`, "{}", `g${index}`);
  await fixture.clock.advance(600_000);
  const attempts = fixture.attempts.length;
  assert.ok(attempts < 75, `${attempts} attempts in ten minutes`);
  isDown = false;
  await fixture.clock.advance(RETRY_DELAYS_MS.connection.longest);
  assert.equal(fixture.outbox.counts.delivered, 40);
  assert.equal(fixture.attempts.length, attempts + 40);
});

test("Of one group and integration only the newest message is sent, in memory and after a crash", async () => {
  for (const isCrash of [false, true]) {
    const first = await startOutbox();
    first.deliver = async (message) => retry(message, "connection");
    for (const state of ["firing", "resolved", "firing again"]) {
      await first.add("s/a", state, "group");
      await first.clock.advance(3000);
    }
    assert.equal(first.outbox.size.messages, 1);
    assert.equal(first.files.paths().length, 1);
    const fixture = isCrash
      ? await startOutbox({ clock: first.clock, files: first.files.afterPowerCut() })
      : first;
    const bodies: string[] = [];
    fixture.deliver = async ({ payload }) => {
      bodies.push(payload.kind === "webhook" ? payload.body : "");
      return DONE;
    };
    await fixture.clock.advance(10_000);
    assert.deepEqual(bodies, ["firing again"]);
    assert.equal(first.outbox.counts.superseded, 2);
    assert.deepEqual(fixture.files.paths(), []);
  }
});

test("A message under way is not repeated when a newer one about its group waits", async () => {
  const fixture = await startOutbox();
  let fail: (outcome: DeliveryOutcome) => void = () => undefined;
  fixture.deliver = () => new Promise((resolve) => (fail = resolve));
  await fixture.add("s/a", "old", "group");
  await fixture.add("s/a", "new", "group");
  assert.equal(fixture.attempts.length, 1);
  const bodies: string[] = [];
  fixture.deliver = async ({ payload }) => {
    bodies.push(payload.kind === "webhook" ? payload.body : "");
    return DONE;
  };
  fail({ ...DONE, rest: { kind: "webhook", body: "old" }, fault: "unavailable" });
  await fixture.clock.advance(10_000);
  assert.deepEqual(bodies, ["new"]);
  assert.deepEqual(fixture.files.paths(), []);
});

test("500 groups that change every second leave one message each, and drop none", async () => {
  const fixture = await startOutbox();
  fixture.deliver = async (message) => retry(message, "connection");
  for (let round = 0; round < 20; round++) {
    for (let group = 0; group < 500; group++) {
      await fixture.put("s/a", `${round}`, `group ${group}`);
    }
    await fixture.clock.advance(1000);
  }
  const { messages } = fixture.outbox.size;
  const { superseded, full } = fixture.outbox.counts;
  assert.deepEqual({ messages, superseded, full }, { messages: 500, superseded: 9500, full: 0 });
  assert.ok(fixture.attempts.length < 10);
});

test("A server that stalls takes a bounded number of deliveries and delays no other server", async () => {
  const fixture = await startOutbox();
  fixture.deliver = (message) =>
    message.receiver.startsWith("stalled") ? new Promise(() => undefined) : Promise.resolve(DONE);
  for (let index = 0; index < 20; index++) await fixture.add(`stalled/${index}`);
  await fixture.add("quick/1");
  assert.equal(fixture.attempts.length, MAX_DELIVERIES_PER_SERVER + 1);
  assert.equal(fixture.attempts.at(-1), "quick/1@0");
  assert.equal(fixture.outbox.counts.delivered, 1);
});

test("An integration that stalls leaves room for the others at its server", async () => {
  const fixture = await startOutbox();
  fixture.deliver = (message) =>
    message.receiver === "s/stalled" ? new Promise(() => undefined) : Promise.resolve(DONE);
  for (let index = 0; index < 5; index++) await fixture.add("s/stalled", "{}", `g${index}`);
  assert.equal(fixture.attempts.length, MAX_DELIVERIES_PER_INTEGRATION);
  await fixture.add("s/quick");
  assert.equal(fixture.attempts.at(-1), "s/quick@0");
});

test("After a partial delivery only the rest is tried again, also after a crash", async () => {
  const fixture = await startOutbox();
  fixture.deliver = async () => ({
    rest: { kind: "webhook", body: "rest" },
    refusals: [{ recipient: "bert", reply: "550 unknown" }],
    problem: "451 later",
    fault: "message",
  });
  await fixture.add("a", "all");
  const files = fixture.files.afterPowerCut();
  assert.equal(files.paths().filter((name) => name.startsWith(`${FOLDER}/rejected/`)).length, 1);
  const second = await startOutbox({ clock: fixture.clock, files });
  const bodies: string[] = [];
  second.deliver = async ({ payload }) => {
    bodies.push(payload.kind === "webhook" ? payload.body : "");
    return DONE;
  };
  await fixture.clock.advance(0);
  await second.outbox.stop(0);
  assert.deepEqual(bodies, ["rest"]);
});

test("A full outbox takes no further message, but a newer one about a group that waits", async () => {
  const fixture = await startOutbox();
  fixture.deliver = async (message) => retry(message, "connection");
  const megabyte = "x".repeat(1024 * 1024);
  for (let index = 0; index < 40; index++) await fixture.put("a/0", megabyte, `g${index}`);
  const { messages, bytes } = fixture.outbox.size;
  assert.equal(messages, 31);
  assert.ok(bytes <= 32 * 1024 * 1024);
  assert.equal(fixture.outbox.counts.full, 9);
  assert.equal(await fixture.put("a/0", megabyte, "g39"), undefined);
  assert.notEqual(await fixture.put("a/0", "now", "g0"), undefined);
  assert.notEqual(await fixture.put("a/0", megabyte, "summary", { isEssential: true }), undefined);
});

test("A message that no server takes for five days is set aside", async () => {
  const fixture = await startOutbox();
  fixture.deliver = async (message) => retry(message, "unavailable");
  await fixture.add("a");
  await fixture.clock.advance(MAX_MESSAGE_AGE_MS + 700_000);
  assert.deepEqual([fixture.outbox.size.messages, fixture.outbox.counts.tooOld], [0, 1]);
  assert.equal(fixture.files.paths().length, 1);
});

test("The newest hundred refused messages are kept for people to read", async () => {
  const fixture = await startOutbox();
  fixture.deliver = async () => ({
    ...DONE,
    refusals: [{ recipient: "bert", reply: "550 unknown" }],
  });
  for (let index = 0; index < 120; index++) await fixture.add(`a/${index}`);
  const kept = fixture.files.paths();
  assert.equal(kept.length, 100);
  assert.match(
    await fixture.files.readText(kept.at(-1) ?? ""),
    /"reply": "550 unknown"[\s\S]*"receiver": "a\/119"/,
  );
  assert.equal(fixture.outbox.counts.refusedRecipients, 120);
});

test("Stopping waits for a delivery under way, but not longer than the grace period", async () => {
  const fixture = await startOutbox();
  let finish: (outcome: DeliveryOutcome) => void = () => undefined;
  fixture.deliver = () => new Promise((resolve) => (finish = resolve));
  await fixture.add("a");
  const stopped = fixture.outbox.stop(5000);
  await fixture.clock.advance(4000);
  finish(DONE);
  await stopped;
  assert.deepEqual(fixture.files.paths(), []);
});
