import assert from "node:assert/strict";
import { test } from "node:test";
import { HttpError } from "../../../exporter/shared/platform/http/http-client.js";
import { BackfillUnderTest } from "./backfill-under-test.js";
import { NODE_ID } from "./simulated-pi.js";

/**
 * Every sample recorded in the range is stored at its true time, give or take what clocks may
 * differ.
 */
async function assertStored(
  bench: BackfillUnderTest,
  fromMs: number,
  untilMs: number,
  toleranceMs = 0,
): Promise<void> {
  const stored = [...(await bench.stored())];
  const wanted = bench.pi.recorded.filter(({ trueMs }) => trueMs > fromMs && trueMs < untilMs);
  assert.ok(wanted.length > 0);
  const missing = wanted.filter(
    ({ trueMs, value }) =>
      !stored.some(([time, one]) => one === value && Math.abs(time - trueMs) <= toleranceMs),
  );
  assert.deepEqual(missing, []);
  const values = stored.map(([, value]) => value);
  assert.equal(new Set(values).size, values.length, "a sample is stored twice");
}

interface Outage {
  readonly name: string;
  readonly during: (bench: BackfillUnderTest) => Promise<void>;
  readonly states: readonly string[];
  readonly toleranceMs?: number;
}

const OUTAGES: readonly Outage[] = [
  {
    name: "the link is cut for ten minutes",
    during: async (bench) => {
      bench.isLinked = false;
      await bench.pass(600);
      bench.isLinked = true;
    },
    states: ["filled link_down"],
  },
  {
    name: "the master is killed for ten minutes",
    during: async (bench) => {
      await bench.kill();
      await bench.pass(600);
      await bench.restart();
    },
    states: ["filled master_down"],
  },
  {
    name: "the master is killed while the link is cut",
    during: async (bench) => {
      bench.isLinked = false;
      await bench.pass(120);
      await bench.kill();
      await bench.pass(120);
      await bench.restart();
      await bench.pass(120);
      bench.isLinked = true;
    },
    states: ["filled link_down"],
  },
  {
    name: "the Pi's clock is set to 1970 meanwhile and corrected before the link is back",
    during: async (bench) => {
      bench.isLinked = false;
      await bench.pass(120);
      bench.pi.flush();
      bench.pi.clockErrorMs = -bench.nowMs + 1_000_000;
      await bench.pass(120);
      bench.pi.flush();
      bench.pi.clockErrorMs = 0;
      await bench.pass(60);
      bench.isLinked = true;
    },
    states: ["filled link_down"],
    toleranceMs: 2000,
  },
  {
    name: "the Pi's clock steps back an hour and stays there",
    during: async (bench) => {
      bench.isLinked = false;
      await bench.pass(120);
      bench.pi.flush();
      bench.pi.clockErrorMs = -3_600_000;
      await bench.pass(180);
      bench.isLinked = true;
    },
    states: ["filled link_down"],
    toleranceMs: 2000,
  },
  {
    name: "the connection breaks in every second request of the transfer",
    during: async (bench) => {
      bench.isLinked = false;
      await bench.pass(600);
      let requests = 0;
      bench.pi.onRequest = ({ url }) => {
        if (url.endsWith(".gz") && requests++ % 2 === 0)
          throw new HttpError("unreachable", "reset");
      };
      bench.isLinked = true;
    },
    states: ["filled link_down"],
  },
];

for (const { name, during, states, toleranceMs } of OUTAGES) {
  test(`Every sample is stored once after an outage: ${name}`, async () => {
    const bench = await BackfillUnderTest.start();
    await bench.pass(300);
    const fromMs = bench.nowMs;
    await during(bench);
    const untilMs = bench.nowMs;
    await bench.pass(240);
    assert.deepEqual(bench.states(), states);
    await assertStored(bench, fromMs, untilMs, toleranceMs);
    assert.ok(
      bench.confirmedMs > untilMs + Math.min(0, bench.pi.clockErrorMs),
      `confirmed ${bench.confirmedMs}`,
    );
    await bench.backfill.stop();
  });
}

test("samples get the labels that a scrape gives them", async () => {
  const bench = await BackfillUnderTest.start();
  await bench.pass(120);
  bench.isLinked = false;
  await bench.pass(60);
  bench.isLinked = true;
  await bench.pass(120);
  assert.deepEqual(await bench.storedSeries(), [
    'pihealth_labelled{a="b c", exported_instance="own", instance="10.0.0.7:8732", job="pi"}',
    'pihealth_value{instance="10.0.0.7:8732", job="pi"}',
    'up{instance="10.0.0.7:8732", job="pi"}',
  ]);
});

test("no sample is confirmed while a gap is open, or before it is durable", async () => {
  const bench = await BackfillUnderTest.start();
  assert.equal(bench.confirmedMs, 0);
  await bench.pass(120);
  assert.ok(bench.confirmedMs > 0 && bench.confirmedMs <= bench.nowMs);
  bench.isLinked = false;
  await bench.pass(30);
  assert.equal(bench.confirmedMs, 0);
  bench.files.roomBytes = 0;
  bench.isLinked = true;
  await bench.pass(180);
  assert.equal(bench.confirmedMs, 0);
  bench.files.roomBytes = Number.POSITIVE_INFINITY;
  await bench.pass(180);
  assert.deepEqual(bench.states(), ["filled link_down"]);
  assert.ok(bench.confirmedMs > 0);
});

test("a range that the Pi did not record is lost, with the cause", async () => {
  const bench = await BackfillUnderTest.start();
  await bench.pass(300);
  bench.pi.flush();
  bench.pi.isOn = false;
  await bench.pass(300);
  bench.pi.boot();
  await bench.pass(300);
  assert.deepEqual(
    bench.states().filter((state) => state.startsWith("lost")),
    ["lost node_off"],
  );
  const lost = bench.logLines.filter((line) => line.includes('msg="Gap lost"'));
  assert.equal(lost.length, 1, lost.join("\n"));
  assert.match(lost[0] ?? "", /host=10\.0\.0\.7 .* cause=node_off length=\d/);
});

test("a gap that is filled is logged as filled, with nothing lost", async () => {
  const bench = await BackfillUnderTest.start();
  await bench.pass(300);
  bench.isLinked = false;
  await bench.pass(300);
  bench.isLinked = true;
  bench.logLines.length = 0;
  await bench.pass(240);
  const messages = bench.logLines.map((line) => /msg="([^"]+)"/.exec(line)?.[1]);
  assert.deepEqual([...new Set(messages)], ["Gap filled"]);
});

test("a history that begins after the gap is a spool overrun", async () => {
  const bench = await BackfillUnderTest.start();
  await bench.pass(300);
  bench.isLinked = false;
  await bench.pass(7200);
  bench.pi.dropSegments(bench.pi.segmentCount - 1);
  bench.isLinked = true;
  await bench.pass(240);
  assert.equal(bench.states()[0], "lost spool_overrun");
});

test("another Pi at the same address never fills the gaps of the one before", async () => {
  const bench = await BackfillUnderTest.start();
  await bench.pass(300);
  const before = (await bench.stored()).size;
  bench.isLinked = false;
  await bench.pass(300);
  bench.pi.nodeId = NODE_ID.replace("0", "f");
  bench.isLinked = true;
  await bench.pass(240);
  assert.equal((await bench.stored()).size, before);
  assert.deepEqual(bench.states(), ["lost node_off"]);
});

test("while the end of a gap waits for a flush, only new bytes of the open segment are fetched", async () => {
  const bench = await BackfillUnderTest.start();
  await bench.pass(300);
  bench.isLinked = false;
  await bench.pass(310);
  bench.isLinked = true;
  const ranges: string[] = [];
  bench.pi.onRequest = ({ headers }) => {
    const range = headers?.["Range"];
    if (range !== undefined) ranges.push(range);
  };
  await bench.pass(240);
  assert.deepEqual(bench.states(), ["filled link_down"]);
  const starts = ranges.map((range) => Number(/^bytes=(\d+)-/.exec(range)?.[1]));
  assert.ok(starts.length >= 2, ranges.join(", "));
  assert.equal(
    new Set(starts).size,
    starts.length,
    `a byte was fetched twice: ${ranges.join(", ")}`,
  );
});

test("an open segment whose known beginning was rewritten is fetched as a whole", async () => {
  const bench = await BackfillUnderTest.start();
  await bench.pass(300);
  const fromMs = bench.nowMs;
  bench.isLinked = false;
  await bench.pass(310);
  const untilMs = bench.nowMs;
  bench.isLinked = true;
  await bench.pass(10);
  bench.pi.rewriteOpenSegment();
  await bench.pass(240);
  assert.deepEqual(bench.states(), ["filled link_down"]);
  await assertStored(bench, fromMs, untilMs);
});

test("a master that has just started closes no gap as lost before the Pi had time for a heartbeat", async () => {
  const bench = await BackfillUnderTest.start();
  await bench.pass(300);
  const fromMs = bench.nowMs;
  bench.isLinked = false;
  await bench.pass(310);
  const untilMs = bench.nowMs;
  bench.pi.onRequest = () => {
    throw new HttpError("unreachable", "Cannot fetch: not now");
  };
  bench.isLinked = true;
  await bench.pass(1200);
  await bench.kill();
  bench.isHeard = false;
  await bench.restart();
  await bench.pass(60);
  bench.isHeard = true;
  bench.pi.onRequest = () => undefined;
  await bench.pass(120);
  assert.deepEqual(bench.states(), ["filled link_down"]);
  await assertStored(bench, fromMs, untilMs);
});

test("a gap of a target without a history is lost after ten minutes", async () => {
  const bench = await BackfillUnderTest.start();
  bench.isHeard = false;
  await bench.pass(300);
  bench.isLinked = false;
  await bench.pass(300);
  bench.isLinked = true;
  await bench.pass(300);
  assert.deepEqual(bench.states(), ["open link_down"]);
  await bench.pass(400);
  assert.deepEqual(bench.states(), ["lost link_down"]);
});
