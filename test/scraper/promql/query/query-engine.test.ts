import assert from "node:assert/strict";
import { test } from "node:test";
import { Labels } from "../../../../exporter/shared/model/labels.js";
import type { Querier, SelectedTable } from "../../../../scraper/storage/model/querier.js";
import {
  QueryCanceledError,
  QueryExecutionError,
  QueryParseError,
  QueryTimeoutError,
} from "../../../../scraper/promql/language/query-errors.js";
import { QueryEngine } from "../../../../scraper/promql/query/query-engine.js";
import {
  DEFAULT_QUERY_SETTINGS,
  parseQuerySettings,
  type QuerySettings,
} from "../../../../scraper/promql/query/query-settings.js";
import type { QueryValue } from "../../../../scraper/promql/evaluation/query-results.js";
import { ConfigSection } from "../../../../exporter/shared/config/config-section.js";
import { FakeClock } from "../../../support/fake-clock.js";
import { MemoryQuerier } from "../../../support/memory-querier.js";

const MINUTE = 60_000;

function createEngine(settings: Partial<QuerySettings> = {}): QueryEngine {
  const querier = new MemoryQuerier();
  for (const instance of ["c", "a", "b"]) {
    querier.add(Labels.of({ __name__: "up", instance }), [1, 1, undefined, 1], { stepMs: MINUTE });
  }
  return new QueryEngine({ querier, clock: new FakeClock(), settings });
}

/** A clock that advances 5 ms each time it is read, as if the work between two reads were slow. */
class SlowClock extends FakeClock {
  private reads = 0;

  override monotonicMs(): number {
    this.reads++;
    return this.reads * 5;
  }
}

function manySeries(count: number, samples: number): Querier {
  const timestamps = Float64Array.from({ length: samples }, (_, index) => index * 1000);
  const values = new Float64Array(samples).fill(1);
  const series = Array.from({ length: count }, (_, index) => {
    return { labels: Labels.of({ __name__: "m", index: String(index) }), values, dense: true };
  });
  const empty = new MemoryQuerier();
  const select = async (): Promise<SelectedTable[]> => [{ timestamps, series }];
  return Object.assign(empty, { select });
}

test("The result of a range query is sorted by labels and has no points at steps without samples", async () => {
  const engine = createEngine({ lookbackMs: 30_000 });
  const { value } = await engine.range({
    expression: "up",
    fromMs: 0,
    toMs: 3 * MINUTE,
    stepMs: MINUTE,
  });
  assert.ok(value.type === "matrix");
  assert.deepEqual(
    value.series.map(({ labels }) => labels.get("instance")),
    ["a", "b", "c"],
  );
  assert.deepEqual([...(value.series[0]?.timestamps ?? [])], [0, MINUTE, 3 * MINUTE]);
});

test("An instant query of a range vector returns the samples of its window", async () => {
  const { value } = await createEngine().instant({
    expression: 'up{instance="a"}[2m]',
    timeMs: 3 * MINUTE,
  });
  assert.ok(value.type === "matrix");
  assert.deepEqual([...(value.series[0]?.timestamps ?? [])], [3 * MINUTE]);
});

for (const [expression, wanted] of [
  ["1 + 1", { type: "scalar", timestampMs: 7000, value: 2 }],
  ['("a\\n")', { type: "string", timestampMs: 7000, value: "a\n" }],
] satisfies [string, QueryValue][]) {
  test(`The result of an instant query has the type of its expression: ${expression}`, async () => {
    assert.deepEqual((await createEngine().instant({ expression, timeMs: 7000 })).value, wanted);
  });
}

test("A query can set its own lookback", async () => {
  const query = { expression: "count(up)", timeMs: 4 * MINUTE };
  const engine = createEngine();
  assert.equal(await count(engine.instant(query)), 1);
  assert.equal(await count(engine.instant({ ...query, lookbackMs: MINUTE })), 0);
});

async function count(answer: ReturnType<QueryEngine["instant"]>): Promise<number> {
  const { value } = await answer;
  return value.type === "vector" ? value.samples.length : -1;
}

const HUNDRED_YEARS_MS = 100 * 365 * 86_400_000;
for (const { name, range, message } of [
  {
    name: "a hundred years in steps of a millisecond",
    range: { expression: "up", fromMs: 0, toMs: HUNDRED_YEARS_MS, stepMs: 1 },
    message:
      "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
  },
  {
    name: "no step",
    range: { expression: "up", fromMs: 0, toMs: 1000, stepMs: 0 },
    message:
      "zero or negative query resolution step widths are not accepted. Try a positive integer",
  },
  {
    name: "a range that ends before it starts",
    range: { expression: "up", fromMs: 1000, toMs: 0, stepMs: 1000 },
    message: "end timestamp must not be before start time",
  },
  {
    name: "a range vector at every step",
    range: { expression: "up[5m]", fromMs: 0, toMs: 1000, stepMs: 1000 },
    message:
      'invalid expression type "range vector" for range query, must be Scalar or instant Vector',
  },
]) {
  test(`A range query is rejected: ${name}`, async () => {
    await assert.rejects(createEngine().range(range), (error) => {
      assert.ok(error instanceof QueryParseError);
      assert.equal(error.message, message);
      return true;
    });
  });
}

for (const { name, expression, settings } of [
  { name: "many series at many steps", expression: "up", settings: { maxSamples: 20 } },
  { name: "many series in one selector", expression: "count(up)", settings: { maxSeries: 1 } },
  { name: "a long subquery", expression: "max_over_time(up[100y:1ms])", settings: {} },
]) {
  test(`A query that would hold too many samples fails: ${name}`, async () => {
    const range = { expression, fromMs: 0, toMs: 10 * MINUTE, stepMs: MINUTE };
    await assert.rejects(createEngine(settings).range(range), QueryExecutionError);
  });
}

test("A query fails when it exceeds its timeout", async () => {
  const engine = new QueryEngine({ querier: manySeries(500, 500), clock: new SlowClock() });
  const range = {
    expression: "sum(m) + sum(m)",
    fromMs: 0,
    toMs: 400_000,
    stepMs: 1000,
    timeoutMs: 100,
  };
  await assert.rejects(engine.range(range), QueryTimeoutError);
});

test("A query fails when its caller aborts it", async () => {
  const controller = new AbortController();
  const engine = new QueryEngine({ querier: manySeries(500, 500), clock: new SlowClock() });
  const running = engine.range({
    expression: "max_over_time(m[5m])",
    fromMs: 0,
    toMs: 400_000,
    stepMs: 1000,
    signal: controller.signal,
  });
  controller.abort();
  await assert.rejects(running, QueryCanceledError);
});

test("A long query regularly lets other work run", async () => {
  const engine = new QueryEngine({ querier: manySeries(500, 500), clock: new SlowClock() });
  let turns = 0;
  let isRunning = true;
  const otherWork = (async () => {
    while (isRunning) {
      await new Promise((resolve) => setImmediate(resolve));
      turns++;
    }
  })();
  await engine.range({
    expression: "sum by (index) (rate(m[1m]))",
    fromMs: 0,
    toMs: 400_000,
    stepMs: 1000,
  });
  isRunning = false;
  await otherWork;
  assert.ok(turns > 20, `other work ran ${turns} times`);
});

test("With delayed name removal, functions still see the metric name", async () => {
  const query = {
    expression: 'label_replace(rate(up[5m]), "metric", "$1", "__name__", "(.*)")',
    timeMs: 3 * MINUTE,
  };
  const delayed = await createEngine({ enabledFeatures: ["promql-delayed-name-removal"] }).instant(
    query,
  );
  const immediate = await createEngine().instant(query);
  assert.deepEqual(namesIn(delayed.value), ["up", "up", "up"]);
  assert.deepEqual(namesIn(immediate.value), ["", "", ""]);
});

const namesIn = (value: QueryValue): string[] =>
  value.type === "vector"
    ? value.samples.map(({ labels }) => labels.get("metric") + labels.name)
    : [];

test("The configuration section query sets limits and enables features", () => {
  const parse = (yaml: string): QuerySettings =>
    parseQuerySettings(ConfigSection.parse(yaml, "pihealthd.yml"));
  assert.deepEqual(parse("{}"), DEFAULT_QUERY_SETTINGS);
  const text =
    "{ timeout: 10s, max_series: 7, enable_features: [promql-experimental-functions, promql-duration-expr] }";
  const { timeoutMs, maxSeries, enabledFeatures } = parse(text);
  assert.deepEqual(
    [timeoutMs, maxSeries, enabledFeatures],
    [10_000, 7, ["promql-experimental-functions"]],
  );
  assert.throws(
    () => parse("enable_features: [promql-guessing]"),
    /key enable_features holds "promql-guessing", it must/,
  );
  assert.throws(() => parse("max_samples: 0"), /max_samples/);
});

for (const { feature, expression } of [
  { feature: "promql-experimental-functions", expression: "limitk(1, up)" },
  { feature: "promql-extended-range-selectors", expression: "rate(up[5m] anchored)" },
  { feature: "promql-binop-fill-modifiers", expression: "up + fill(0) up" },
] as const) {
  test(`A query can use ${feature} only when the feature is enabled`, async () => {
    const query = { expression, timeMs: 0 };
    await assert.rejects(createEngine().instant(query), QueryParseError);
    await createEngine({ enabledFeatures: [feature] }).instant(query);
  });
}
