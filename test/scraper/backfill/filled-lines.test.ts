import assert from "node:assert/strict";
import { test } from "node:test";
import { formatTime } from "../../../exporter/shared/model/human-lines.js";
import { HttpError } from "../../../exporter/shared/platform/http/http-client.js";
import { Labels } from "../../../exporter/shared/model/labels.js";
import { BackfillUnderTest } from "./backfill-under-test.js";
import type { SimulatedPi } from "./simulated-pi.js";

const MEMORY_LOG = "/data/hosts/10.0.0.7/log/memory.log";
const PENDING = "/data/hosts/10.0.0.7/log/filled.pending";
const SAMPLED = "pihealth_collector_last_success_timestamp_seconds";
const GIB = 2 ** 30;

const LAYOUT = {
  id: 1,
  series: [
    Labels.of({ __name__: SAMPLED, collector: "memory" }),
    Labels.of({ __name__: "pihealth_memory_total_bytes" }),
    Labels.of({ __name__: "pihealth_memory_used_ratio" }),
  ],
};

/** A Pi that samples memory every 5 s and disks every minute, scraped for the logs too. */
async function startBench(): Promise<BackfillUnderTest> {
  const bench = await BackfillUnderTest.start();
  const { pi } = bench;
  pi.moreLines = (timeMs) => {
    const end = (collector: string): string =>
      `pihealth_collector_success{collector="${collector}"} 1 ${timeMs}\n`;
    const disk = [
      `pihealth_disk_size_bytes{disk="sda"} ${GIB} ${timeMs}\n`,
      `pihealth_disk_size_bytes{disk="sdb"} ${GIB} ${timeMs}\n`,
      end("disk"),
    ];
    const memory = [
      `pihealth_memory_total_bytes ${4 * GIB} ${timeMs}\n`,
      `pihealth_memory_used_ratio ${usedRatioAt(bench.nowMs)} ${timeMs}\n`,
      end("memory"),
    ];
    return pi.recorded.length % 12 === 1 ? [...memory, ...disk] : memory;
  };
  bench.onGoodScrape = () => {
    const last = pi.recorded.at(-1)?.trueMs;
    if (last === undefined) return;
    bench.hostLogs.receiveScrape(
      bench.target,
      bench.nowMs,
      LAYOUT,
      Float64Array.of(last / 1000, 4 * GIB, usedRatioAt(last)),
    );
  };
  return bench;
}

const usedRatioAt = (timeMs: number): number => ((timeMs / 1000) % 1000) / 1000;
const timeOf = (line = ""): string => line.slice(0, 20);
const lineAt = (timeMs: number): string =>
  `${formatTime(timeMs)}  4.000GiB  -  ${(usedRatioAt(timeMs) * 100).toFixed(1)}%  -`;

async function linesOf(bench: BackfillUnderTest, file = MEMORY_LOG): Promise<string[]> {
  await bench.hostLogs.flush();
  return (await bench.files.readText(file)).split("\n").slice(0, -1);
}

interface Outage {
  readonly name: string;
  /** Resolves with samples of which there may be a line or none. */
  readonly during: (bench: BackfillUnderTest) => Promise<SimulatedPi["recorded"] | void>;
}

const OUTAGES: readonly Outage[] = [
  {
    name: "the link was cut",
    during: async (bench) => {
      bench.isLinked = false;
      await bench.pass(600);
      bench.isLinked = true;
    },
  },
  {
    name: "the scraper was killed, with lines in memory",
    during: async (bench) => {
      await bench.kill();
      await bench.pass(600);
      await bench.restart();
    },
  },
  {
    name: "the scraper was killed while it fetched",
    during: async (bench) => {
      bench.isLinked = false;
      await bench.pass(4000);
      bench.isLinked = true;
      bench.pi.onRequest = ({ headers }) => {
        if (headers?.["Range"] === undefined) return;
        if (bench.pi.requests.filter((path) => path.endsWith(".gz")).length > 1)
          throw new HttpError("unreachable", "cut");
      };
      const linkedMs = bench.nowMs;
      await bench.pass(20);
      await bench.kill();
      bench.pi.onRequest = () => undefined;
      await bench.restart();
      // Scraped well, so it is no gap; but their lines were in memory only.
      return bench.pi.recorded.filter(({ trueMs }) => trueMs > linkedMs);
    },
  },
  {
    name: "the Pi's clock was wrong by an hour",
    during: async (bench) => {
      bench.isLinked = false;
      await bench.pass(120);
      bench.pi.flush();
      bench.pi.clockErrorMs = -3_600_000;
      await bench.pass(120);
      bench.pi.flush();
      bench.pi.clockErrorMs = 0;
      await bench.pass(60);
      bench.isLinked = true;
    },
  },
];

for (const { name, during } of OUTAGES) {
  test(`The human log has every sampling once, in the order of time: ${name}`, async () => {
    const bench = await startBench();
    await bench.pass(300);
    const free = new Set(((await during(bench)) ?? []).map(({ trueMs }) => formatTime(trueMs)));
    await bench.pass(300);
    assert.deepEqual(
      bench.states().filter((state) => !state.startsWith("filled")),
      [],
    );
    const lines = await linesOf(bench);
    const times = lines.map(timeOf);
    assert.deepEqual(times, [...new Set(times)].sort(), "order");
    const untilMs = bench.nowMs - 120_000;
    const recorded = bench.pi.recorded
      .filter(({ trueMs }) => trueMs < untilMs)
      .map(({ trueMs }) => lineAt(trueMs));
    const wanted = new Set(recorded.filter((line) => !free.has(timeOf(line))));
    assert.deepEqual(
      lines.filter((line) => timeOf(line) <= timeOf(recorded.at(-1)) && !free.has(timeOf(line))),
      [...wanted],
    );
    assert.ok(!bench.files.paths().includes(PENDING));
  });
}

test("All lines of one sampling are present, in the order of the family", async () => {
  const bench = await startBench();
  await bench.pass(60);
  bench.isLinked = false;
  await bench.pass(300);
  bench.isLinked = true;
  await bench.pass(120);
  const lines = await linesOf(bench, "/data/hosts/10.0.0.7/log/disk.log");
  const names = lines.map((line) => line.split("  ")[2]);
  assert.ok(names.length >= 10);
  assert.deepEqual(
    names,
    names.map((_, index) => ["disk", "sda", "sdb"][index % 3]),
  );
});

test("Lines that a crash left beside the logs are inserted at the next start, once", async () => {
  const bench = await startBench();
  await bench.pass(60);
  bench.isLinked = false;
  await bench.pass(600);
  bench.isLinked = true;
  bench.files.fault = (operation, path) =>
    operation === "replace" && path === MEMORY_LOG ? "EIO" : undefined;
  await bench.pass(120);
  assert.ok(bench.files.paths().includes(PENDING));
  const before = await linesOf(bench);
  await bench.kill();
  bench.files.fault = () => undefined;
  await bench.restart();
  await bench.pass(60);
  const lines = await linesOf(bench);
  assert.ok(!bench.files.paths().includes(PENDING));
  assert.equal(lines.length, new Set(lines).size);
  assert.ok(lines.length > before.length + 100);
});
