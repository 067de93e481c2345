import assert from "node:assert/strict";
import { test } from "node:test";
import type { ExpositionFormat } from "../../../exporter/shared/codec/exposition/exposition-parser-labels.js";
import { checkMetrics } from "../../../exporter/program/check-metrics-command.js";
import { MemoryFiles } from "../../support/memory-files.js";

/** Runs the command over one file, and over the same bytes in pieces from standard input. */
async function check(
  body: string,
  format?: ExpositionFormat,
): Promise<{ readonly ok: boolean; readonly lines: readonly string[] }> {
  const files = new MemoryFiles();
  files.put("/metrics.txt", body);
  const lines: string[] = [];
  const parts = {
    files,
    standardInput: pieces(body),
    writeLine: (line: string) => lines.push(line),
  };
  const ok = await checkMetrics("/metrics.txt", format, parts);
  const fromFile = lines.splice(0).map((line) => line.replaceAll("/metrics.txt", "standard input"));
  assert.equal(await checkMetrics("-", format, parts), ok);
  assert.deepEqual(lines, fromFile);
  return { ok, lines };
}

async function* pieces(body: string): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(body);
  for (let at = 0; at < bytes.length; at += 5) yield bytes.subarray(at, at + 5);
}

for (const { name, body, format, ok, lines } of [
  {
    name: "the text format",
    body: "# TYPE a gauge\na 1\n",
    ok: true,
    lines: ["SUCCESS: standard input is valid as Prometheus text: 1 family, 1 sample"],
  },
  {
    name: "OpenMetrics, known by its end",
    body: "# TYPE a counter\na_total 1\nb 1\n# EOF\n",
    ok: true,
    lines: ["SUCCESS: standard input is valid as OpenMetrics: 2 families, 2 samples"],
  },
  {
    name: "OpenMetrics that is asked for",
    body: "a 1\n",
    format: "openmetrics",
    ok: false,
    lines: [
      'standard input:2: found the end of the body, it must be "# EOF" at the end',
      "FAILED: standard input is not valid as OpenMetrics: 1 problem",
    ],
  },
  {
    name: "two problems with their lines",
    body: "ä 1\na 1\na 1\n",
    ok: false,
    lines: [
      'standard input:1: found "ä 1", it must be a metric name',
      "standard input:3: the sample is repeated, it must be unique",
      "FAILED: standard input is not valid as Prometheus text: 2 problems",
    ],
  },
] as const) {
  test(`check metrics: ${name}`, async () => {
    assert.deepEqual(await check(body, format), { ok, lines });
  });
}

test("check metrics says why it cannot read a file", async () => {
  const parts = {
    files: new MemoryFiles(),
    standardInput: pieces(""),
    writeLine: () => assert.fail("nothing is written"),
  };
  await assert.rejects(
    checkMetrics("/nowhere", undefined, parts),
    /Cannot read "\/nowhere": it does not exist/,
  );
});
