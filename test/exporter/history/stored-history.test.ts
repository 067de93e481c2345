import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { familyLines } from "../../../exporter/history/history-lines.js";
import { exportOpenMetrics } from "../../../exporter/history/open-metrics-export.js";
import { StoredHistory } from "../../../exporter/history/stored-history.js";
import { encodeMember } from "../../../exporter/shared/codec/history/gzip-member.js";
import { formatMemberHeader } from "../../../exporter/shared/codec/history/member-text.js";
import { formatSegmentName } from "../../../exporter/shared/codec/history/segment-name.js";
import { validateOpenMetrics } from "../../../exporter/shared/codec/exposition/exposition-parser-strict.js";
import { counter, gauge } from "../../../exporter/shared/model/metric.js";
import { MemoryFiles } from "../../support/memory-files.js";

const START_MS = Date.UTC(2026, 0, 12, 15);
const METRICS = [
  gauge({ name: "pihealth_memory_used_ratio", help: 'Ratio, "quoted".' }),
  counter({ name: "pihealth_cpu_seconds_total", help: "Seconds.", labels: ["cpu"] }),
];
const success = (collector: string, value = 1): string =>
  `pihealth_collector_success{collector="${collector}"} ${value}`;

/** A segment for every list of members, a member for every list of `[seconds, line]`. */
function storedOf(
  ...segments: readonly (readonly (readonly [number, string])[])[][]
): StoredHistory {
  const files = new MemoryFiles();
  for (const [index, members] of segments.entries()) {
    const startMs = START_MS + (members[0]?.[0]?.[0] ?? 0) * 1000;
    const encoded = members.map((lines) => {
      const header = formatMemberHeader({ bootId: "0", monotonicMs: 1, wallMs: startMs });
      const text = lines.map(([seconds, line]) => `${line} ${START_MS + seconds * 1000}\n`);
      return encodeMember(header + text.join(""));
    });
    const name = formatSegmentName({ sequence: index + 1, startMs });
    files.put(`/history/${name}`, Buffer.concat(encoded));
  }
  return new StoredHistory(files, ["/history"]);
}

async function exported(history: StoredHistory, maxHeldCharacters?: number): Promise<string> {
  let text = "";
  const write = async (more: string): Promise<void> => void (text += more);
  const options = { sinceMs: 0, metrics: METRICS, write };
  await exportOpenMetrics(
    history,
    maxHeldCharacters === undefined ? options : { ...options, maxHeldCharacters },
  );
  return text;
}

const SAMPLES = storedOf(
  [
    [
      [0, "pihealth_memory_used_ratio 0.5"],
      [0, 'pihealth_cpu_seconds_total{cpu="0"} 7'],
      [0, 'pihealth_cpu_seconds_total{cpu="1"} 8'],
    ],
    [[5, "pihealth_memory_used_ratio NaN"]],
  ],
  [
    [
      [3, "pihealth_memory_used_ratio 0.25"],
      [5, "pihealth_memory_used_ratio 0.75"],
      [5, 'pihealth_cpu_seconds_total{cpu="0"} 9'],
      [5, "stranger 1"],
    ],
  ],
);

test("an export is OpenMetrics: whole families, each series in the order of time, the first of two equal samples", async () => {
  const text = await exported(SAMPLES);
  validateOpenMetrics(text);
  assert.equal(
    text,
    `# HELP pihealth_cpu_seconds Seconds.
# TYPE pihealth_cpu_seconds counter
pihealth_cpu_seconds_total{cpu="0"} 7 1768230000.000
pihealth_cpu_seconds_total{cpu="0"} 9 1768230005.000
pihealth_cpu_seconds_total{cpu="1"} 8 1768230000.000
# HELP pihealth_memory_used_ratio Ratio, \\"quoted\\".
# TYPE pihealth_memory_used_ratio gauge
pihealth_memory_used_ratio 0.5 1768230000.000
pihealth_memory_used_ratio 0.25 1768230003.000
pihealth_memory_used_ratio NaN 1768230005.000
# TYPE stranger unknown
stranger 1 1768230005.000
# EOF
`,
  );
});

test("an export in many parts is equal", async () => {
  assert.equal(await exported(SAMPLES, 1), await exported(SAMPLES));
});

test("an empty history is an export without samples", async () => {
  assert.equal(await exported(storedOf([])), "# EOF\n");
});

test("promtool creates blocks from an export", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "pihealth-export-"));
  try {
    const file = path.join(folder, "history.txt");
    writeFileSync(file, await exported(SAMPLES));
    const { status, stdout, stderr } = spawnSync(
      "promtool",
      ["tsdb", "create-blocks-from", "openmetrics", file, path.join(folder, "blocks")],
      { encoding: "utf8" },
    );
    assert.equal(status, 0, stderr);
    assert.match(stdout, /\b7 +4 +4\b/, "seven samples of four series");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("human lines: one for each successful run, with the last values of other collectors", async () => {
  const history = storedOf([
    [
      [0, "pihealth_load1 1.5"],
      [0, success("load")],
      [0, "pihealth_cpu_usage_ratio 0.25"],
      [0, success("cpu")],
      [5, success("cpu", 0)],
      [1000, "pihealth_cpu_usage_ratio 0.5"],
      [1000, success("cpu")],
    ],
  ]);
  const options = { families: ["cpu"] as const, sinceMs: START_MS };
  const lines: string[] = [];
  for await (const { line } of familyLines(history, options)) lines.push(line);
  assert.equal(lines.length, 2);
  assert.match(lines[0] ?? "", /^\S+ {2}1\.50 {2}- {2}- {2}25\.0% /);
  assert.match(lines[1] ?? "", /^\S+ {2}- {2}- {2}- {2}50\.0% /);
});

test("since leaves out older samples, and damage is skipped", async () => {
  const files = new MemoryFiles();
  const member = (seconds: number): Buffer =>
    encodeMember(
      `${formatMemberHeader({ bootId: "0", monotonicMs: 1, wallMs: 1 })}x 1 ${START_MS + seconds * 1000}\n`,
    );
  const name = formatSegmentName({ sequence: 1, startMs: START_MS });
  files.put(
    `/history/${name}`,
    Buffer.concat([member(0), Buffer.from("rubbish"), member(9), member(10).subarray(0, 30)]),
  );
  const texts: string[] = [];
  for await (const text of new StoredHistory(files, ["/history"]).members(0)) texts.push(text);
  assert.equal(texts.length, 2);
});
