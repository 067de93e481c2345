import assert from "node:assert/strict";
import { test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { silentLogger } from "../../../exporter/shared/platform/logger.js";
import { HostLogs } from "../../../scraper/host-logs/host-logs.js";
import { mergeLines } from "../../../scraper/host-logs/merge-lines.js";
import { FakeClock, settle } from "../../support/fake-clock.js";
import { MemoryFiles } from "../../support/memory-files.js";
import { DEFAULT_FILE_NAMES } from "../../../scraper/host-logs/host-log-settings.js";
import { valueOf } from "../../support/metric-values.js";

const LOG = "/data/hosts/10.0.0.1/log";
/** `10:05 a` stands for a line of that time. */
const line = (short: string): string => `2026-01-12__${short.slice(0, 5)}:00  ${short.slice(6)}`;
const text = (shorts: readonly string[]): string =>
  shorts.map((short) => `${line(short)}\n`).join("");

for (const { name, content, added, expected } of [
  {
    name: "an empty log",
    content: "",
    added: ["10:00 a", "10:05 b"],
    expected: text(["10:00 a", "10:05 b"]),
  },
  {
    name: "before, between and after",
    content: text(["10:01 a", "10:03 b"]),
    added: ["10:00 x", "10:02 y", "10:04 z"],
    expected: text(["10:00 x", "10:01 a", "10:02 y", "10:03 b", "10:04 z"]),
  },
  {
    name: "a time that is there gets nothing more",
    content: text(["10:00 a", "10:00 b", "10:05 c"]),
    added: ["10:00 x", "10:02 y", "10:02 z", "10:05 c"],
    expected: text(["10:00 a", "10:00 b", "10:02 y", "10:02 z", "10:05 c"]),
  },
  {
    name: "a line that a power cut has torn",
    content: text(["10:00 a"]) + line("10:02 b").slice(0, 22),
    added: ["10:01 x", "10:03 y"],
    expected: `${text(["10:00 a", "10:01 x"])}${line("10:02 b").slice(0, 22)}\n${text(["10:03 y"])}`,
  },
  {
    name: "lines of a clock that was not set keep their place",
    content: `${text(["10:00 a"])}1970-01-01__00:00:20  c\n${text(["10:05 b"])}`,
    added: ["10:02 x"],
    expected: `${text(["10:00 a"])}1970-01-01__00:00:20  c\n${text(["10:02 x", "10:05 b"])}`,
  },
  {
    name: "a line given twice",
    content: "",
    added: ["10:00 a", "10:00 a"],
    expected: text(["10:00 a"]),
  },
]) {
  test(`Lines are inserted in the order of time: ${name}`, () => {
    const merged = mergeLines(content, added.map(line));
    assert.equal(merged.text, expected);
    assert.deepEqual(
      mergeLines(merged.text, added.map(line)),
      { text: expected, addedLines: 0 },
      "a second time",
    );
  });
}

class FilledLogUnderTest {
  readonly clock = new FakeClock();
  readonly hostLogs: HostLogs;

  constructor(
    readonly files = new MemoryFiles(),
    maxFileBytes = 1_048_576,
  ) {
    const settings = {
      isEnabled: true,
      linesPerWrite: 10,
      maxWaitMs: 600_000,
      maxFileBytes,
      maxOldFiles: 3,
      fileNames: DEFAULT_FILE_NAMES,
    };
    this.hostLogs = new HostLogs({
      folder: "/data",
      files,
      clock: this.clock,
      log: silentLogger,
      settings,
    });
  }

  async fill(shorts: readonly string[], port = 8732): Promise<void> {
    const filled = this.hostLogs.filledLog({ host: "10.0.0.1", port });
    filled?.add("memory", shorts.map(line));
    await filled?.save();
    await filled?.merge();
  }

  count(name: string): number | undefined {
    return valueOf(this.hostLogs, name);
  }
}

test("Lines older than the log are inserted into the rotated file of their time", async () => {
  const { files, ...bench } = new FilledLogUnderTest();
  const [oldest, older] = [
    `${LOG}/memory.log.000001-20260112T100000Z.gz`,
    `${LOG}/memory.log.000002-20260112T110000Z`,
  ];
  files.put(oldest, gzipSync(text(["09:00 a", "09:30 b"])));
  files.put(older, text(["10:00 c", "10:30 d"]));
  files.put(`${LOG}/memory.log`, text(["11:00 e"]));
  const filled = bench.hostLogs.filledLog({ host: "10.0.0.1", port: 8732 });
  filled?.add("memory", ["11:01 z", "10:15 y", "09:15 x", "08:00 w"].map(line));
  await filled?.save();
  await filled?.merge();
  assert.equal(
    gunzipSync(await files.readBytes(oldest)).toString(),
    text(["08:00 w", "09:00 a", "09:15 x", "09:30 b"]),
  );
  assert.equal(await files.readText(older), text(["10:00 c", "10:15 y", "10:30 d"]));
  assert.equal(await files.readText(`${LOG}/memory.log`), text(["11:00 e", "11:01 z"]));
});

test("A damaged rotated file does not keep lines out of the others", async () => {
  const bench = new FilledLogUnderTest();
  bench.files.put(`${LOG}/memory.log.000001-20260112T100000Z.gz`, "no gzip");
  bench.files.put(`${LOG}/memory.log`, text(["11:00 e"]));
  await bench.fill(["09:00 a", "11:01 b"]);
  assert.equal(await bench.files.readText(`${LOG}/memory.log`), text(["11:00 e", "11:01 b"]));
  assert.ok(!bench.files.paths().includes(`${LOG}/filled.pending`));
});

test("Scraped lines that wait for their write are written first", async () => {
  const bench = new FilledLogUnderTest();
  await bench.hostLogs.writeAlarm("10.0.0.1", "hot");
  await bench.fill(["10:00 a"]);
  await bench.fill(["09:00 b", "10:00 a"]);
  assert.equal(await bench.files.readText(`${LOG}/memory.log`), text(["09:00 b", "10:00 a"]));
  assert.equal(bench.count("pihealth_host_log_filled_lines_total"), 2);
});

test("Lines that the disk refuses are inserted later; lines it refuses to store are counted", async () => {
  const bench = new FilledLogUnderTest();
  bench.files.fault = (operation) => (operation === "replace" ? "ENOSPC" : undefined);
  await bench.fill(["10:00 a"]);
  assert.deepEqual(bench.files.paths(), [`${LOG}/filled.pending`]);
  bench.files.fault = (operation) => (operation === "append" ? "ENOSPC" : undefined);
  await bench.fill(["10:01 b"]);
  assert.equal(bench.count("pihealth_host_log_lost_lines_total"), 1);
  assert.equal(bench.count("pihealth_host_log_failures_total"), 2);
  assert.equal(await bench.files.readText(`${LOG}/memory.log`), text(["10:00 a"]));
});

test("Lines left by an earlier run are inserted at the start, even from a torn file", async () => {
  const files = new MemoryFiles();
  files.put(
    `${LOG}/filled.pending`,
    `\nmemory ${line("10:02 b")}\nmemory ${line("10:01 a")}\nmem\nnone x\nmemory ${line("10:03 c").slice(0, 9)}`,
  );
  const bench = new FilledLogUnderTest(files);
  bench.hostLogs.start();
  await settle();
  await bench.hostLogs.stop();
  assert.deepEqual(files.paths(), [`${LOG}/memory.log`]);
  assert.equal(await files.readText(`${LOG}/memory.log`), text(["10:01 a", "10:02 b"]));
});

test("A history longer than the limit of a log is inserted in pieces", async () => {
  const bench = new FilledLogUnderTest(new MemoryFiles(), 200);
  const shorts = Array.from(
    { length: 30 },
    (_, minute) => `10:${String(minute).padStart(2, "0")} x`,
  );
  const filled = bench.hostLogs.filledLog({ host: "10.0.0.1", port: 8732 });
  assert.ok(filled !== undefined);
  for (const short of shorts) {
    filled.add("memory", [line(short)]);
    await filled.save();
    assert.ok(((await bench.files.facts(`${LOG}/filled.pending`))?.sizeBytes ?? 0) < 200);
  }
  await filled.merge();
  const names = bench.files.paths().map((file) => file.split("/").at(-1)?.replace(/-.*/, ""));
  const rotated = names.filter((name) => name?.startsWith("memory.log.")).length;
  assert.ok(rotated > 0 && rotated <= 3, String(rotated));
});

test("Two exporters at one address have separate logs, the same ones after a restart", async () => {
  const bench = new FilledLogUnderTest();
  await bench.fill(["10:00 first"], 9000);
  await bench.fill(["10:00 second"], 8732);
  const again = new FilledLogUnderTest(bench.files);
  await again.fill(["10:01 second"], 8732);
  await again.fill(["10:01 first"], 9000);
  assert.equal(
    await bench.files.readText(`${LOG}/memory.log`),
    text(["10:00 first", "10:01 first"]),
  );
  assert.equal(
    await bench.files.readText(`${LOG}/memory-8732.log`),
    text(["10:00 second", "10:01 second"]),
  );
});

test("The default port keeps the plain names where logs exist without an owner file", async () => {
  const bench = new FilledLogUnderTest();
  bench.files.put(`${LOG}/cpu.log`, "");
  await bench.fill(["10:00 other"], 9000);
  await bench.fill(["10:00 usual"], 8732);
  assert.deepEqual(bench.files.paths(), [
    `${LOG}/cpu.log`,
    `${LOG}/memory-9000.log`,
    `${LOG}/memory.log`,
  ]);
});
