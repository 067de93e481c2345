import assert from "node:assert/strict";
import { test } from "node:test";
import { Labels } from "../../../../exporter/shared/model/labels.js";
import { Pacer } from "../../../../scraper/promql/evaluation/pacer.js";
import { QueryEngine } from "../../../../scraper/promql/query/query-engine.js";
import { FakeClock } from "../../../support/fake-clock.js";
import { MemoryQuerier } from "../../../support/memory-querier.js";

const SERIES = 3000;
const NOW_MS = 1_000_000;
/** The most values between two places where a query may pause. A value takes some nanoseconds. */
const MOST_AT_ONCE = 2_100_000;

const querier = new MemoryQuerier();
for (let index = 0; index < SERIES; index++) {
  const labels = Labels.of({ __name__: "m", id: String(index), le: String(index % 30) });
  querier.add(labels, [index, index + 1, 5], { fromMs: NOW_MS - 20_000, stepMs: 10_000 });
}
querier.add(Labels.of({ __name__: "target_info", version: "1" }), [1], {
  fromMs: NOW_MS,
  stepMs: 1,
});

/** Queries, and how many values their loops must report at least. */
const CASES: readonly (readonly [expression: string, atLeast: number])[] = [
  ["m", 2 * SERIES],
  ["m[1m]", 2 * SERIES],
  ["-m", 2 * SERIES],
  ["m > 5", 2 * SERIES],
  ["sort(m)", 3 * SERIES],
  ["sort_by_label(m, 'id')", 3 * SERIES],
  ["topk(2000, m)", 10 * SERIES],
  ["limitk(2000, m)", 3 * SERIES],
  ["limit_ratio(0.5, m)", 10 * SERIES],
  ["quantile(0.5, m)", 3 * SERIES],
  ["count_values('v', m)", 100 * SERIES],
  ["sum by (id) (m)", 60 * SERIES],
  ["label_replace(m, 'x', '$1', 'id', '(.*)')", 200 * SERIES],
  ["label_join(m, 'x', '-', 'id', 'le')", 200 * SERIES],
  ["m and m", 100 * SERIES],
  ["m or on(id) m", 100 * SERIES],
  ["m unless m", 100 * SERIES],
  ["m + m", 200 * SERIES],
  ["m * on(id) group_left() m", 200 * SERIES],
  ["histogram_quantile(0.9, m)", 100 * SERIES],
  ["scalar(m)", 2 * SERIES],
  ["absent(m)", 2 * SERIES],
  ["absent_over_time(m[1m])", 3 * SERIES],
  ["rate(m[1m])", 3 * SERIES],
  ["info(m)", 60 * SERIES],
  ["sum_over_time((vector(time()))[200s:1ms])", 600_000],
  ["quantile_over_time(0.5, (vector(time()))[200s:1ms])", 600_000],
  ["stddev_over_time((vector(time()))[200s:1ms])", 600_000],
  ["sum_over_time(absent(m == 1)[20s:1ms])", 20_000],
  [
    `sum_over_time(vector(${Array.from({ length: 50 }, () => "time()").join(" + ")})[9s:1ms])`,
    900_000,
  ],
];

for (const [expression, atLeast] of CASES) {
  test(`a query pauses in every loop: ${expression.slice(0, 60)}`, async () => {
    const clock = new FakeClock(NOW_MS);
    const settings = { enabledFeatures: ["promql-experimental-functions"] as const };
    const engine = new QueryEngine({ querier, clock, settings });
    const { isDue } = Pacer.prototype;
    let total = 0;
    let longest = 0;
    Pacer.prototype.isDue = function (this: Pacer, values) {
      total += values;
      longest = Math.max(longest, values);
      return isDue.call(this, values);
    };
    try {
      await engine.instant({ expression, timeMs: NOW_MS });
    } finally {
      Pacer.prototype.isDue = isDue;
    }
    assert.ok(total >= atLeast, `its loops report ${total} values`);
    assert.ok(longest <= MOST_AT_ONCE, `one loop looks at ${longest} values`);
  });
}

test("a subquery of two million steps gives way a hundred times", async () => {
  const parts = Array.from(
    { length: 2 },
    (_, index) => `label_replace(vector(1),"a","${index}","","")`,
  );
  const expression = `(${parts.join(" or ")})[2000s:1ms]`;
  let nowMs = 0;
  // Each look at the clock takes 1 ms.
  const clock = {
    wallMs: () => NOW_MS,
    monotonicMs: () => nowMs++,
    sleep: () => new Promise<void>(() => undefined),
  };
  const engine = new QueryEngine({ querier, clock, settings: { timeoutMs: 86_400_000 } });
  const { pause } = Pacer.prototype;
  let pauses = 0;
  Pacer.prototype.pause = function (this: Pacer) {
    pauses++;
    return pause.call(this);
  };
  try {
    const { value } = await engine.instant({ expression, timeMs: NOW_MS * 10 });
    assert.equal(value.type === "matrix" ? value.series.length : 0, 2);
  } finally {
    Pacer.prototype.pause = pause;
  }
  assert.ok(pauses >= 100, String(pauses));
});
