import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLogger } from "../../../../exporter/shared/platform/logger.js";
import { MAX_OUTBOX_MESSAGES } from "../../../../scraper/alerting/delivery/message-queue.js";
import {
  MAX_MESSAGE_AGE_MS,
  type DeliveryOutcome,
} from "../../../../scraper/alerting/delivery/outbox-sender.js";
import { Outbox } from "../../../../scraper/alerting/delivery/outbox.js";
import { MAX_DELIVERIES_PER_SERVER } from "../../../../scraper/alerting/delivery/retry-schedule.js";
import type { OutboxMessage } from "../../../../scraper/alerting/messages/outbox-message.js";
import { FakeClock } from "../../../support/fake-clock.js";
import { MemoryFiles } from "../../../support/memory-files.js";

const FOLDER = "/data/outbox";
const DONE: DeliveryOutcome = {
  rest: undefined,
  refusals: [],
  problem: "",
  isServerProblem: false,
};

interface Fixture {
  readonly outbox: Outbox;
  readonly clock: FakeClock;
  readonly files: MemoryFiles;
  /** Receivers of the messages attempted, with the time in seconds. */
  readonly attempts: string[];
  deliver: (message: OutboxMessage) => Promise<DeliveryOutcome>;
  add(receiver: string, body?: string): Promise<void>;
}

async function startOutbox({
  clock = new FakeClock(),
  files = new MemoryFiles(),
} = {}): Promise<Fixture> {
  const startMs = clock.monotonicMs();
  const attempts: string[] = [];
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
    async add(receiver, body = "{}") {
      outbox.release(await outbox.put(messageTo(receiver, body, clock.wallMs())));
      await clock.advance(0);
    },
  };
  await outbox.load();
  outbox.start();
  return fixture;
}

function messageTo(receiver: string, body: string, createdAtMs: number): OutboxMessage {
  const record = {
    id: receiver,
    timestampMs: createdAtMs,
    firing: [],
    resolved: [],
    threadMs: 0,
    expiresAtMs: 0,
  };
  return { receiver, integration: 0, createdAtMs, payload: { kind: "webhook", body }, record };
}

const retry = (message: OutboxMessage, isServerProblem: boolean): DeliveryOutcome => ({
  rest: message.payload,
  refusals: [],
  problem: "not now",
  isServerProblem,
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

test("A failing server is tried again after 5, 10, 20 seconds and so on, up to 10 minutes", async () => {
  const fixture = await startOutbox();
  fixture.deliver = async (message) => retry(message, true);
  await fixture.add("a");
  await fixture.clock.advance(3600_000);
  const times = fixture.attempts.map((attempt) => Number(attempt.split("@")[1]));
  assert.deepEqual(times.slice(0, 9), [0, 5, 15, 35, 75, 155, 315, 635, 1235]);
});

test("A message that one server defers does not hold up other messages to it", async () => {
  const fixture = await startOutbox();
  fixture.deliver = async (message) =>
    message.receiver === "s/slow" ? retry(message, false) : DONE;
  await fixture.add("s/slow");
  await fixture.add("s/quick");
  assert.deepEqual(fixture.attempts, ["s/slow@0", "s/quick@0"]);
  await fixture.clock.advance(5000);
  assert.deepEqual(fixture.attempts.slice(2), ["s/slow@5"]);
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

test("After a partial delivery only the rest is tried again, also after a crash", async () => {
  const fixture = await startOutbox();
  fixture.deliver = async () => ({
    rest: { kind: "webhook", body: "rest" },
    refusals: [{ recipient: "bert", reply: "550 unknown" }],
    problem: "451 later",
    isServerProblem: false,
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

test("A full outbox drops its oldest messages and counts them", async () => {
  const fixture = await startOutbox();
  fixture.deliver = async (message) => retry(message, true);
  for (let index = 0; index < MAX_OUTBOX_MESSAGES + 3; index++) {
    fixture.outbox.release(
      await fixture.outbox.put(messageTo(`a/${index}`, "{}", fixture.clock.wallMs() + index)),
    );
  }
  assert.deepEqual(
    [fixture.outbox.size.messages, fixture.outbox.counts.dropped],
    [MAX_OUTBOX_MESSAGES, 3],
  );
  assert.equal(fixture.files.paths().length, MAX_OUTBOX_MESSAGES);
  for (let index = 0; index < 40; index++)
    await fixture.outbox.put(messageTo("b", "x".repeat(1024 * 1024), fixture.clock.wallMs()));
  assert.ok(fixture.outbox.size.bytes <= 32 * 1024 * 1024);
});

test("A message that no server takes for five days is set aside", async () => {
  const fixture = await startOutbox();
  fixture.deliver = async (message) => retry(message, true);
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
