import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeGapFile, encodeGapFile, type GapFile } from "../../../scraper/backfill/gap-file.js";

const GAPS: GapFile = {
  writtenMs: 1_768_230_000_000,
  targets: [
    {
      labels: { instance: "10.0.0.7:8732", job: "pi" },
      nodeId: "0123456789abcdef".repeat(2),
      ongoingFromMs: 1_768_229_900_000,
      missing: [{ fromMs: 10, untilMs: 20, cause: "link_down" }],
      closed: [
        { fromMs: 1, untilMs: 2, cause: "master_down", state: "filled" },
        { fromMs: 2, untilMs: 3, cause: "spool_overrun", state: "lost" },
      ],
    },
    { labels: {}, nodeId: undefined, ongoingFromMs: undefined, missing: [], closed: [] },
  ],
  boots: [["0aa6a5fb", [{ fromMs: 30_000, untilMs: 60_000, zeroMs: 1_768_200_000_123 }]]],
};

test("A gap file is read back as it was written", () => {
  assert.deepEqual(decodeGapFile(encodeGapFile(GAPS)), GAPS);
});

test("A number in place of a boot's stretches stands for the whole boot, as in files of earlier versions", () => {
  const text = '{"version":1,"written_ms":0,"targets":[],"boots":[["b1",1768200000123]]}';
  assert.deepEqual(decodeGapFile(text).boots, [
    ["b1", [{ fromMs: 0, untilMs: 0, zeroMs: 1_768_200_000_123 }]],
  ]);
});

const withTarget = (target: string): string =>
  `{"version":1,"written_ms":0,"boots":[],"targets":[${target}]}`;
const withRanges = (missing: string, closed: string): string =>
  withTarget(`{"labels":{},"ongoing_from_ms":null,"missing":${missing},"closed":${closed}}`);

for (const { name, text, message } of [
  { name: "torn", text: '{"version":1,"wri', message: "it is not JSON" },
  { name: "later version", text: '{"version":2}', message: "version is 2, it must be 1" },
  {
    name: "label that is a number",
    text: withTarget('{"labels":{"job":5}}'),
    message: "targets[0].labels.job is 5, it must be a text",
  },
  {
    name: "range that ends before it begins",
    text: withRanges('[[20,10,"link_down"]]', "[]"),
    message: "targets[0].missing[0][1] is 10, it must be a whole number of at least 20",
  },
  {
    name: "time beyond a double",
    text: withRanges('[[0,1e999,"link_down"]]', "[]"),
    message: "targets[0].missing[0][1] is Infinity, it must be a whole number of at least 0",
  },
  {
    name: "unknown cause",
    text: withRanges('[[10,20,"rain"]]', "[]"),
    message:
      'targets[0].missing[0][2] is "rain", it must be one of node_off, exporter_down, link_down, master_down, spool_overrun, clock_untrusted',
  },
  {
    name: "closed gap that is open",
    text: withRanges("[]", '[[10,20,"link_down","open"]]'),
    message: 'targets[0].closed[0][3] is "open", it must be one of filled, lost',
  },
]) {
  test(`A gap file is refused: ${name}`, () => {
    assert.throws(() => decodeGapFile(text), {
      code: "bad_input",
      message: `Cannot read gaps: ${message}`,
    });
  });
}
