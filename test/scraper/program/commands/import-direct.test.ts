import assert from "node:assert/strict";
import { test } from "node:test";
import type { WrittenLabels } from "../../../../exporter/shared/codec/exposition/exposition-parser-labels.js";
import { DirectImport } from "../../../../scraper/backfill/direct-import.js";
import { importSamples } from "../../../../scraper/program/commands/import.js";
import { SampleFile } from "../../../../scraper/program/commands/import-lines.js";
import { MemoryFiles } from "../../../support/memory-files.js";
import {
  metric,
  openStorage,
  selectAll,
  SETTINGS,
  START_MS,
} from "../../storage/storage-fixture.js";

const SECONDS = START_MS / 1000 - 3600;

async function importOf(
  content: string,
  place = {},
): Promise<{ said: string; notes: string[]; answer: Record<string, string[]>; paths: string[] }> {
  const { storage, files } = await openStorage();
  const notes: string[] = [];
  const input = new MemoryFiles();
  input.put("/file", content);
  const direct = new DirectImport({
    blocks: storage.blockImport,
    oldestAllowedMs: () => START_MS - SETTINGS.retentionMs,
  });
  const said = await importSamples(["/file"], place, {
    files: input,
    store: () => assert.fail("the file is stored through the journal"),
    direct,
    showProgress: () => undefined,
    writeNote: (note) => void notes.push(note),
  });
  assert.equal(metric(storage, "samples_appended_total"), 0);
  const answer = await selectAll(storage);
  const again = await openStorage(files.afterPowerCut());
  assert.deepEqual(await selectAll(again.storage), answer, "after a power cut");
  return { said, notes, answer, paths: files.paths() };
}

for (const { name, content, place, expected, said, notes } of [
  {
    name: "series with timestamps of their own, in any order, each sample once",
    content: `a{i="1",instance="x:1",job="j"} 1 ${SECONDS}.25\na{i="1",instance="x:1",job="j"} 2 ${SECONDS + 30}.25\na{i="2",instance="x:1",job="j"} 5 ${SECONDS + 40}\na{i="2",instance="x:1",job="j"} 4 ${SECONDS + 10}\na{i="2",instance="x:1",job="j"} 9 ${SECONDS + 10}\n# EOF\n`,
    expected: {
      'a{i="1", instance="x:1", job="j"}': ["-3599.75:1", "-3569.75:2"],
      'a{i="2", instance="x:1", job="j"}': ["-3590:4", "-3560:5"],
    },
    said: '5 samples imported for instance "x:1", job "j", in hosts/x',
  },
  {
    name: "several hosts in turn, label orders that differ, and a label that a scrape would rename",
    content: `a{instance="x:1",job="j",p="1"} 1 ${SECONDS}000\nb{job="own"} 2 ${SECONDS}000\na{p="1",job="j",instance="x:1"} 3 ${SECONDS}500\na{instance="y:1",job="j"} NaN ${SECONDS}000\n`,
    place: { instance: "z:1", job: "k" },
    expected: {
      'a{instance="x:1", job="j", p="1"}': ["-3600:1", "-3599.5:3"],
      'a{instance="y:1", job="j"}': ["-3600:NaN"],
      'b{exported_job="own", instance="z:1", job="k"}': ["-3600:2"],
    },
    said: "4 samples imported for 3 targets",
  },
  {
    name: "a dump of promtool",
    content: `{__name__="c", instance="x:1", job="j"} 1 ${SECONDS}000\n{__name__="c", instance="x:1", job="j"} 2 ${SECONDS}001\n`,
    expected: { 'c{instance="x:1", job="j"}': ["-3600:1", "-3599.999:2"] },
    said: '2 samples imported for instance "x:1", job "j", in hosts/x',
  },
  {
    name: "samples older than the retention",
    content: `a{instance="x:1",job="j"} 1 1500000000000\na{instance="x:1",job="j"} 2 ${SECONDS}000\n`,
    expected: { 'a{instance="x:1", job="j"}': ["-3600:2"] },
    said: '1 samples imported for instance "x:1", job "j", in hosts/x',
    notes: ["1 samples older than the retention are left out"],
  },
]) {
  test(`A file goes straight to blocks: ${name}`, async () => {
    const done = await importOf(content, place);
    assert.deepEqual(done.answer, expected);
    assert.equal(done.said, said);
    assert.deepEqual(done.notes, notes ?? []);
    assert.ok(!done.paths.some((file) => file.includes("/rows-")), done.paths.join());
  });
}

test("Samples before an error of a file are stored, and the error names file and line", async () => {
  const { storage } = await openStorage();
  const files = new MemoryFiles();
  files.put("/file", `a 1 ${SECONDS}000\na 2 ${SECONDS}001\na 3\n`);
  const direct = new DirectImport({ blocks: storage.blockImport, oldestAllowedMs: () => 0 });
  const parts = {
    files,
    store: () => assert.fail("the file is stored through the journal"),
    direct,
    showProgress: () => undefined,
    writeNote: () => undefined,
  };
  const imported = importSamples(["/file"], { instance: "x:1", job: "j" }, parts);
  await assert.rejects(
    imported,
    /^\w*Error: Cannot import "\/file:3": the sample has no timestamp/,
  );
  assert.equal(Object.values(await selectAll(storage)).flat().length, 2);
});

for (const { name, line } of [
  { name: "series by series", line: (series: number, step: number) => [series, step] as const },
  { name: "time by time", line: (series: number, step: number) => [step, series] as const },
]) {
  test(`A file makes the labels of each series once and reads each line once: ${name}`, async () => {
    const [many, few] = [50, 20];
    const lines: string[] = [];
    for (let outer = 0; outer < many; outer++) {
      for (let inner = 0; inner < few; inner++) {
        const [series, step] = line(outer, inner);
        lines.push(`a{i="${series}"} ${step}.5 ${SECONDS + step}\n`);
      }
    }
    const files = new MemoryFiles();
    files.put("/file", `${lines.join("")}# EOF\n`);
    let made = 0;
    const found: string[] = [];
    const file = await SampleFile.open<string>("/file", files, {
      seriesOf: ({ labels }: WrittenLabels) => {
        made++;
        return labels.get("i");
      },
      onSample: (series, timestampMs, value) =>
        found.push(`a{i="${series}"} ${value} ${timestampMs / 1000}\n`),
    });
    for await (const piece of file.pieces()) assert.equal(piece, undefined);
    await file.close();
    assert.deepEqual(found, lines);
    assert.equal(made, new Set(lines.map((text) => text.split("}")[0])).size);
  });
}
