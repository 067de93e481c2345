import assert from "node:assert/strict";
import { test } from "node:test";
import { createCustomCollector } from "../../../exporter/collectors/custom.js";

const signal = new AbortController().signal;
const collectorOf = (...outputs: string[]) => {
  let run = 0;
  return createCustomCollector({ name: "ups", command: ["/bin/ups"] }, async () =>
    Buffer.from(outputs[Math.min(run++, outputs.length - 1)] ?? ""),
  );
};
const collect = async (output: string) => {
  const samples = await collectorOf(output).collect(signal);
  return samples.map(({ metric, labels, value }) => [metric.name, metric.type, labels, value]);
};

for (const { name, output, samples } of [
  { name: "nothing", output: "", samples: [] },
  {
    name: "lines of name and value",
    output: "ups_charge 0.93\nups_load 1e-3",
    samples: [
      ["ups_charge", "unknown", {}, 0.93],
      ["ups_load", "unknown", {}, 0.001],
    ],
  },
  {
    name: "types and labels",
    output:
      "# HELP ups_volts Voltage.\n# TYPE ups_volts gauge\n" +
      'ups_volts{phase="1"} 230\nups_volts{phase="2",line="b"} 231\n' +
      "# TYPE ups_outages_total counter\nups_outages_total 4\n",
    samples: [
      ["ups_volts", "gauge", { phase: "1" }, 230],
      ["ups_volts", "gauge", { line: "b", phase: "2" }, 231],
      ["ups_outages_total", "counter", {}, 4],
    ],
  },
  {
    name: "a counter whose name does not end in _total, and a histogram",
    output:
      "# TYPE ups_outages counter\nups_outages 4\n# TYPE ups_wait histogram\n" +
      'ups_wait_bucket{le="1"} 2\nups_wait_bucket{le="+Inf"} 3\nups_wait_sum 4\nups_wait_count 3\n',
    samples: [
      ["ups_outages", "unknown", {}, 4],
      ["ups_wait_bucket", "unknown", { le: "1" }, 2],
      ["ups_wait_bucket", "unknown", { le: "+Inf" }, 3],
      ["ups_wait_sum", "unknown", {}, 4],
      ["ups_wait_count", "unknown", {}, 3],
    ],
  },
  {
    name: "OpenMetrics",
    output: "# TYPE ups_outages counter\nups_outages_total 4\n# EOF\n",
    samples: [["ups_outages_total", "counter", {}, 4]],
  },
]) {
  test(`A custom collector reads ${name}`, async () =>
    assert.deepEqual(await collect(output), samples));
}

for (const { name, output, message } of [
  { name: "text", output: "the charge is fine\n", message: /Cannot/ },
  { name: "name=value", output: "charge=1\n", message: /Cannot/ },
  { name: "a value that is no number", output: "charge full\n", message: /full/ },
  { name: "a timestamp", output: "charge 1 1700000000000\n", message: /must have none/ },
  { name: "a metric of this project", output: "pihealth_up 1\n", message: /must not begin with/ },
  {
    name: "a name in UTF-8",
    output: '{"ups.charge"} 1\n',
    message: /letters, digits, _ and : only/,
  },
  { name: "a label in UTF-8", output: 'ups{"a.b"="c"} 1\n', message: /"a.b"/ },
  {
    name: "1001 metrics",
    output: Array.from({ length: 1001 }, (_, index) => `m${index} 1\n`).join(""),
    message: /at most 1000/,
  },
]) {
  test(`A custom collector fails for ${name}`, () => assert.rejects(collect(output), message));
}

test("Metrics that stay as they are keep their definitions from run to run", async () => {
  const collector = collectorOf("a 1\nb 1\n", 'a 2\nb{c="d"} 2\n');
  const [a1, b1] = await collector.collect(signal);
  const [a2, b2] = await collector.collect(signal);
  assert.equal(a1?.metric, a2?.metric);
  assert.notEqual(b1?.metric, b2?.metric);
  assert.deepEqual(
    collector.metrics.map(({ name, labels }) => [name, labels]),
    [
      ["a", []],
      ["b", ["c"]],
    ],
  );
});
