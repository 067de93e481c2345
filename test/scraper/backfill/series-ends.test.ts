import assert from "node:assert/strict";
import { test } from "node:test";
import { Labels } from "../../../exporter/shared/model/labels.js";
import { bitsOf, isStaleAt } from "../../../exporter/shared/model/special-values.js";
import { HistoryRuns } from "../../../scraper/backfill/history-runs.js";
import { GroupReader } from "../../../scraper/backfill/sample-groups.js";
import { SeriesEnds } from "../../../scraper/backfill/series-ends.js";
import { createLabelMatcher } from "../../../scraper/storage/model/label-matcher.js";
import { ALWAYS } from "../storage/storage-fixture.js";
import { BackfillUnderTest } from "./backfill-under-test.js";

interface Sampling {
  readonly at: number;
  readonly of?: "fast" | "slow";
  readonly series: string;
  readonly isGood?: boolean;
  readonly boot?: string;
}

/** Seconds; scrapes every 15 s, samplings further apart than 60 s have nothing between them. */
function endsOf(samplings: readonly Sampling[]): string[] {
  const reader = new GroupReader();
  const isApart = (fromMs: number, untilMs: number): boolean => untilMs - fromMs > 60_000;
  const ends = new SeriesEnds({ runs: new HistoryRuns(), intervalMs: 15_000, isApart });
  const found: string[] = [];
  for (const { at, of = "fast", series, isGood = true, boot = "b1" } of samplings) {
    const timeMs = at * 1000;
    const names = [
      ...series.split(" ").filter((name) => name !== ""),
      `pihealth_collector_success{collector="${of}"}`,
    ];
    const text = names.map((name) => `${name} ${isGood ? 1 : 0} ${timeMs}\n`).join("");
    reader.read(`# header\n${text}`, (samples) => {
      for (const ended of ends.read(timeMs, boot, samples)) {
        const shown = ended.series
          .map((one) => one.text.trim())
          .filter((name) => !name.startsWith("pihealth_"));
        found.push(`${ended.timeMs / 1000}: ${shown.join(" ")}`);
      }
    });
  }
  return found;
}

for (const { name, samplings, expected } of [
  {
    name: "nothing while all go on",
    samplings: [
      { at: 0, series: "a b" },
      { at: 5, series: "a b" },
    ],
    expected: [],
  },
  {
    name: "one is left out by the next sampling of its collector",
    samplings: [
      { at: 0, series: "a b" },
      { at: 5, series: "a" },
      { at: 10, series: "a" },
    ],
    expected: ["5: b"],
  },
  {
    name: "samplings of another collector end nothing",
    samplings: [
      { at: 0, of: "slow", series: "x" },
      { at: 5, series: "a" },
      { at: 10, series: "a" },
      { at: 60, of: "slow", series: "y" },
    ],
    expected: ["60: x"],
  },
  {
    name: "one that comes back ends again",
    samplings: [
      { at: 0, series: "a b" },
      { at: 5, series: "a" },
      { at: 10, series: "a b" },
      { at: 15, series: "a" },
    ],
    expected: ["5: b", "15: b"],
  },
  {
    name: "a collector without samples any more",
    samplings: [
      { at: 0, series: "a" },
      { at: 5, series: "" },
    ],
    expected: ["5: a"],
  },
  {
    name: "a failed sampling keeps the last values, the third in a row does not",
    samplings: [
      { at: 0, series: "a" },
      { at: 5, series: "", isGood: false },
      { at: 10, series: "", isGood: false },
      { at: 15, series: "", isGood: false },
      { at: 20, series: "", isGood: false },
    ],
    expected: ["15: a"],
  },
  {
    name: "recording stopped: all end a scrape later",
    samplings: [
      { at: 0, of: "slow", series: "x" },
      { at: 5, series: "a" },
      { at: 300, series: "a" },
    ],
    expected: ["20: x a"],
  },
  {
    name: "the machine started again while a scrape would have failed",
    samplings: [
      { at: 0, series: "a" },
      { at: 40, series: "b", boot: "b2" },
    ],
    expected: ["15: a"],
  },
  {
    name: "between two scrapes",
    samplings: [
      { at: 0, series: "a b" },
      { at: 10, series: "a", boot: "b2" },
    ],
    expected: ["10: b"],
  },
] as const) {
  test(`Series end where a scrape would have seen it: ${name}`, () => {
    assert.deepEqual(endsOf(samplings), expected);
  });
}

/**
 * Series of processes, in seconds since the start; sampled every 30 s, scraped with whatever was
 * sampled last.
 */
const LIVES: Readonly<Record<string, readonly [from: number, until: number]>> = {
  stays: [0, 1e6],
  "ends before": [0, 240],
  "ends inside": [0, 500],
  "lives inside": [400, 600],
  "ends with it": [0, 890],
};

/** The staleness markers stored of every process, in seconds since the start. */
async function endsStored(
  bench: BackfillUnderTest,
  startMs: number,
): Promise<Record<string, number[]>> {
  const found: Record<string, number[]> = {};
  const tables = await bench.storage.querier.select(
    [createLabelMatcher("__name__", "=", "pihealth_process")],
    ALWAYS,
  );
  for (const { timestamps, series } of tables) {
    for (const { labels, values } of series) {
      const bits = bitsOf(values);
      const markers = [...timestamps].filter((_, index) => isStaleAt(bits, index));
      (found[labels.get("name")] ??= []).push(
        ...markers.map((time) => Math.round((time - startMs) / 1000)),
      );
    }
  }
  return found;
}

function appendScraped(
  { storage, target, nowMs }: BackfillUnderTest,
  names: readonly string[],
): void {
  if (names.length === 0) return;
  const series = names.map((name) => Labels.of({ __name__: "pihealth_process", name }));
  const table = storage.openTable({ folder: "hosts/10.0.0.7", labels: target.labels });
  table.append(nowMs, storage.internLayout(series), new Float64Array(names.length).fill(1));
}

test("A graph of a filled gap ends where the series ended", async () => {
  const bench = await BackfillUnderTest.start();
  const startMs = bench.nowMs;
  const seconds = (): number => (bench.nowMs - startMs) / 1000;
  const aliveAt = (time: number): string[] =>
    Object.entries(LIVES)
      .filter(([, [from, until]]) => time >= from && time < until)
      .map(([name]) => name);
  let sampled: string[] = [];
  bench.pi.moreLines = (timeMs) => {
    const end = `pihealth_collector_success{collector="processes"} 1 ${timeMs}\n`;
    if (bench.pi.recorded.length % 6 !== 1) return [];
    sampled = aliveAt(seconds());
    return [...sampled.map((name) => `pihealth_process{name="${name}"} 1 ${timeMs}\n`), end];
  };
  bench.onGoodScrape = () => appendScraped(bench, sampled);
  await bench.pass(330);
  bench.isLinked = false;
  await bench.pass(570);
  bench.isLinked = true;
  const linkedAt = seconds();
  await bench.pass(180);
  const ends = await endsStored(bench, startMs);
  assert.deepEqual(ends["stays"], []);
  assert.deepEqual(ends["ends inside"]?.length, 1);
  assert.ok((ends["ends inside"]?.[0] ?? 0) >= 500 && (ends["ends inside"]?.[0] ?? 0) < 535);
  assert.ok((ends["lives inside"]?.[0] ?? 0) >= 600 && (ends["lives inside"]?.[0] ?? 0) < 635);
  const last = ends["ends with it"]?.[0] ?? 0;
  assert.ok(last > 890 && last <= linkedAt + 30, `${last}`);
});

test("A gap without recordings ends the series before it, one scrape later", async () => {
  const bench = await BackfillUnderTest.start();
  const startMs = bench.nowMs;
  bench.onGoodScrape = () => appendScraped(bench, ["stays"]);
  await bench.pass(120);
  await bench.kill();
  bench.pi.isOn = false;
  await bench.pass(600);
  bench.pi.boot();
  await bench.restart();
  await bench.pass(900);
  assert.ok(bench.states().includes("lost node_off"));
  assert.deepEqual(await endsStored(bench, startMs), { stays: [124] });
});
