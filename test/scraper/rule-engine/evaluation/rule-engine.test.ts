import assert from "node:assert/strict";
import { jsonPieces } from "../../../../scraper/api/http/json-pieces.js";
import { test } from "node:test";
import { GroupSchedule } from "../../../../scraper/rule-engine/evaluation/group-schedule.js";
import { parseRules, RuleBench, STATE_PATH } from "./rule-bench.js";
import { valueOf } from "../../../support/metric-values.js";

const MINUTE_MS = 60_000;
/** Alert states of earlier versions. */
const DOCUMENT_PATH = STATE_PATH.replace(".jsonl", ".json");
const HOT = `
groups:
  - name: g
    rules:
      - alert: Hot
        expr: temperature > 70
        for: 2m
`;
const SERIES = 'temperature{instance="a"}';
const RECORDING = `
groups:
  - name: g
    rules:
      - record: heat
        expr: temperature * 2
        labels: { unit: double }
      - record: heat:sum
        expr: sum(heat)
`;

/** Starts the engine with samples every minute from 0 on, and lets `minutes` pass. */
async function run(bench: RuleBench, rules: string, minutes: number, value = 71): Promise<void> {
  await bench.engine.load(parseRules(rules));
  const first = bench.clock.wallMs() / MINUTE_MS;
  for (let minute = 0; minute <= minutes; minute++)
    bench.set(SERIES, (first + minute) * MINUTE_MS, value);
  await bench.engine.start();
  for (let minute = 0; minute < minutes; minute++) await bench.clock.advance(MINUTE_MS);
}

test("a group is evaluated once per interval, at an offset given by its name", async () => {
  const bench = new RuleBench();
  await run(bench, HOT, 5);
  await bench.engine.stop();
  assert.equal(valueOf(bench.engine, "pihealth_rule_group_iterations_total"), 5);
  const [group] = parseRules(HOT);
  assert.ok(group !== undefined);
  const due = new GroupSchedule(MINUTE_MS, group).lastDueMs(5 * MINUTE_MS);
  assert.equal(Date.parse(bench.engine.rulesView()[0]?.lastEvaluation ?? ""), due);
});

test("groups with the same interval are spread over it", () => {
  const places = Array.from({ length: 200 }, (_, index) =>
    new GroupSchedule(MINUTE_MS, { file: "r.yml", name: `g${index}` }).nextDueMs(0),
  );
  for (let quarter = 0; quarter < 4; quarter++) {
    const inQuarter = places.filter((place) => Math.floor(place / 15_000) === quarter).length;
    assert.ok(inQuarter > 25, `${inQuarter} of 200 groups in quarter ${quarter}`);
  }
});

for (const { name, stepMs } of [
  { name: "an hour back", stepMs: -3_600_000 },
  { name: "ten years ahead", stepMs: 315_360_000_000 },
]) {
  test(`a step of the clock ${name} does not stop evaluations, and none counts as missed`, async () => {
    const bench = new RuleBench();
    await bench.clock.advance(7_200_000);
    await run(bench, HOT, 3);
    bench.clock.stepWall(stepMs);
    for (let minute = 0; minute < 5; minute++) await bench.clock.advance(MINUTE_MS);
    await bench.engine.stop();
    assert.ok((valueOf(bench.engine, "pihealth_rule_group_iterations_total") ?? 0) >= 7);
    assert.equal(valueOf(bench.engine, "pihealth_rule_group_iterations_missed_total"), 0);
  });
}

test("after a kill and a restart `for` continues to count", async () => {
  const before = new RuleBench();
  await run(before, HOT, 2);
  assert.deepEqual(before.states(), ["pending"]);
  const after = new RuleBench({}, before.storage, before.files);
  await after.clock.advance(before.clock.wallMs());
  await run(after, HOT, 2);
  assert.deepEqual(after.states(), ["firing"]);
  const times = [after, before].map(({ engine }) => [...engine.alertsView()][0]?.activeAt);
  assert.equal(times[0], times[1]);
  await Promise.all([before.engine.stop(), after.engine.stop()]);
});

test("after a restart a firing alert keeps its start time, and its end is sent", async () => {
  const before = new RuleBench();
  await run(before, HOT, 4);
  await before.engine.stop();
  const after = new RuleBench({}, before.storage, before.files);
  await after.clock.advance(before.clock.wallMs());
  await run(after, HOT.replace("> 70", "> 100"), 2);
  await after.engine.stop();
  assert.equal(after.sent.length, 1);
  assert.equal(after.sent[0]?.startsAtMs, before.sent[0]?.startsAtMs);
  assert.ok((after.sent[0]?.endsAtMs ?? 0) <= after.clock.wallMs(), "it is resolved");
});

test("an old pending alert is not restored, an old firing one is", async () => {
  const before = new RuleBench();
  await run(before, HOT, 2);
  await before.engine.stop();
  const after = new RuleBench({}, before.storage, before.files);
  await after.clock.advance(before.clock.wallMs() + 2 * 3_600_000);
  await after.engine.load(parseRules(HOT));
  await after.engine.start();
  assert.deepEqual(after.states(), []);
  await after.engine.stop();
});

for (const { name, content } of [
  { name: "no JSON", content: "{" },
  { name: "another version", content: '{"version":2,"savedAtMs":0,"rules":[]}' },
  { name: "wrong types", content: '{"version":1,"savedAtMs":0,"rules":[{"group":1}]}' },
  {
    name: "a state that does not exist",
    content:
      '{"version":1,"savedAtMs":0,"rules":[{"group":"g","rule":"r","alerts":[{"state":"x"}]}]}',
  },
]) {
  test(`a damaged file of alert states of an earlier version is moved aside and does not prevent the start: ${name}`, async () => {
    const bench = new RuleBench();
    bench.files.put(DOCUMENT_PATH, content);
    await bench.engine.start();
    assert.ok(bench.files.paths().includes(`${DOCUMENT_PATH}.aside-1`));
    await bench.engine.stop();
  });
}

test("a failed write of the alert states is counted, and evaluation continues", async () => {
  const bench = new RuleBench();
  bench.files.fault = (operation) => (operation === "append" ? "ENOSPC" : undefined);
  await run(bench, HOT, 4);
  await bench.engine.stop();
  assert.deepEqual(bench.states(), ["firing"]);
  assert.ok((valueOf(bench.engine, "pihealth_rule_state_write_failures_total") ?? 0) > 0);
});

test("reloading the rules keeps the alerts of unchanged rules, and ends the series of removed ones", async () => {
  const bench = new RuleBench();
  await bench.engine.load(
    parseRules(HOT + RECORDING.replace("\ngroups:\n", "").replace("name: g", "name: r")),
  );
  bench.set(SERIES, 0, 71);
  await bench.evaluate(0);
  assert.deepEqual(await bench.valueAt("heat", 1000), ['heat{instance="a", unit="double"} 142']);
  await bench.clock.advance(1000);
  await bench.engine.load(parseRules(HOT.replace("> 70", "> 60")));
  assert.deepEqual(bench.states(), ["pending"]);
  assert.deepEqual(await bench.valueAt("heat", 1000), []);
});

test("a recording rule names and labels its result, and a later rule of the group reads it at once", async () => {
  const bench = new RuleBench();
  await bench.engine.load(parseRules(RECORDING));
  await bench.minutes(0, SERIES, [21, "stale"]);
  assert.deepEqual(await bench.valueAt("heat", 0), ['heat{instance="a", unit="double"} 42']);
  assert.deepEqual(await bench.valueAt("heat:sum", 0), ["heat:sum 42"]);
  assert.deepEqual(
    await bench.valueAt("heat or heat:sum", 60_000),
    [],
    "both end with a staleness marker",
  );
});

for (const { name, rule, error } of [
  {
    name: "same labels",
    rule: "{ record: x, expr: temperature, labels: { instance: b } }",
    error: "vector contains metrics with the same labelset after applying rule labels",
  },
  {
    name: "a text",
    rule: "{ record: x, expr: '\"text\"' }",
    error: "rule result is not a vector or scalar",
  },
]) {
  test(`a recording rule that cannot be written fails with the message of Prometheus: ${name}`, async () => {
    const bench = new RuleBench();
    await bench.engine.load(parseRules(`groups: [{ name: g, rules: [${rule}] }]`));
    bench.set(SERIES, 0, 1);
    bench.set('temperature{instance="c"}', 0, 1);
    await bench.evaluate(0);
    assert.equal(bench.engine.rulesView()[0]?.rules[0]?.lastError, error);
  });
}

test("with query_offset, expressions look back, and so do the samples written", async () => {
  const bench = new RuleBench();
  await bench.engine.load(
    parseRules(RECORDING.replace("name: g", "name: g\n    query_offset: 1m")),
  );
  await bench.minutes(0, SERIES, [1, 5]);
  assert.deepEqual(await bench.valueAt("heat:sum", 0), ["heat:sum 2"]);
});

test("the view has the format of Prometheus", async () => {
  const bench = new RuleBench();
  await bench.engine.load(parseRules(HOT));
  await bench.minutes(1, SERIES, [71.5]);
  const view: unknown = JSON.parse([...jsonPieces(bench.engine.rulesView())].join(""));
  assert.deepEqual(view, [
    {
      name: "g",
      file: "rules.yml",
      interval: 60,
      limit: 0,
      evaluationTime: 0,
      lastEvaluation: "1970-01-01T00:01:00Z",
      rules: [
        {
          type: "alerting",
          name: "Hot",
          query: "temperature > 70",
          duration: 120,
          keepFiringFor: 0,
          labels: {},
          annotations: {},
          state: "pending",
          health: "ok",
          evaluationTime: 0,
          lastEvaluation: "1970-01-01T00:01:00Z",
          alerts: [
            {
              labels: { alertname: "Hot", instance: "a" },
              annotations: {},
              state: "pending",
              value: "7.15e+01",
              activeAt: "1970-01-01T00:01:00Z",
            },
          ],
        },
      ],
    },
  ]);
});
