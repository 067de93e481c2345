import assert from "node:assert/strict";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { Exposition } from "../../../exporter/exposition/exposition.js";
import type { Sampling } from "../../../exporter/sampling/sampling-loop.js";
import { validateOpenMetrics } from "../../../exporter/shared/codec/exposition/exposition-parser-strict.js";
import { parseExposition } from "../../../exporter/shared/codec/exposition/exposition-parser.js";
import { itemAt } from "../../../exporter/shared/model/get-or-throw.js";
import {
  counter,
  gauge,
  MetricDefinition,
  type MetricsSource,
  type Sample,
} from "../../../exporter/shared/model/metric.js";
import { silentLogger } from "../../../exporter/shared/platform/logger.js";
import { assertEvery } from "../../support/assert-every.js";
import { FakeClock } from "../../support/fake-clock.js";
import { promtoolCheckMetrics } from "../../support/promtool.js";

const FREE = gauge({ name: "test_free_bytes", help: "Free bytes." });
const NAMED = gauge({ name: "test_named", help: 'A "named" \\ thing.', labels: ["comm", "user"] });
const READS = counter({ name: "test_reads_total", help: "Reads.", labels: ["disk"] });

interface Setup {
  readonly clock: FakeClock;
  readonly exposition: Exposition;
  sampled(samples: readonly Sample[], change?: Partial<Sampling>): void;
  text(format?: "text" | "openmetrics"): Promise<string>;
}

function setUp(sources: readonly MetricsSource[] = []): Setup {
  const clock = new FakeClock();
  const collectors = [
    { name: "one", intervalMs: 5000, deadlineMs: 1000 },
    { name: "two", intervalMs: 5000, deadlineMs: 1000 },
  ];
  const exposition = new Exposition({ collectors, clock, log: silentLogger });
  for (const source of sources) exposition.add(source);
  return {
    clock,
    exposition,
    sampled(samples, change = {}) {
      const now = { wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs(), durationMs: 20 };
      exposition.receive({
        collector: "one",
        family: "memory",
        samples,
        ok: true,
        error: undefined,
        ...now,
        ...change,
      });
    },
    text: async (format = "text") => (await exposition.prepare(format, "identity")).toString(),
  };
}

/** Without the exporter's metrics about itself. */
const testLines = (text: string): string[] =>
  text.split("\n").filter((line) => /^test_/.test(line));

test("samples are served in both formats, each family after its help and type", async () => {
  const { sampled, text } = setUp();
  sampled([FREE.sample(12), READS.sample(3, { disk: "sda" })]);
  assert.match(
    await text(),
    /# HELP test_free_bytes Free bytes\.\n# TYPE test_free_bytes gauge\ntest_free_bytes 12\n/,
  );
  assert.match(await text(), /# TYPE test_reads_total counter\ntest_reads_total\{disk="sda"\} 3\n/);
  const openMetrics = await text("openmetrics");
  assert.match(openMetrics, /# TYPE test_reads counter\ntest_reads_total\{disk="sda"\} 3\n/);
  assert.ok(openMetrics.endsWith("# EOF\n"));
  validateOpenMetrics(openMetrics);
});

test("hostile label values are preserved in both formats", async () => {
  const { sampled, text } = setUp();
  const hostile = [
    '"',
    "\\",
    "\n",
    '"} 1\ntest_forged 2\n#',
    "comm:a,user:b",
    "\u0000\u001b[31m",
    "ü€😀",
    "\ud800",
    "",
  ];
  sampled(hostile.map((comm, index) => NAMED.sample(index, { comm, user: "x" })));
  for (const format of ["text", "openmetrics"] as const) {
    const type = format === "text" ? "text/plain" : "application/openmetrics-text";
    const { samples } = parseExposition(await text(format), type);
    const found = samples
      .filter(({ labels }) => labels.name === "test_named")
      .map(({ labels }) => labels.get("comm"));
    assert.deepEqual(
      found,
      hostile.map((value) => value.toWellFormed()),
    );
    assert.ok(!samples.some(({ labels }) => labels.name === "test_forged"));
  }
  validateOpenMetrics(await text("openmetrics"));
});

test("label values that contain separators keep two series apart", async () => {
  const { sampled, text } = setUp();
  sampled([
    NAMED.sample(1, { comm: "a,user:b", user: "c" }),
    NAMED.sample(2, { comm: "a", user: "b,user:c" }),
  ]);
  assert.equal(testLines(await text()).length, 2);
});

for (const [value, written] of [
  [Number.NaN, "NaN"],
  [Number.POSITIVE_INFINITY, "+Inf"],
  [Number.NEGATIVE_INFINITY, "-Inf"],
  [1e21, "1e+21"],
  [-0.5, "-0.5"],
] as const) {
  test(`the value ${value} is written as ${written}`, async () => {
    const { sampled, text } = setUp();
    sampled([FREE.sample(value)]);
    assert.deepEqual(testLines(await text()), [`test_free_bytes ${written}`]);
    assert.deepEqual(testLines(await text("openmetrics")), [`test_free_bytes ${written}`]);
  });
}

test("if two samples have the same series, the first is served and the others are counted", async () => {
  const { sampled, text } = setUp();
  sampled([NAMED.sample(1, { comm: "a", user: "b" }), NAMED.sample(2, { comm: "a", user: "b" })]);
  sampled([NAMED.sample(3, { comm: "a", user: "b" })], { collector: "two" });
  const body = await text();
  assert.deepEqual(testLines(body), ['test_named{comm="a",user="b"} 1']);
  assert.match(body, /pihealth_exporter_duplicate_samples_total 2\n/);
});

test("50 concurrent requests get the same bytes, prepared once", async () => {
  let reads = 0;
  const source = { metrics: [FREE], readMetrics: () => [FREE.sample(++reads)] };
  const { exposition } = setUp([source]);
  const bodies = await Promise.all(
    Array.from({ length: 50 }, () => exposition.prepare("text", "gzip")),
  );
  assertEvery(bodies, (body) => body === bodies[0]);
  assert.equal(reads, 1);
});

test("bytes are prepared again after a sampling, and the gzip form contains the same text", async () => {
  const { exposition, sampled, text } = setUp();
  sampled([FREE.sample(1)]);
  const before = await exposition.prepare("text", "identity");
  assert.equal(await exposition.prepare("text", "identity"), before);
  sampled([FREE.sample(2)]);
  assert.deepEqual(testLines(await text()), ["test_free_bytes 2"]);
  for (const format of ["text", "openmetrics"] as const) {
    assert.equal(
      gunzipSync(await exposition.prepare(format, "gzip")).toString(),
      await text(format),
    );
  }
});

test("a failing collector keeps its last values for two intervals and a deadline, then shows only that it fails", async () => {
  const { clock, sampled, text } = setUp();
  sampled([FREE.sample(1)]);
  const successAt = clock.wallMs() / 1000;
  await clock.advance(5000);
  sampled([], { ok: false, error: new Error("broken") });
  await clock.advance(5999);
  assert.deepEqual(testLines(await text()), ["test_free_bytes 1"]);
  await clock.advance(1);
  const body = await text();
  assert.deepEqual(testLines(body), []);
  assert.match(body, /pihealth_collector_success\{collector="one"\} 0\n/);
  assert.ok(
    body.includes(
      `pihealth_collector_last_success_timestamp_seconds{collector="one"} ${successAt}\n`,
    ),
  );
});

test("values of a collector that hangs silently expire as well, and return with its next success", async () => {
  const { clock, sampled, text } = setUp();
  sampled([FREE.sample(1)]);
  await text();
  await clock.advance(11_000);
  assert.deepEqual(testLines(await text()), []);
  sampled([FREE.sample(2)]);
  assert.deepEqual(testLines(await text()), ["test_free_bytes 2"]);
});

test("a collector that no longer finds its subject loses its series at once", async () => {
  const { sampled, text } = setUp();
  sampled([FREE.sample(1)]);
  sampled([]);
  assert.deepEqual(testLines(await text()), []);
});

test("promtool accepts what is served", async () => {
  const { sampled, text } = setUp();
  sampled([
    FREE.sample(Number.NaN),
    NAMED.sample(1, { comm: '"\\\n', user: "" }),
    READS.sample(1, { disk: "" }),
  ]);
  assert.equal(promtoolCheckMetrics(await text()), "");
});

test("a text with updated values equals the text of an exporter that has just started", async () => {
  const values = [0, 1, -0, 0.1, 1e21, 3e-9, Number.NaN, Infinity, -Infinity, 123456789012];
  const named = (comm: string) => (value: number) => NAMED.sample(value, { comm, user: "u 1" });
  const series = [named("a"), named('} 5\n"\\'), named(""), (value: number) => FREE.sample(value)];
  const worn = setUp();
  for (const [round, shift] of [0, 1, 1, 2, 5, 3, 9, 4].entries()) {
    // Series come and go in some rounds, and one comes twice in another.
    const shown = round === 3 ? series.slice(1) : round === 5 ? [...series, named("a")] : series;
    const samples = shown.map((make, index) =>
      make(itemAt(values, (index + shift) % values.length)),
    );
    worn.sampled(samples);
    for (const format of ["text", "openmetrics"] as const) {
      const fresh = setUp();
      fresh.sampled(samples);
      assert.deepEqual(testLines(await worn.text(format)), testLines(await fresh.text(format)));
    }
  }
});

test("Metrics of other programs: unknown types, a gauge named like a counter, a type that changes", async () => {
  const { sampled, text } = setUp();
  const options = { name: "test_x", help: "X." };
  const unknown = new MetricDefinition("unknown", options);
  const total = counter({ name: "test_x_total", help: "X." });
  sampled([total.sample(1), unknown.sample(2)]);
  assert.match(await text(), /^# TYPE test_x untyped\ntest_x 2$/m);
  const both = await text("openmetrics");
  assert.match(both, /^# TYPE test_x counter\ntest_x_total 1$/m);
  assert.match(both, /^# TYPE test_x unknown\ntest_x 2$/m);
  sampled([gauge(options).sample(3)]);
  assert.match(await text(), /^# TYPE test_x gauge\ntest_x 3$/m);
  const openMetrics = await text("openmetrics");
  assert.match(openMetrics, /^# TYPE test_x gauge\ntest_x 3$/m);
  validateOpenMetrics(openMetrics);
  sampled([total.sample(4)]);
  assert.match(await text("openmetrics"), /^# TYPE test_x counter\ntest_x_total 4$/m);
});
