import assert from "node:assert/strict";
import { test } from "node:test";
import { parseRules, RuleBench } from "./rule-bench.js";
import { valueOf } from "../../../support/metric-values.js";

const HOT = `
groups:
  - name: g
    rules:
      - alert: Hot
        expr: temperature > 70
        for: 2m
        labels: { severity: 'w{{ $value }}' }
        annotations: { summary: '{{ $labels.instance }} at {{ $externalLabels.site }}: {{ $value | humanize }}' }
`;
const SERIES = 'temperature{instance="a",job="pi"}';

async function bench(rules: string, options = {}): Promise<RuleBench> {
  const created = new RuleBench(options);
  await created.engine.load(parseRules(rules));
  return created;
}

test("an alert is pending for the time of `for`, then fires, and is resolved when its condition ends", async () => {
  const hot = await bench(HOT);
  const seen: string[][] = [];
  for (const [minute, value] of [71, 71, 71, 60].entries()) {
    await hot.minutes(minute, SERIES, [value]);
    seen.push(hot.states());
  }
  assert.deepEqual(seen, [["pending"], ["pending"], ["firing"], []]);
  const times = hot.sent.map(({ startsAtMs, endsAtMs }) => [startsAtMs, endsAtMs]);
  assert.deepEqual(times, [
    [120_000, 360_000],
    [120_000, 180_000],
  ]);
});

test("a firing alert carries its expanded labels and annotations, external labels and the link to its expression", async () => {
  const hot = await bench(HOT);
  await hot.minutes(0, SERIES, [71, 71, 71]);
  const [alert] = hot.sent;
  assert.equal(
    alert?.labels.toString(),
    '{alertname="Hot", instance="a", job="pi", severity="w71", site="attic"}',
  );
  assert.equal(alert?.annotations.get("summary"), "a at attic: 71");
  assert.equal(alert?.generatorUrl, "http://pi:8730/graph?g0.expr=temperature+%3E+70&g0.tab=1");
});

test("a pending alert whose condition ends is dropped and starts again", async () => {
  const hot = await bench(HOT);
  await hot.minutes(0, SERIES, [71, 60, 71, 71]);
  assert.deepEqual(hot.states(), ["pending"]);
  assert.deepEqual(hot.sent, []);
});

test("a firing alert is sent again after the resend delay, a resolved one for fifteen minutes", async () => {
  const hot = await bench(HOT.replace("2m", "0s"), { resendDelayMs: 180_000 });
  await hot.minutes(0, SERIES, Array<number>(9).fill(71));
  assert.deepEqual(
    hot.sent.map(({ endsAtMs }) => endsAtMs - 720_000),
    [0, 240_000, 480_000],
  );
  hot.sent.length = 0;
  await hot.minutes(9, SERIES, Array<number>(40).fill(60));
  assert.deepEqual([...new Set(hot.sent.map(({ endsAtMs }) => endsAtMs))], [540_000]);
  assert.deepEqual(hot.sent.length, 4, "at 9, 13, 17 and 21 minutes");
});

test("keep_firing_for keeps an alert firing after its condition ended, and a return in between restarts the time", async () => {
  const hot = await bench(HOT.replace("for: 2m", "keep_firing_for: 3m"));
  const seen: string[] = [];
  for (const [minute, value] of [71, 60, 60, 71, 60, 60, 60, 60].entries()) {
    await hot.minutes(minute, SERIES, [value]);
    seen.push(hot.states().join() || "-");
  }
  assert.deepEqual(seen, [
    "firing",
    "firing",
    "firing",
    "firing",
    "firing",
    "firing",
    "firing",
    "-",
  ]);
});

test("ALERTS and ALERTS_FOR_STATE follow the state, and end with a staleness marker", async () => {
  const hot = await bench(HOT);
  const at = async (minute: number): Promise<string[]> =>
    hot.valueAt('{__name__=~"ALERTS.*",alertname="Hot"}', minute * 60_000);
  await hot.minutes(1, SERIES, [71, 71, 71, 60]);
  const labels = 'alertname="Hot", %instance="a", job="pi", severity="w71"';
  const alerts = (state: string): string =>
    `ALERTS{${labels.replace("%", `alertstate="${state}", `)}} 1`;
  const forState = `ALERTS_FOR_STATE{${labels.replace("%", "")}} 60`;
  assert.deepEqual((await at(1)).sort(), [forState, alerts("pending")]);
  assert.deepEqual((await at(3)).sort(), [forState, alerts("firing")]);
  assert.deepEqual(await at(4), []);
});

for (const { name, missingData, annotation, silent, state } of [
  {
    name: "silent target, keep",
    missingData: "keep",
    annotation: "",
    silent: true,
    state: ["firing?"],
  },
  { name: "answering target, keep", missingData: "keep", annotation: "", silent: false, state: [] },
  {
    name: "silent target, resolve",
    missingData: "resolve",
    annotation: "",
    silent: true,
    state: [],
  },
  {
    name: "silent target, the rule says resolve",
    missingData: "keep",
    annotation: "resolve",
    silent: true,
    state: [],
  },
  {
    name: "silent target, the rule says keep",
    missingData: "resolve",
    annotation: "keep",
    silent: true,
    state: ["firing?"],
  },
] as const) {
  test(`a firing alert whose series vanishes: ${name}`, async () => {
    const queried: string[] = [];
    const isTargetSilent = (labels: { get(name: string): string }): boolean => {
      queried.push(labels.get("instance"));
      return silent;
    };
    const rules =
      annotation === ""
        ? HOT
        : HOT.replace("annotations: {", `annotations: { pihealth_missing_data: ${annotation},`);
    const hot = await bench(rules, { missingData, isTargetSilent });
    await hot.minutes(0, SERIES, [71, 71, 71, "stale"]);
    assert.deepEqual(hot.states(), state);
    const isKept = (annotation === "" ? missingData : annotation) === "keep";
    assert.deepEqual([...new Set(queried)], isKept ? ["a"] : []);
  });
}

test("`for` is neither reset nor completed while the target is silent", async () => {
  let silent = true;
  const hot = await bench(HOT.replace("2m", "5m"), { isTargetSilent: () => silent });
  await hot.minutes(0, SERIES, [71, 71, "stale", undefined, undefined, undefined]);
  assert.deepEqual(hot.states(), ["pending?"]);
  silent = false;
  await hot.minutes(6, SERIES, [71]);
  assert.deepEqual(hot.states(), ["firing"]);
});

test("rules about silence itself, `up == 0` and absent(), work while targets are silent", async () => {
  const rules = HOT.replace("temperature > 70", "up == 0").replace("2m", "0s");
  const down = await bench(rules, { isTargetSilent: () => true });
  await down.minutes(0, 'up{instance="a",job="pi"}', [0]);
  assert.deepEqual(down.states(), ["firing"]);
});

test("more alerts than the limit are an error, and none is kept", async () => {
  const hot = await bench(HOT.replace("name: g", "name: g\n    limit: 1"));
  hot.set(SERIES, 0, 71);
  hot.set(SERIES.replace('"a"', '"b"'), 0, 71);
  await hot.evaluate(0);
  const [group] = hot.engine.rulesView();
  assert.equal(group?.rules[0]?.lastError, "exceeded limit of 1 with 2 alerts");
  assert.equal(group?.rules[0]?.health, "err");
  assert.deepEqual(hot.states(), []);
});

test("two results with the same labels after templating are an error that names the cause", async () => {
  const hot = await bench(HOT.replace("labels: {", "labels: { instance: all,"));
  hot.set(SERIES, 0, 71);
  hot.set(SERIES.replace('"a"', '"b"'), 0, 71);
  await hot.evaluate(0);
  assert.equal(
    hot.engine.rulesView()[0]?.rules[0]?.lastError,
    "vector contains metrics with the same labelset after applying alert labels",
  );
});

test("an annotation that fails contains its error, and the alert is kept", async () => {
  const hot = await bench(
    HOT.replace("{{ $value | humanize }}", "{{ $value | humanize | label }}").replace("2m", "0s"),
  );
  await hot.minutes(0, SERIES, [71]);
  assert.match(
    hot.sent[0]?.annotations.get("summary") ?? "",
    /^<error expanding template: error executing template __alert_Hot: /,
  );
});

test("a failed query leaves the alerts unchanged and is counted", async () => {
  const hot = await bench(
    HOT.replace("temperature > 70", 'temperature > 70 or on () label_replace(x, "", "", "", "")'),
  );
  hot.set(SERIES, 0, 71);
  hot.set("x", 0, 71);
  await hot.evaluate(0);
  assert.equal(hot.engine.rulesView()[0]?.rules[0]?.health, "err");
  assert.equal(valueOf(hot.engine, "pihealth_rule_evaluation_failures_total"), 1);
});
