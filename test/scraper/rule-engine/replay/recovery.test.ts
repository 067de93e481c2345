import assert from "node:assert/strict";
import { test } from "node:test";
import { Labels } from "../../../../exporter/shared/model/labels.js";
import type { MemoryFiles } from "../../../support/memory-files.js";
import { type Course, RecoveryBench } from "./recovery-bench.js";

const HOT = `
groups:
  - name: g
    rules:
      - alert: Hot
        expr: temperature > 70
        for: 5m
        annotations: { value: "{{ $value }}" }
`;
/** The master is away from minute 30 to minute 150. */
const [GONE, BACK] = [30, 150];

interface Scenario {
  readonly name: string;
  readonly course: Course;
  readonly notified: readonly string[];
  /** Alerts sent since the master is back, with the minute they fired. */
  readonly sent: readonly string[];
}

/** 80 degrees from one minute until another, then 20. */
const hotBetween = (fromMinute: number, untilMinute: number): Course => [
  [fromMinute, 80],
  [untilMinute, 20],
];

async function masterAway(
  { course }: Pick<Scenario, "course">,
  rules = HOT,
): Promise<RecoveryBench> {
  const bench = new RecoveryBench(rules);
  bench.host("a", course);
  await bench.startMaster();
  await bench.pass(GONE);
  await bench.kill();
  bench.sent.clear();
  await bench.skip(BACK - GONE);
  await bench.startMaster();
  await bench.pass(1);
  await bench.fill(GONE, BACK, "master_down", "a");
  await bench.pass(10);
  return bench;
}

for (const { name, course, notified, sent } of [
  { name: "nothing", course: [], notified: [], sent: [] },
  {
    name: "an alert that began and ended inside",
    course: hotBetween(40, 100),
    notified: ["Hot a 40-100"],
    sent: [],
  },
  {
    name: "an alert that began inside and is still true",
    course: [[40, 80]],
    notified: ["Hot a 40-on"],
    sent: ["Hot a 45"],
  },
  {
    name: "an alert that fired before and ended inside",
    course: hotBetween(10, 100),
    notified: [], // Its start was notified before, its end is sent.
    sent: ["Hot a 15 ended"],
  },
  {
    name: "an alert that fired before and still fires",
    course: [[10, 80]],
    notified: [],
    sent: ["Hot a 15"],
  },
  {
    name: "an alert that was pending before and fired inside",
    course: hotBetween(28, 60),
    notified: ["Hot a 28-60"],
    sent: [],
  },
  {
    name: "an alert that was pending before and is still true",
    course: [[28, 80]],
    notified: ["Hot a 28-on"],
    sent: ["Hot a 33"],
  },
  {
    name: "a pending alert that never held for long enough",
    course: hotBetween(40, 44),
    notified: [],
    sent: [],
  },
  {
    name: "an alert that begins at the end and has not held for long enough",
    course: hotBetween(149, 152),
    notified: [],
    sent: [],
  },
  {
    name: "an alert that fires by what it held inside",
    course: [[147, 80]],
    notified: ["Hot a 147-on"],
    sent: ["Hot a 152"],
  },
  {
    name: "an alert that ended and began again inside",
    course: [
      [10, 80],
      [50, 20],
      [90, 80],
    ],
    notified: ["Hot a 90-on"],
    sent: ["Hot a 15", "Hot a 95"],
  },
] satisfies Scenario[]) {
  test(`after the master was away, an alert is notified, or sent with its real start time: ${name}`, async () => {
    const bench = await masterAway({ course });
    await bench.stopMaster();
    assert.deepEqual({ notified: bench.notified(), sent: [...bench.sent] }, { notified, sent });
    assert.ok(bench.summaries.length <= 1);
  });
}

const RECORDING = `
groups:
  - name: late
    rules:
      - alert: AllHot
        expr: fleet:temperature:avg > 70
        for: 5m
  - name: early
    rules:
      - record: fleet:temperature:avg
        expr: avg(temperature)
`;

test("recording rules, ALERTS and ALERTS_FOR_STATE have no hole, and a group may read a later one", async () => {
  const bench = await masterAway(
    {
      course: hotBetween(40, 100),
    },
    RECORDING,
  );
  await bench.stopMaster();
  assert.deepEqual(await bench.valueAt("fleet:temperature:avg", 60), ["fleet:temperature:avg 80"]);
  assert.deepEqual(await bench.valueAt("count_over_time(fleet:temperature:avg[60m])", 120), [
    "{} 60",
  ]);
  assert.deepEqual(await bench.valueAt('ALERTS{alertstate="firing"}', 60), [
    'ALERTS{alertname="AllHot", alertstate="firing"} 1',
  ]);
  const [since] = await bench.valueAt("ALERTS_FOR_STATE / 60 - 40", 60);
  assert.match(since ?? "", / (0|1)(\.\d+)?$/);
  assert.deepEqual(await bench.valueAt("ALERTS", 102), []);
  assert.deepEqual(
    bench.notified().map((text) => text.replace(/\d+-\d+/, "")),
    ["AllHot  "],
  );
});

test("rules that read each other in a cycle are evaluated time by time", async () => {
  const circle = `
groups:
  - name: g
    rules:
      - record: temperature:max
        expr: max(temperature or temperature:max)
      - alert: WasHot
        expr: temperature:max > 70
`;
  const bench = await masterAway(
    {
      course: hotBetween(40, 50),
    },
    circle,
  );
  await bench.stopMaster();
  assert.deepEqual(await bench.valueAt("temperature:max", 140), ["temperature:max 80"]);
});

test("recorded values that live evaluation has stored are not changed", async () => {
  const bench = new RecoveryBench(RECORDING);
  bench.host("a", [[40, 80]]);
  bench.host("b", []);
  await bench.startMaster();
  await bench.pass(30);
  bench.cut("a");
  await bench.pass(60);
  bench.join("a");
  await bench.pass(1);
  await bench.fill(30, 90, "link_down", "a");
  await bench.pass(10);
  await bench.stopMaster();
  assert.deepEqual(await bench.valueAt("fleet:temperature:avg", 60), ["fleet:temperature:avg 20"]);
});

const WITH_UP = `${HOT}
      - alert: Down
        expr: up == 0
        for: 5m
      - alert: NobodyScrapes
        expr: absent(up)
`;

test("after a link failure, only alerts that live evaluation could not see are notified", async () => {
  const bench = new RecoveryBench(WITH_UP);
  bench.host("a", [
    [40, 80],
    [60, 20],
    [70, 80],
    [80, 20],
  ]);
  bench.host("b", hotBetween(40, 60));
  await bench.startMaster();
  await bench.pass(30);
  bench.cut("a");
  await bench.pass(120);
  bench.join("a");
  await bench.pass(1);
  await bench.fill(30, 150, "link_down", "a");
  await bench.pass(10);
  assert.deepEqual(bench.notified(), ["Hot a 40-80 x2"]);
  assert.equal(bench.summaries[0]?.away, "link");
  assert.deepEqual([...bench.sent].sort(), [
    "Down a 35",
    "Down a 35 ended",
    "Hot b 45",
    "Hot b 45 ended",
  ]);
  const listed = bench.history.list({ fromMs: 0, untilMs: bench.clock.wallMs(), limit: 10 });
  assert.deepEqual(listed.map(({ source, times }) => `${source} ${times}`).sort(), [
    "filled 2",
    "live 1",
    "live 1",
  ]);
  await bench.stopMaster();
});

test("an alert of the outage stays one alert when the link fails before live rules see it", async () => {
  const bench = new RecoveryBench(HOT);
  bench.host("a", [[40, 80]]);
  await bench.startMaster();
  await bench.pass(GONE);
  await bench.kill();
  bench.sent.clear();
  await bench.skip(BACK - GONE);
  bench.cut("a");
  const sinceBack = { fromMs: bench.clock.wallMs(), untilMs: undefined };
  bench.gaps.push({ instance: "a", job: "pi", ...sinceBack, state: "open" });
  await bench.startMaster();
  await bench.fill(GONE, BACK, "master_down", "a");
  await bench.pass(10);
  assert.deepEqual(bench.notified(), ["Hot a 40-on"]);
  bench.gaps.splice(0);
  bench.join("a");
  await bench.pass(20);
  assert.deepEqual([...bench.sent], ["Hot a 45"]);
  assert.equal(bench.summaries.length, 1);
  await bench.stopMaster();
});

for (const { name, commitMs } of [
  { name: "shorter than the interval of the rules", commitMs: 1000 },
  { name: "longer than the interval of the rules", commitMs: 90_000 },
]) {
  test(`a recovery ends although the time of each commit passes meanwhile: ${name}`, async () => {
    const bench = new RecoveryBench(HOT);
    bench.host("a", [[40, 80]]);
    await bench.startMaster();
    await bench.pass(GONE);
    await bench.kill();
    await bench.skip(BACK - GONE);
    bench.storage.commit = () => bench.clock.sleep(commitMs);
    await bench.startMaster();
    await bench.pass(1);
    await bench.fill(GONE, BACK, "master_down", "a");
    await bench.pass(20);
    assert.deepEqual(bench.notified(), ["Hot a 40-on"]);
    await bench.stopMaster();
  });
}

test("while nothing was scraped, absent(up) yields no alert", async () => {
  const bench = await masterAway({ course: [] }, WITH_UP);
  await bench.stopMaster();
  assert.deepEqual(bench.notified(), []);
});

test("an alert of a host that was off while the others were filled is kept", async () => {
  const bench = new RecoveryBench(HOT);
  bench.host("a", hotBetween(40, 60));
  bench.host("off", [[10, 80]]);
  await bench.startMaster();
  await bench.pass(GONE);
  await bench.kill();
  await bench.skip(BACK - GONE);
  bench.cut("off");
  bench.gaps.push({
    instance: "off",
    job: "pi",
    fromMs: GONE * 60_000,
    untilMs: undefined,
    state: "open",
  });
  await bench.startMaster();
  await bench.pass(1);
  await bench.fill(GONE, BACK, "master_down", "a");
  await bench.pass(10);
  assert.deepEqual(bench.notified(), ["Hot a 40-60"]);
  assert.deepEqual(
    Array.from(bench.engine.alertsView(), ({ state, unknown }) => `${state} ${unknown}`),
    ["firing true"],
  );
  await bench.stopMaster();
});

test("an alert that started and ended a thousand times is one line", async () => {
  const course: [number, number][] = [];
  for (let index = 0; index < 2000; index++) course.push([100 + index, index % 2 === 0 ? 80 : 20]);
  const bench = new RecoveryBench(HOT.replace("for: 5m", "for: 0s"));
  bench.host("a", course);
  await bench.startMaster();
  await bench.pass(30);
  await bench.kill();
  await bench.skip(2270);
  await bench.startMaster();
  await bench.pass(1);
  await bench.fill(30, 2300, "master_down", "a");
  await bench.pass(10);
  await bench.stopMaster();
  assert.deepEqual(bench.notified(), ["Hot a 100-2099 x1000"]);
});

test("a week away with twenty hosts is one summary, even if they return one by one", async () => {
  const week = 7 * 24 * 60;
  const bench = new RecoveryBench(HOT.replace("rules:", "interval: 5m\n    rules:"));
  const names = Array.from({ length: 20 }, (_, index) => `pi-${index}`);
  for (const name of names) {
    const later =
      name === "pi-3"
        ? ([
            [3000, 90],
            [3120, 20],
          ] as const)
        : name === "pi-7"
          ? ([[6000, 90]] as const)
          : [];
    bench.host(name, [[1500, 80], [1520, 20], ...later]);
  }
  await bench.startMaster();
  await bench.pass(10);
  await bench.kill();
  await bench.skip(week);
  await bench.startMaster();
  bench.sent.clear();
  await bench.pass(1);
  for (const name of names) {
    await bench.fill(10, 10 + week, "master_down", name);
    await bench.pass(1);
  }
  await bench.pass(20);
  await bench.stopMaster();
  assert.equal(bench.summaries.length, 1);
  const notified = bench.notified();
  assert.equal(notified.length, 20);
  assert.equal(notified.filter((text) => /^Hot pi-\d+ 150\d-15[12]\d$/.test(text)).length, 18);
  assert.match(
    notified.find((text) => text.startsWith("Hot pi-3 ")) ?? "",
    /^Hot pi-3 150\d-312\d x2$/,
  );
  assert.match(
    notified.find((text) => text.startsWith("Hot pi-7 ")) ?? "",
    /^Hot pi-7 150\d-on x2$/,
  );
  // It fired when the master was back, and its beginning was put right when it was known.
  assert.match([...bench.sent].join(), /^Hot pi-7 1009\d,Hot pi-7 60(05|06|07|08|09|10)$/);
});

test("hosts that return one after the other are waited for, but no longer than the limit", async () => {
  const bench = new RecoveryBench(HOT);
  const names = Array.from({ length: 40 }, (_, index) => `pi-${index}`);
  for (const name of names) bench.host(name, hotBetween(40, 60));
  await bench.startMaster();
  await bench.pass(GONE);
  await bench.kill();
  await bench.skip(BACK - GONE);
  await bench.startMaster();
  await bench.pass(1);
  for (const name of names) {
    await bench.fill(GONE, BACK, "master_down", name);
    await bench.pass(1);
  }
  await bench.pass(40);
  await bench.stopMaster();
  assert.equal(bench.summaries.length, 2);
  assert.equal(bench.notified().length, 40);
  assert.equal(new Set(bench.notified()).size, 40);
});

test("a range that is filled again after the notification changes nothing", async () => {
  const bench = await masterAway({
    course: hotBetween(40, 100),
  });
  await bench.fill(GONE, BACK, "master_down", "a");
  await bench.pass(10);
  await bench.stopMaster();
  assert.deepEqual(bench.notified(), ["Hot a 40-100"]);
  assert.equal(bench.summaries.length, 1);
});

test("alerts of a new host go into the history, and nobody is notified", async () => {
  const bench = await masterAway({ course: [] });
  bench.host("new", hotBetween(40, 100));
  bench.areNew = true;
  await bench.fill(GONE, BACK, "master_down", "new");
  await bench.pass(10);
  assert.deepEqual(bench.summaries, []);
  assert.deepEqual(
    bench.history.list({ fromMs: 0, untilMs: bench.clock.wallMs(), limit: 9 }).length,
    1,
  );
  await bench.stopMaster();
});

test("a host that was away soon after it was added is part of the outage", async () => {
  const bench = await masterAway({ course: [] });
  bench.host("new", [
    [20, 80],
    [30, 20],
    [70, 80],
    [100, 20],
  ]);
  bench.areNew = true;
  await bench.fill(GONE, 60, "master_down", "new");
  bench.areNew = false;
  await bench.fill(60, BACK, "master_down", "new");
  await bench.pass(10);
  assert.deepEqual(bench.notified(), ["Hot new 70-100"]);
  await bench.stopMaster();
});

/** @returns false when the recovery had ended before it came to that many operations of the disk */
async function cutPowerAfter(operations: number): Promise<boolean> {
  const bench = new RecoveryBench(HOT);
  bench.host("a", hotBetween(40, 100));
  bench.host("b", [[50, 80]]);
  await bench.startMaster();
  await bench.pass(GONE);
  await bench.kill();
  await bench.skip(BACK - GONE);
  await bench.startMaster();
  await bench.pass(1);
  let count = 0;
  let disk: MemoryFiles | undefined;
  const { files } = bench;
  files.fault = (_operation, filePath) => {
    if (!/recovery|history/.test(filePath) || count++ < operations) return undefined;
    disk = files.afterPowerCut();
    bench.isDead = true;
    files.fault = () => "EIO";
    return "EIO";
  };
  await bench.fill(GONE, BACK, "master_down", "a", "b");
  const isFilled = !bench.isDead;
  await bench.pass(4);
  if (disk === undefined) {
    await bench.stopMaster();
    return false;
  }
  await bench.stopMaster();
  bench.files = disk;
  bench.isDead = false;
  await bench.startMaster();
  // What backfill did not get rid of it fetches again.
  if (!isFilled) await bench.fill(GONE, BACK, "master_down", "a", "b");
  await bench.pass(15);
  const [alert] = bench.engine.alertsView();
  await bench.stopMaster();
  assert.deepEqual(
    [...new Set(bench.notified())].sort(),
    ["Hot a 40-100", "Hot b 50-on"],
    `after ${operations}`,
  );
  assert.equal(new Set(bench.summaries.map(({ id }) => id)).size, 1);
  assert.ok(Math.abs(Date.parse(alert?.activeAt ?? "") - 50 * 60_000) < 60_000, alert?.activeAt);
  assert.equal(
    bench.history.list({ fromMs: 0, untilMs: bench.clock.wallMs(), limit: 9 }).length,
    2,
  );
  return true;
}

test("a power cut at any time neither loses nor repeats work", async () => {
  let operations = 0;
  while (await cutPowerAfter(operations)) operations++;
  assert.ok(operations > 8, `${operations} operations`);
});

for (const expression of [
  "temperature @ start()",
  "temperature @ end()",
  "temperature - temperature @ end() offset 5m",
  "max_over_time(temperature[20m] @ start())",
  "sum_over_time(temperature[10m:1m] @ end())",
  "temperature * 0 + time() - scalar(temperature @ start())",
  "max(temperature) + 0 * max(temperature offset 1m)",
]) {
  test(`rules give after an outage what live evaluation would have given: ${expression}`, async () => {
    const rules = `
groups:
  - name: g
    rules:
      - record: found
        expr: ${expression}
      - alert: Hot
        expr: found > 70
`;
    const course = hotBetween(40, 100);
    const live = new RecoveryBench(rules);
    live.host("a", course);
    await live.startMaster();
    await live.pass(BACK + 11);
    await live.stopMaster();
    const replayed = await masterAway({ course }, rules);
    await replayed.stopMaster();
    for (const question of [
      "found",
      "sum_over_time(found[60m])",
      "count_over_time(found[60m])",
      'ALERTS{alertstate="firing"}',
    ])
      for (const minute of [35, 60, 102, 140])
        assert.deepEqual(
          await replayed.valueAt(question, minute),
          await live.valueAt(question, minute),
          `${question} at ${minute}`,
        );
    assert.notDeepEqual(await live.valueAt("found", 60), []);
  });
}

test("an alert stays in the replay while the collector that its rule reads fails", async () => {
  const rules = `
groups:
  - name: g
    rules:
      - alert: Hot
        expr: pihealth_load1 > 70
`;
  const bench = new RecoveryBench(rules);
  bench.host("a", []);
  await bench.startMaster();
  await bench.pass(GONE);
  await bench.kill();
  await bench.skip(BACK - GONE);
  const target = { instance: "a", job: "pi" };
  const success = { __name__: "pihealth_collector_success", collector: "load", ...target };
  for (let minute = GONE; minute < BACK; minute++) {
    const isFailing = minute >= 50 && minute < 100;
    const load = isFailing ? undefined : minute < 50 ? 80 : 20;
    bench.storage.add(Labels.of(success), minute * 60_000, isFailing ? 0 : 1);
    bench.storage.add(Labels.of({ __name__: "pihealth_load1", ...target }), minute * 60_000, load);
  }
  await bench.startMaster();
  await bench.pass(1);
  await bench.fill(GONE, BACK, "master_down", "a");
  await bench.pass(10);
  await bench.stopMaster();
  assert.deepEqual(bench.notified(), ["Hot a 30-100"]);
});
