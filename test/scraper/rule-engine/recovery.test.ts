import assert from "node:assert/strict";
import { test } from "node:test";
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
  readonly told: readonly string[];
  /** Alerts sent since the master is back, with the minute they fired. */
  readonly sent: readonly string[];
}

async function masterAway({ course }: Pick<Scenario, "course">, rules = HOT): Promise<RecoveryBench> {
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

for (const { name, course, told, sent } of [
  { name: "nothing", course: [], told: [], sent: [] },
  { name: "an alert that began and ended inside", course: [[40, 80], [100, 20]], told: ["Hot a 40-100"], sent: [] },
  { name: "an alert that began inside and is still true", course: [[40, 80]], told: ["Hot a 40-on"], sent: ["Hot a 45"] },
  {
    name: "an alert that fired before and ended inside",
    course: [[10, 80], [100, 20]],
    told: ["Hot a 10-100"],
    sent: ["Hot a 15 ended"],
  },
  { name: "an alert that fired before and still fires", course: [[10, 80]], told: [], sent: ["Hot a 15"] },
  { name: "an alert that was pending before and fired inside", course: [[28, 80], [60, 20]], told: ["Hot a 28-60"], sent: [] },
  { name: "an alert that was pending before and is still true", course: [[28, 80]], told: ["Hot a 28-on"], sent: ["Hot a 33"] },
  { name: "a pending alert that never held for long enough", course: [[40, 80], [44, 20]], told: [], sent: [] },
  { name: "an alert that begins at the end and has not held for long enough", course: [[149, 80], [152, 20]], told: [], sent: [] },
  { name: "an alert that fires by what it held inside", course: [[147, 80]], told: ["Hot a 147-on"], sent: ["Hot a 152"] },
  {
    name: "an alert that ended and began again inside",
    course: [[10, 80], [50, 20], [90, 80]],
    told: ["Hot a 10-on x2"],
    sent: ["Hot a 15", "Hot a 95"],
  },
] satisfies Scenario[]) {
  test(`after a master's absence is told, or sent with its true time: ${name}`, async () => {
    const bench = await masterAway({ course });
    await bench.stopMaster();
    assert.deepEqual({ told: bench.told(), sent: [...bench.sent] }, { told, sent });
    assert.ok(bench.summaries.length <= 1);
  });
}
