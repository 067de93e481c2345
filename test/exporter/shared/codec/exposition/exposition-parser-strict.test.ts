import assert from "node:assert/strict";
import { test } from "node:test";
import {
  checkExposition,
  MAX_PROBLEMS,
  validateOpenMetrics,
} from "../../../../../exporter/shared/codec/exposition/exposition-parser-strict.js";

const HISTOGRAM = "# TYPE h histogram\n";
const FULL = 'h_bucket{le="1"} 1\nh_bucket{le="+Inf"} 2\nh_count 2\nh_sum 3\n';

for (const { name, body } of [
  { name: "an empty exposition", body: "" },
  { name: "a family without metadata", body: "a 1\n" },
  { name: "metadata in any order", body: "# HELP a_s x\n# UNIT a_s s\n# TYPE a_s gauge\na_s 1\n" },
  {
    name: "a counter with its creation",
    body: "# TYPE a counter\na_total 1\na_created 1700000000\n",
  },
  { name: "a full histogram", body: HISTOGRAM + FULL },
  {
    name: "a histogram per label set",
    body: `${HISTOGRAM}h_bucket{x="1",le="+Inf"} 0\nh_bucket{x="2",le="+Inf"} 0\n`,
  },
  {
    name: "a histogram at two times",
    body: `${HISTOGRAM}h_bucket{le="+Inf"} 1 1\nh_bucket{le="+Inf"} 2 2\n`,
  },
  {
    name: "a summary",
    body: '# TYPE s summary\ns{quantile="0.5"} 1\ns{quantile="1"} NaN\ns_count 1\ns_sum 1\n',
  },
  { name: "a state set", body: '# TYPE s stateset\ns{s="on"} 1\ns{s="off"} 0\n' },
  { name: "info", body: '# TYPE i info\ni_info{version="1"} 1\n' },
  { name: "an exemplar on a bucket", body: `${HISTOGRAM}h_bucket{le="+Inf"} 1 # {id="x"} 0.5 1\n` },
  {
    name: "a gauge histogram with a negative sum",
    body: '# TYPE g gaugehistogram\ng_bucket{le="-1"} 1\ng_bucket{le="+Inf"} 1\ng_gcount 1\ng_gsum -2\n',
  },
  { name: "timestamps that go on", body: "# TYPE a gauge\na 1 1\na 2 1.5\n" },
]) {
  test(`OpenMetrics accepts ${name}`, () => validateOpenMetrics(`${body}# EOF\n`));
}

for (const { name, body, error } of [
  {
    name: "metadata after samples",
    body: "# TYPE a gauge\na 1\n# HELP a x\n",
    error: 'line 3, byte 1: metadata of "a" follows its samples',
  },
  {
    name: "repeated metadata",
    body: "# TYPE a gauge\n# TYPE a gauge\n",
    error: '# TYPE of "a" is repeated',
  },
  {
    name: "a family in two pieces",
    body: "a 1\nb 1\na 2\n",
    error: 'line 3, byte 1: "a" belongs to a metric family that has ended',
  },
  {
    name: "a name that another family uses",
    body: "# TYPE a counter\na_total 1\n# TYPE a_total gauge\n",
    error: '"a_total" belongs to a metric family that has ended',
  },
  {
    name: "a family whose suffix meets another",
    body: "a_total 1\n# TYPE a counter\na_created 1\n",
    error: '"a_total" is used by two metric families',
  },
  {
    name: "a unit of a state set",
    body: "# TYPE a_s stateset\n# UNIT a_s s\n",
    error: "type stateset must have none",
  },
  {
    name: "a negative counter",
    body: "# TYPE a counter\na_total -1\n",
    error: "_total is -1, it must not be",
  },
  {
    name: "a counter that is NaN",
    body: "# TYPE a counter\na_total NaN\n",
    error: "_total is NaN",
  },
  {
    name: "info that is not 1",
    body: "# TYPE a info\na_info 2\n",
    error: "value of an info is 2, it must be 1",
  },
  {
    name: "a state that is 2",
    body: '# TYPE a stateset\na{a="x"} 2\n',
    error: "it must be 0 or 1",
  },
  { name: "a state without name", body: "# TYPE a stateset\na 1\n", error: 'has no label "a"' },
  {
    name: "a quantile beyond 1",
    body: '# TYPE a summary\na{quantile="2"} 1\n',
    error: "it must be between 0 and 1",
  },
  {
    name: "a bucket without threshold",
    body: `${HISTOGRAM}h_bucket 1\n`,
    error: 'it must be a number or "+Inf"',
  },
  {
    name: "a histogram without +Inf",
    body: `${HISTOGRAM}h_bucket{le="1"} 1\n`,
    error: 'no bucket with le="+Inf"',
  },
  {
    name: "buckets out of order",
    body: `${HISTOGRAM}h_bucket{le="2"} 1\nh_bucket{le="1"} 1\n`,
    error: "not in ascending order",
  },
  {
    name: "bucket counts that decrease",
    body: `${HISTOGRAM}h_bucket{le="1"} 2\nh_bucket{le="+Inf"} 1\n`,
    error: "bucket counts decrease",
  },
  {
    name: "a count other than that of +Inf",
    body: `${HISTOGRAM}h_bucket{le="+Inf"} 1\nh_count 2\nh_sum 1\n`,
    error: "it must be that of its +Inf bucket (1)",
  },
  {
    name: "a count without sum",
    body: `${HISTOGRAM}h_bucket{le="+Inf"} 1\nh_count 1\n`,
    error: "only one of count and sum",
  },
  {
    name: "a sum with negative buckets",
    body: `${HISTOGRAM}h_bucket{le="-1"} 0\nh_bucket{le="+Inf"} 1\nh_count 1\nh_sum 1\n`,
    error: "it must have none",
  },
  {
    name: "label sets mixed",
    body: `${HISTOGRAM}h_bucket{x="1",le="+Inf"} 0\nh_bucket{x="2",le="+Inf"} 0\nh_count{x="1"} 0\n`,
    error: "are not together",
  },
  {
    name: "an exemplar on a gauge",
    body: "# TYPE a gauge\na 1 # {} 1\n",
    error: "only buckets and _total of counters may",
  },
  {
    name: "a long exemplar",
    body: `# TYPE a counter\na_total 1 # {x="${"ä".repeat(128)}"} 1\n`,
    error: "have 129 characters, they must have at most 128",
  },
  { name: "some timestamps", body: "# TYPE a gauge\na 1 1\na 2\n", error: "all or none must" },
  {
    name: "timestamps that go back",
    body: "# TYPE a gauge\na 1 2\na 2 1\n",
    error: "timestamps of one label set go back",
  },
  { name: "a sample twice", body: "# TYPE a gauge\na 1\na 2\n", error: "the sample is repeated" },
]) {
  test(`OpenMetrics refuses ${name}`, () => {
    assert.throws(
      () => validateOpenMetrics(`${body}# EOF\n`),
      (thrown: Error) => {
        assert.ok(thrown.message.includes(error), thrown.message);
        return true;
      },
    );
  });
}

for (const { name, body, problems } of [
  { name: "nothing", body: "", problems: [] },
  {
    name: "comments, blank lines and metadata in any order",
    body: "# a remark\n\n# HELP a x\n# TYPE a gauge\na 1\n",
    problems: [],
  },
  {
    name: "a counter without a suffix, with timestamps in any order",
    body: "# TYPE a counter\na 1 2000\na 2 1000\n",
    problems: [],
  },
  {
    name: "histograms whose samples are mixed",
    body: `${HISTOGRAM}h_bucket{x="1",le="1"} 1\nh_bucket{x="2",le="+Inf"} 0\nh_bucket{x="1",le="+Inf"} 1\n`,
    problems: [],
  },
  {
    name: "a summary with a negative sum",
    body: '# TYPE s summary\ns{quantile="0.5"} -1\ns_sum -1\ns_count 1\n',
    problems: [],
  },
  {
    name: "one fault on each of three lines",
    body: 'a{x="1\nb one\nc 1\nc 1\n',
    problems: [
      '1: found "\\"1", it must be text that ends with a double quote on this line',
      '2: found "one", it must be a number',
      "4: the sample is repeated, it must be unique",
    ],
  },
  {
    name: "a family in two pieces is one problem",
    body: 'a 1\nb 1\na{x="1"} 1\na{x="2"} 1\n',
    problems: ['3: "a" belongs to a metric family that has ended'],
  },
  {
    name: "metadata after samples, and twice",
    body: "# TYPE a gauge\n# TYPE a gauge\na 1\n# HELP a x\n",
    problems: [
      '2: # TYPE of "a" is repeated',
      '4: metadata of "a" follows its samples, it must come first',
    ],
  },
  {
    name: "a bucket without a threshold",
    body: `${HISTOGRAM}h_bucket 1\nh_bucket{le="+Inf"} 1\n`,
    problems: ['2: bucket has le="", it must be a number or "+Inf"'],
  },
  {
    name: "buckets that descend",
    body: `${HISTOGRAM}h_bucket{le="2"} 1\nh_bucket{le="1"} 1\nh_bucket{le="+Inf"} 1\n`,
    problems: ["3: buckets are not in ascending order, they must be"],
  },
  {
    name: "a histogram without +Inf is reported at its end",
    body: `${HISTOGRAM}h_bucket{le="1"} 1\na 1\n`,
    problems: ['3: histogram has no bucket with le="+Inf", it must have one'],
  },
  {
    name: "a quantile above 1",
    body: '# TYPE s summary\ns{quantile="2"} 1\n',
    problems: ['2: sample of a summary has quantile="2", it must be between 0 and 1'],
  },
]) {
  test(`The text format is checked: ${name}`, () => {
    const found = checkExposition(body, "text").problems;
    assert.deepEqual(
      found.map(({ line, detail }) => `${line}: ${detail}`),
      problems,
    );
  });
}

test("A check of OpenMetrics continues after a problem, and reports each fault once", () => {
  const { problems, families, samples } = checkExposition(
    `# TYPE a counter\na_total -1\n# TYPE h histogram\nh_bucket{le="1"} 1\nb 1\nb 1\n`,
    "openmetrics",
  );
  assert.deepEqual(
    problems.map(({ line, detail }) => `${line}: ${detail.split(",")[0]}`),
    [
      "2: _total is -1",
      '5: histogram has no bucket with le="+Inf"',
      "6: the sample is repeated",
      "7: found the end of the body",
    ],
  );
  assert.deepEqual([families, samples], [3, 4]);
});

test("A body that consists of faults has a bounded number of problems", () => {
  const { problems } = checkExposition("?\n".repeat(10_000), "text");
  assert.equal(problems.length, MAX_PROBLEMS);
});
