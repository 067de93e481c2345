import assert from "node:assert/strict";
import { test } from "node:test";
import { JsonFields } from "../../../exporter/shared/codec/json-fields.js";
import { silentLogger } from "../../../exporter/shared/platform/logger.js";
import type { Alarm } from "../../../exporter/shared/protocol/pushed-alarm.js";
import { AlarmOutbox, MAX_OUTBOX_ENTRIES } from "../../../exporter/uplink/alarm-outbox.js";
import { AlarmSender } from "../../../exporter/uplink/alarm-sender.js";
import { MasterClient } from "../../../exporter/uplink/master-client.js";
import { UplinkToken } from "../../../exporter/uplink/uplink-token.js";
import { FakeClock } from "../../support/fake-clock.js";
import { FakeMasters } from "../../support/fake-master.js";
import { MemoryFiles } from "../../support/memory-files.js";
import { valueOf } from "../../support/metric-values.js";

interface SentAlert {
  readonly labels: Record<string, string>;
  readonly startsAt: string;
  readonly endsAt: string;
}

interface Run {
  readonly sender: AlarmSender;
  readonly outbox: AlarmOutbox;
}

class World {
  readonly clock = new FakeClock();
  readonly masters = new FakeMasters();
  files = new MemoryFiles();

  async start(...urls: string[]): Promise<Run> {
    const outbox = await AlarmOutbox.open("/state/outbox", this.files, silentLogger);
    const token = await UplinkToken.load(undefined, this.files, silentLogger);
    const sender = new AlarmSender({
      masters: urls.length === 0 ? ["http://m1"] : urls,
      resendIntervalMs: 60_000,
      outbox,
      client: new MasterClient({ sendHttp: this.masters.sendHttp, token }),
      clock: this.clock,
      log: silentLogger,
      random: () => 0.5, // No spread.
    });
    sender.start();
    return { sender, outbox };
  }

  alarm(name: string): Alarm {
    const startsAtMs = this.clock.wallMs();
    return {
      labels: { alertname: name },
      annotations: { summary: "s" },
      startsAtMs,
      endsAtMs: undefined,
    };
  }

  over(alarm: Alarm): Alarm {
    return { ...alarm, endsAtMs: this.clock.wallMs() };
  }

  /**
   * `+name` for an alarm that lasts, `-name` for one that is over, in the order in which a master
   * got them.
   */
  received(urlStart = "", from = 0): string[] {
    const alerts = this.sent(urlStart).slice(from).flat();
    return alerts.map(
      ({ labels, endsAt }) =>
        `${Date.parse(endsAt) > this.clock.wallMs() ? "+" : "-"}${labels["alertname"]}`,
    );
  }

  /** Alerts in each request, in order. */
  sent(urlStart = ""): SentAlert[][] {
    return this.masters.bodies(urlStart).map((body) =>
      JsonFields.parseList(body, "alerts").map((alert) => ({
        labels: alert.textMap("labels"),
        startsAt: alert.text("startsAt"),
        endsAt: alert.text("endsAt"),
      })),
    );
  }

  outboxFiles(): string[] {
    return this.files.paths().filter((path) => path.startsWith("/state/outbox/"));
  }
}

test("an alarm is sent at once, every minute while it lasts, and when it has ended", async () => {
  const world = new World();
  const { sender } = await world.start();
  const alarm = world.alarm("A");
  sender.raise(alarm, "memory");
  await world.clock.advance(10);
  assert.deepEqual(world.received(), ["+A"]);
  await world.clock.advance(120_000);
  assert.deepEqual(world.received(), ["+A", "+A", "+A"]);
  sender.clear(world.over(alarm));
  await world.clock.advance(600_000);
  assert.equal(world.masters.requests.length, 4);
  const [last] = world.sent().at(-1) ?? [];
  assert.equal(last?.endsAt, new Date(alarm.startsAtMs + 120_010).toISOString());
  assert.deepEqual(world.outboxFiles(), []);
  await sender.stop();
});

test("the end time of an active alarm is four repetitions ahead, as in Prometheus", async () => {
  const world = new World();
  const { sender } = await world.start();
  sender.raise(world.alarm("A"), "memory");
  await world.clock.advance(0);
  await sender.stop();
  const [sent] = world.sent()[0] ?? [];
  assert.equal(Date.parse(sent?.endsAt ?? "") - Date.parse(sent?.startsAt ?? ""), 240_000);
});

test("while the master is away, the alarm is on disk and retried; an alarm that ended meanwhile is sent as ended", async () => {
  const world = new World();
  const { sender } = await world.start();
  world.masters.answer = () => "unreachable";
  const alarm = world.alarm("A");
  sender.raise(alarm, "memory");
  await world.clock.advance(3600_000);
  assert.equal(world.outboxFiles().length, 1);
  sender.clear(world.over(alarm));
  await world.clock.advance(3600_000);
  assert.equal(world.outboxFiles().length, 1);
  const failed = world.masters.requests.length;
  // One in four seconds.
  assert.ok(failed > 1790 && failed < 1810, `${failed} attempts in two hours`);
  world.masters.answer = () => 200;
  await world.clock.advance(75_000);
  assert.deepEqual(world.received("", failed), ["-A"]);
  assert.deepEqual(world.outboxFiles(), []);
  await sender.stop();
});

for (const { answer, latestMs } of [
  { answer: "unreachable", latestMs: 4000 },
  { answer: 503, latestMs: 4000 },
  { answer: "timeout", latestMs: 1000 },
  { answer: 403, latestMs: 60_000 },
] as const) {
  test(`however long a master answered with ${answer}, it gets alarms within ${latestMs} ms of its return`, async () => {
    const world = new World();
    world.masters.answer = () => answer;
    const { sender } = await world.start();
    sender.raise(world.alarm("A"), "memory");
    await world.clock.advance(3_600_000);
    world.masters.answer = () => 200;
    const before = world.masters.requests.length;
    await world.clock.advance(latestMs);
    assert.equal(world.masters.requests.length, before + 1);
    await sender.stop();
  });
}

test("a new alarm does not wait for the retry of an older one", async () => {
  const world = new World();
  const { sender } = await world.start();
  world.masters.answer = () => "unreachable";
  sender.raise(world.alarm("A"), "memory");
  await world.clock.advance(600_000);
  world.masters.answer = () => 200;
  const before = world.masters.requests.length;
  sender.raise(world.alarm("B"), "cpu");
  await world.clock.advance(0);
  assert.deepEqual(world.received("", before), ["+A", "+B"]);
  await sender.stop();
});

test("every master gets the alarm, and one that is away delays no other but keeps the alarm on disk", async () => {
  const world = new World();
  const { sender } = await world.start("http://dead", "http://good");
  world.masters.answer = ({ url }) => (url.startsWith("http://dead") ? "never" : 200);
  const alarm = world.alarm("A");
  sender.raise(alarm, "memory");
  await world.clock.advance(2000);
  sender.clear(world.over(alarm));
  await world.clock.advance(2000);
  assert.deepEqual(world.received("http://good"), ["+A", "-A"]);
  assert.equal(world.outboxFiles().length, 1);
  await sender.stop();
});

test("an alarm that every master accepts at once costs no write, however often it recurs", async () => {
  const world = new World();
  const { sender } = await world.start();
  let writes = 0;
  world.files.fault = (operation) => {
    if (operation === "replace") writes++;
    return undefined;
  };
  for (let round = 0; round < 100; round++) {
    const alarm = world.alarm("A");
    sender.raise(alarm, "memory");
    await world.clock.advance(5000);
    sender.clear(world.over(alarm));
    await world.clock.advance(5000);
  }
  assert.equal(writes, 0);
  assert.equal(world.received().length, 200);
  await sender.stop();
});

test("an alarm that was active when the exporter stopped is ended after the restart, also after kill -9", async () => {
  const world = new World();
  const first = await world.start();
  first.sender.raise(world.alarm("A"), "memory");
  await world.clock.advance(61_000);
  world.files = world.files.afterPowerCut(); // The first run is not stopped: it is gone.
  const before = world.masters.requests.length;
  const second = await world.start();
  const [lasting] = second.outbox.entries;
  assert.equal(lasting?.collector, "memory");
  assert.equal(lasting?.alarm.endsAtMs, undefined);
  second.sender.clear(world.over(lasting?.alarm));
  await world.clock.advance(10);
  // It lasts until its collector says otherwise.
  assert.deepEqual(world.received("", before), ["+A", "-A"]);
  assert.deepEqual(world.outboxFiles(), []);
  await second.sender.stop();
});

test("an undelivered alarm survives a restart and is delivered after it", async () => {
  const world = new World();
  world.masters.answer = () => 503;
  const first = await world.start();
  const alarm = world.alarm("A");
  first.sender.raise(alarm, "memory");
  first.sender.clear(world.over(alarm));
  await first.sender.stop();
  world.files = world.files.afterPowerCut();
  world.masters.answer = () => 200;
  const before = world.masters.requests.length;
  const second = await world.start();
  await world.clock.advance(10);
  assert.deepEqual(world.received("", before), ["-A"]);
  assert.deepEqual(world.outboxFiles(), []);
  await second.sender.stop();
});

test("an alarm the master rejects does not keep others from it", async () => {
  const world = new World();
  const { sender } = await world.start();
  world.masters.answer = ({ body }) => (String(body).includes('"bad"') ? 400 : 200);
  const bad = world.alarm("bad");
  sender.raise(bad, "memory");
  sender.raise(world.alarm("good"), "cpu");
  await world.clock.advance(10);
  assert.deepEqual(world.received(), ["+bad", "+good", "+bad", "+good"]);
  sender.clear(world.over(bad));
  await world.clock.advance(10_000);
  assert.equal(world.received().at(-1), "-bad");
  assert.equal(valueOf(sender, "pihealth_alarm_outbox_entries"), 1);
  await sender.stop();
});

test("the outbox is bounded: the oldest ended alarm is dropped first, and every dropped alarm is counted", async () => {
  const world = new World();
  world.masters.answer = () => "never";
  const { sender, outbox } = await world.start();
  const first = world.alarm("first");
  sender.raise(first, "memory");
  const second = world.alarm("second");
  sender.raise(second, "memory");
  sender.clear(world.over(second));
  for (let index = outbox.entries.length; index < MAX_OUTBOX_ENTRIES + 1; index++)
    sender.raise(world.alarm(`n${index}`), "cpu");
  await world.clock.advance(2000);
  assert.equal(outbox.entries.length, MAX_OUTBOX_ENTRIES);
  assert.equal(outbox.droppedCount, 1);
  assert.deepEqual(outbox.entries[0]?.alarm.labels, { alertname: "first" });
  assert.equal(world.outboxFiles().length, MAX_OUTBOX_ENTRIES);
  await sender.stop();
});

for (const { name, content } of [
  { name: "is empty", content: "" },
  { name: "is torn", content: '{"version":1,"coll' },
  { name: "is null", content: "null" },
  { name: "is of another version", content: '{"version":2}' },
  {
    name: "holds wrong types",
    content:
      '{"version":1,"collector":"c","starts_at_ms":0,"ends_at_ms":null,"labels":{"a":1},"annotations":{}}',
  },
  {
    name: "holds an impossible time",
    content:
      '{"version":1,"collector":"c","starts_at_ms":1e300,"ends_at_ms":null,"labels":{},"annotations":{}}',
  },
]) {
  test(`a stored alarm that ${name} is moved aside and counted, the others are kept`, async () => {
    const world = new World();
    world.masters.answer = () => "unreachable";
    const first = await world.start();
    first.sender.raise(world.alarm("A"), "memory");
    await first.sender.stop();
    world.files.put("/state/outbox/000000000077.json", content);
    world.files.put("/state/outbox/000000000078.json.abcd.tmp", "half");
    world.files.put("/state/outbox/notes.txt", "not ours");
    const { outbox, sender } = await world.start();
    assert.deepEqual(
      outbox.entries.map(({ alarm }) => alarm.labels["alertname"]),
      ["A"],
    );
    assert.equal(outbox.droppedCount, 1);
    assert.deepEqual(world.outboxFiles(), [
      "/state/outbox/000000000001.json",
      "/state/outbox/000000000077.json.aside-1",
      "/state/outbox/notes.txt",
    ]);
    await sender.stop();
  });
}

test("a disk that cannot be written prevents durability, not delivery", async () => {
  const world = new World();
  world.files.fault = (operation) =>
    operation === "read" || operation === "list" ? undefined : "EROFS";
  world.masters.answer = () => "unreachable";
  const { sender } = await world.start();
  sender.raise(world.alarm("A"), "memory");
  await world.clock.advance(5000);
  world.masters.answer = () => 200;
  const before = world.masters.requests.length;
  await world.clock.advance(60_000);
  assert.equal(world.received("", before)[0], "+A");
  await sender.stop();
});

test("an end before the start, caused by a step of the clock, is sent as the start", async () => {
  const world = new World();
  const { sender } = await world.start();
  const alarm = world.alarm("A");
  sender.raise(alarm, "memory");
  await world.clock.advance(10);
  sender.clear({ ...alarm, endsAtMs: alarm.startsAtMs - 3_600_000 });
  await world.clock.advance(10);
  const [last] = world.sent().at(-1) ?? [];
  assert.equal(last?.endsAt, last?.startsAt);
  await sender.stop();
});
