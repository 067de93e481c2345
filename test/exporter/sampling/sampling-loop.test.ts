import assert from "node:assert/strict";
import { test } from "node:test";
import { NoDataError, type Collector } from "../../../exporter/collectors/collector.js";
import {
  SamplingLoop,
  type Sampling,
  type ScheduledCollector,
} from "../../../exporter/sampling/sampling-loop.js";
import { gauge, type Sample } from "../../../exporter/shared/model/metric.js";
import { abortReasonOf } from "../../../exporter/shared/platform/abort.js";
import { silentLogger, type Logger } from "../../../exporter/shared/platform/logger.js";
import { assertEvery } from "../../support/assert-every.js";
import { FakeClock } from "../../support/fake-clock.js";

const VALUE = gauge({ name: "test_value", help: "A value." });
const OTHER = gauge({ name: "test_other", help: "Another value." });

function scheduled(
  name: string,
  collect: Collector["collect"],
  intervalMs = 5000,
): ScheduledCollector {
  const collector = { name, metrics: [VALUE], collect };
  return { collector, family: "memory", intervalMs, deadlineMs: 1000, startDelayMs: 100 };
}

interface Run {
  readonly clock: FakeClock;
  readonly loop: SamplingLoop;
  readonly samplings: Sampling[];
  readonly logged: string[];
}

function startLoop(...collectors: ScheduledCollector[]): Run {
  const clock = new FakeClock();
  const samplings: Sampling[] = [];
  const logged: string[] = [];
  const keep = (message: string): void => void logged.push(message);
  const log: Logger = { ...silentLogger, warn: keep, info: keep };
  const loop = new SamplingLoop({ collectors, clock, log });
  loop.listen((sampling) => samplings.push(sampling));
  loop.start();
  return { clock, loop, samplings, logged };
}

const good = async (): Promise<Sample[]> => [VALUE.sample(1)];

test("a collector runs after its start delay and then once per interval, at the same offset", async () => {
  const { clock, loop, samplings } = startLoop(scheduled("steady", good));
  const startMs = clock.wallMs();
  await clock.advance(10_200);
  await loop.stop();
  assert.deepEqual(
    samplings.map(({ wallMs }) => wallMs - startMs),
    [100, 5100, 10_100],
  );
  assertEvery(samplings, ({ ok, samples }) => ok && samples.length === 1);
});

test("a collector that hangs fails at its deadline, is not started again, and delays no other", async () => {
  let starts = 0;
  let end: (samples: Sample[]) => void = () => undefined;
  const hanging = (): Promise<Sample[]> => {
    starts++;
    return new Promise((resolve) => (end = resolve));
  };
  const { clock, loop, samplings } = startLoop(
    scheduled("hanging", hanging),
    scheduled("steady", good),
  );
  await clock.advance(20_000);
  const of = (name: string): Sampling[] => samplings.filter(({ collector }) => collector === name);
  assert.equal(starts, 1);
  assert.deepEqual(
    of("hanging").map(({ ok, durationMs }) => ({ ok, durationMs })),
    [{ ok: false, durationMs: 1000 }],
  );
  assert.equal(of("steady").length, 4);

  end([VALUE.sample(2)]); // Too late to count, but it has ended: the next run may start.
  await clock.advance(1000);
  assert.equal(of("hanging").length, 1);
  await clock.advance(4000);
  assert.equal(starts, 2);
  await loop.stop();
});

test("the deadline aborts the signal of the collector, and the next run gets a new one", async () => {
  const signals: AbortSignal[] = [];
  const obedient = (signal: AbortSignal): Promise<Sample[]> => {
    signals.push(signal);
    return new Promise((_, reject) =>
      signal.addEventListener("abort", () => reject(abortReasonOf(signal))),
    );
  };
  const { clock, loop } = startLoop(scheduled("obedient", obedient));
  await clock.advance(5200);
  assert.deepEqual(
    signals.map(({ aborted }) => aborted),
    [true, false],
  );
  await loop.stop();
});

for (const { name, collect, ok } of [
  {
    name: "throws at once",
    collect: () => {
      throw new Error("broken");
    },
    ok: false,
  },
  { name: "rejects", collect: () => Promise.reject(new Error("broken")), ok: false },
  { name: "returns a metric it does not offer", collect: async () => [OTHER.sample(1)], ok: false },
  {
    name: "returns more samples than allowed",
    collect: async () => Array<Sample>(20_001).fill(VALUE.sample(1)),
    ok: false,
  },
  {
    name: "finds no such hardware",
    collect: () => Promise.reject(new NoDataError("none")),
    ok: true,
  },
]) {
  test(`a collector that ${name} is ${ok ? "a success without samples" : "a failure that affects no other"}`, async () => {
    const { clock, loop, samplings } = startLoop(
      scheduled("odd", collect),
      scheduled("steady", good),
    );
    await clock.advance(5200);
    const odd = samplings.filter(({ collector }) => collector === "odd");
    assert.deepEqual(
      odd.map((sampling) => [sampling.ok, sampling.samples.length]),
      [
        [ok, 0],
        [ok, 0],
      ],
    );
    assert.equal(samplings.filter(({ collector }) => collector === "steady").length, 2);
    await loop.stop();
  });
}

test("failing and recovering are logged once each", async () => {
  let isBroken = true;
  const flaky = async (): Promise<Sample[]> => {
    if (isBroken) throw new Error("broken");
    return [];
  };
  const { clock, loop, logged } = startLoop(scheduled("flaky", flaky));
  await clock.advance(20_000);
  isBroken = false;
  await clock.advance(20_000);
  assert.deepEqual(logged, ["Collector fails", "Collector works again"]);
  await loop.stop();
});

test("the loop is ready when every collector has run once or reached its deadline", async () => {
  const { clock, loop } = startLoop(
    scheduled("steady", good),
    scheduled("hanging", () => new Promise(() => undefined)),
  );
  await clock.advance(500);
  assert.equal(loop.hasSampledAll, false);
  await clock.advance(1000);
  assert.equal(loop.hasSampledAll, true);
  await loop.stop();
});

test("stopping does not wait for a collector that hangs, and leaves no timer of an idle one", async () => {
  const { clock, loop, samplings } = startLoop(
    scheduled("hanging", () => new Promise(() => undefined)),
    scheduled("steady", good),
  );
  await clock.advance(2000);
  await loop.stop();
  const before = samplings.length;
  await clock.advance(60_000);
  assert.equal(samplings.length, before);
  assert.equal(clock.sleeping, 0);
});

test("a step of the wall clock does not change the schedule", async () => {
  const { clock, loop, samplings } = startLoop(scheduled("steady", good));
  await clock.advance(5200);
  clock.stepWall(10 * 365 * 86_400_000);
  await clock.advance(5000);
  clock.stepWall(-3_600_000);
  await clock.advance(5000);
  assert.deepEqual(
    samplings.map(({ monotonicMs }) => monotonicMs),
    [100, 5100, 10_100, 15_100],
  );
  await loop.stop();
});

test("windows end at the scheduled time, before other collectors run, in the same wake-up", async () => {
  const events: string[] = [];
  const clock = new FakeClock();
  const at = (event: string): void => void events.push(`${event} ${clock.monotonicMs()}`);
  const measuring = (name: string): ScheduledCollector => ({
    ...scheduled(name, async (_signal, due) => {
      at(`${name} begins`);
      await due;
      at(`${name} ends`);
      return [];
    }),
    startDelayMs: 500,
  });
  const other = scheduled("other", async () => {
    at("other");
    return [];
  });
  const windows = ["cpu", "processes"].map((name) => {
    const { collector, ...rest } = measuring(name);
    return { ...rest, collector: { ...collector, leadMs: 500 } };
  });
  const collectors = [...windows, { ...other, startDelayMs: 500 }];
  const loop = new SamplingLoop({ collectors, clock, log: silentLogger });
  loop.start();
  await clock.advance(5100);
  await loop.stop();
  assert.deepEqual(events, [
    "processes begins 0",
    "cpu begins 0",
    "processes ends 500",
    "cpu ends 500",
    "other 500",
    "processes begins 5000",
    "cpu begins 5000",
  ]);
});

test("a window that begins late keeps its length", async () => {
  const begins: number[] = [];
  const ends: number[] = [];
  const clock = new FakeClock();
  const { collector, ...rest } = scheduled("window", async (_signal, due) => {
    begins.push(clock.monotonicMs());
    await due;
    ends.push(clock.monotonicMs());
    return [];
  });
  let lateMs = 0;
  const sleepy = {
    wallMs: () => clock.wallMs(),
    monotonicMs: () => clock.monotonicMs(),
    sleep: (delayMs: number, signal?: AbortSignal) => clock.sleep(delayMs + lateMs, signal),
  };
  const late = { ...rest, collector: { ...collector, leadMs: 500 }, startDelayMs: 500 };
  const loop = new SamplingLoop({ collectors: [late], clock: sleepy, log: silentLogger });
  lateMs = 300;
  loop.start();
  lateMs = 0;
  await clock.advance(6000);
  await loop.stop();
  assert.deepEqual([begins[0], ends[0]], [300, 802]);
  assert.deepEqual([begins[1], ends[1]], [5000, 5500]);
});

test("the exporter does not wait for a custom collector, and a stop ends its run", async () => {
  let reason: unknown;
  const hanging = scheduled("custom", (signal) => {
    signal.addEventListener("abort", () => (reason = abortReasonOf(signal)));
    return new Promise(() => undefined);
  });
  const { clock, loop, samplings } = startLoop(scheduled("steady", good), {
    ...hanging,
    deadlineMs: 300_000,
    isAwaited: false,
  });
  await clock.advance(1000);
  assert.equal(loop.hasSampledAll, true);
  await loop.stop();
  assert.match(String(reason), /Stopped/);
  assert.equal(samplings.length, 1);
});
