import assert from "node:assert/strict";
import { test } from "node:test";
import { exportOpenMetrics } from "../../../../exporter/history/open-metrics-export.js";
import { StoredHistory } from "../../../../exporter/history/stored-history.js";
import { METRIC_NAME } from "../../../../exporter/shared/model/labels.js";
import { bitsOf, isAbsentAt, isStaleAt } from "../../../../exporter/shared/model/special-values.js";
import { type ImportPlace, SampleImport } from "../../../../scraper/backfill/sample-import.js";
import { importSamples } from "../../../../scraper/program/commands/import.js";
import type { KnownHost } from "../../../../scraper/fleet/known-host.js";
import { createLabelMatcher } from "../../../../scraper/storage/model/label-matcher.js";
import type { Storage } from "../../../../scraper/storage/storage.js";
import { MemoryFiles } from "../../../support/memory-files.js";
import { BackfillUnderTest } from "../../backfill/backfill-under-test.js";
import { NODE_ID } from "../../backfill/simulated-pi.js";
import { settings, target } from "../../scrape/scrape-fixture.js";
import { ALWAYS, openStorage, START_MS } from "../../storage/storage-fixture.js";

const TARGET = target("10.0.0.7", settings({ intervalMs: 5000 }));
const NODE: KnownHost = {
  address: "10.0.0.7",
  port: 8732,
  firstSeenMs: 0,
  lastSeenMs: 0,
  node: {
    nodeId: NODE_ID,
    hostname: "pi",
    bootId: "b0",
    lastHeartbeatMs: 0,
    clockOffsetMs: 0,
    monotonicMs: 0,
    history: undefined,
  },
};

/** A storage and the files that are imported into it. */
class ImportUnderTest {
  readonly notes: string[] = [];

  private constructor(
    readonly storage: Storage,
    readonly files = new MemoryFiles(),
  ) {}

  static async start(): Promise<ImportUnderTest> {
    return new ImportUnderTest((await openStorage()).storage);
  }

  import(path: string, place: ImportPlace = {}): Promise<string> {
    const samples = new SampleImport({
      writer: this.storage,
      targets: () => [TARGET],
      hosts: () => [NODE],
    });
    return importSamples([path], place, {
      files: this.files,
      store: (of, text) => samples.take(of, text),
      showProgress: () => undefined,
      writeNote: (note) => void this.notes.push(note),
    });
  }
}

/**
 * `series value @time` of all stored samples, without staleness markers and scrape reports, in
 * order.
 */
async function storedSamples(storage: Storage): Promise<string[]> {
  const found: string[] = [];
  for (const { timestamps, series } of await storage.querier.select(
    [createLabelMatcher(METRIC_NAME, "!=", "up")],
    ALWAYS,
  )) {
    for (const { labels, values } of series) {
      const bits = bitsOf(values);
      timestamps.forEach((time, index) => {
        if (isStaleAt(bits, index) || isAbsentAt(bits, index)) return;
        found.push(`${labels.toString()} ${labels.name} ${values[index]} @${time}`);
      });
    }
  }
  return found.sort();
}

/** A Pi whose history a new master has fetched, and the files of that history. */
async function filledByBackfill(): Promise<{ samples: string[]; history: MemoryFiles }> {
  const bench = await BackfillUnderTest.start();
  await bench.pass(12); // Scraped once: from here on a gap.
  bench.isLinked = false;
  await bench.pass(1200);
  bench.isLinked = true;
  await bench.pass(130);
  const history = new MemoryFiles();
  for (const { name, bytes } of bench.pi.segmentFiles())
    history.put(`/copy/history/${name}`, bytes);
  history.put("/copy/node-id", `${NODE_ID}\n`);
  return { samples: await storedSamples(bench.storage), history };
}

test("An import of a copied history, or of its export, stores the samples that backfill stores", async () => {
  const { samples, history } = await filledByBackfill();
  assert.ok(samples.length > 400);
  const inGap = (all: readonly string[]): string[] => {
    return all.filter(
      (sample) =>
        Number(sample.split("@")[1]) > START_MS + 20_000 &&
        Number(sample.split("@")[1]) < START_MS + 1_200_000,
    );
  };
  const folder = await ImportUnderTest.start();
  for (const { name } of await history.list("/copy/history")) {
    folder.files.put(`/copy/history/${name}`, await history.readBytes(`/copy/history/${name}`));
  }
  folder.files.put("/copy/node-id", `${NODE_ID}\n`);
  const said = await folder.import("/copy");
  assert.match(
    said,
    /^\d+ samples imported for instance "10\.0\.0\.7:8732", job "\w+", in hosts\/10\.0\.0\.7$/,
  );
  assert.deepEqual(inGap(await storedSamples(folder.storage)), inGap(samples));

  let text = "";
  const stored = new StoredHistory(history, ["/copy/history"]);
  await exportOpenMetrics(stored, {
    sinceMs: 0,
    metrics: [],
    write: async (part) => void (text += part),
  });
  const file = await ImportUnderTest.start();
  file.files.put("/export.txt", text);
  await file.import("/export.txt", { instance: "10.0.0.7:8732" });
  const imported = await storedSamples(file.storage);
  assert.deepEqual(imported, await storedSamples(folder.storage));
  await file.import("/export.txt", { host: "10.0.0.7" });
  await file.import("/export.txt", { instance: "10.0.0.7:8732" });
  assert.deepEqual(await storedSamples(file.storage), imported, "again");
});

const SECONDS = START_MS / 1000 - 3600;

for (const { name, content, place, expected } of [
  {
    name: "OpenMetrics with seconds to the millisecond",
    content: `# TYPE a gauge\na{x="1"} 1.5 ${SECONDS}.123\na{x="1"} 2 ${SECONDS}.877 # {t="1"} 1\n# EOF\n`,
    place: { instance: "i", job: "j", host: "10.0.0.9" },
    expected: [
      `a{instance="i", job="j", x="1"} a 1.5 @${SECONDS * 1000 + 123}`,
      `a{instance="i", job="j", x="1"} a 2 @${SECONDS * 1000 + 877}`,
    ],
  },
  {
    name: "text with milliseconds, without a line feed at its end",
    content: `# HELP a b\na 1 ${SECONDS}000\n\na +Inf ${SECONDS}001`,
    place: { instance: "10.0.0.9:1", job: "j" },
    expected: [
      `a{instance="10.0.0.9:1", job="j"} a 1 @${SECONDS}000`,
      `a{instance="10.0.0.9:1", job="j"} a Infinity @${SECONDS}001`,
    ],
  },
  {
    name: "what promtool tsdb dump writes, with the labels it has",
    content: `{__name__="c", instance="10.0.0.9:1", job="j", exported_job="x y"} 1 ${SECONDS}000\n{__name__="b"} 2 ${SECONDS}000\n`,
    place: { instance: "10.0.0.8:1", job: "k" },
    expected: [
      `b{instance="10.0.0.8:1", job="k"} b 2 @${SECONDS}000`,
      `c{exported_job="x y", instance="10.0.0.9:1", job="j"} c 1 @${SECONDS}000`,
    ],
  },
  {
    name: "a label that a scrape would rename",
    content: `a{job="own"} 1 ${SECONDS}000\n`,
    place: { instance: "10.0.0.9:1", job: "j" },
    expected: [`a{exported_job="own", instance="10.0.0.9:1", job="j"} a 1 @${SECONDS}000`],
  },
]) {
  test(`A file is imported: ${name}`, async () => {
    const bench = await ImportUnderTest.start();
    bench.files.put("/file", content);
    await bench.import("/file", place);
    assert.deepEqual(await storedSamples(bench.storage), expected);
  });
}

interface Refusal {
  readonly name: string;
  readonly path?: string;
  readonly content?: string;
  readonly place?: ImportPlace;
  readonly message: RegExp;
}

const REFUSALS: readonly Refusal[] = [
  { name: "no such file", path: "/none", message: /^Cannot import "\/none": nothing is there/ },
  {
    name: "a folder without a history",
    path: "/",
    message: /^Cannot import "\/": it has no segment/,
  },
  {
    name: "no timestamp",
    content: `a 1 ${SECONDS}000\na 2\n`,
    message: /^Cannot import "\/file:2": the sample has no timestamp/,
  },
  {
    name: "no number",
    content: `# HELP a b\n\na x ${SECONDS}000\n`,
    message: /^Cannot import "\/file:3": found "x/,
  },
  { name: "binary", content: "\u0000\u0001\u0002", message: /^Cannot import "\/file:1": / },
  {
    name: "no target",
    place: {},
    message:
      /^Cannot import samples of no target: it names no target .* --instance and --job must be given$/,
  },
  {
    name: "an unknown instance",
    place: { instance: "x" },
    message: /of instance "x": it names no target/,
  },
  {
    name: "a host that is none",
    place: { instance: "../x", job: "j" },
    message: /^Cannot make a folder for host "..\/x"/,
  },
];

for (const {
  name,
  path = "/file",
  content = `a 1 ${SECONDS}000\n`,
  place = { instance: "10.0.0.9:1", job: "j" },
  message,
} of REFUSALS) {
  test(`An import is refused with the reason: ${name}`, async () => {
    const bench = await ImportUnderTest.start();
    bench.files.put("/file", content);
    await assert.rejects(bench.import(path, place), ({ message: said }: Error) => {
      assert.match(said, message);
      return true;
    });
  });
}

test("Samples older than the retention are counted and skipped", async () => {
  const bench = await ImportUnderTest.start();
  bench.files.put("/file", "a 1 1500000000000\n");
  assert.match(
    await bench.import("/file", { instance: "10.0.0.9:1", job: "j" }),
    /^0 samples imported/,
  );
  assert.deepEqual(bench.notes, ["1 samples older than the retention are left out"]);
});
