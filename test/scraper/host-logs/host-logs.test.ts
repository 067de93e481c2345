import assert from "node:assert/strict";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { Labels } from "../../../exporter/shared/model/labels.js";
import { formatTime } from "../../../exporter/shared/model/human-lines.js";
import { bitsOf, setAbsentAt, setStaleAt } from "../../../exporter/shared/model/special-values.js";
import { silentLogger } from "../../../exporter/shared/platform/logger.js";
import { HostLogs } from "../../../scraper/host-logs/host-logs.js";
import type { HostLogSettings } from "../../../scraper/host-logs/host-log-settings.js";
import type { Layout } from "../../../scraper/storage/model/sample-writer.js";
import { FakeClock, settle } from "../../support/fake-clock.js";
import { MemoryFiles } from "../../support/memory-files.js";
import { DEFAULT_FILE_NAMES } from "../../../scraper/host-logs/host-log-settings.js";
import { valueOf } from "../../support/metric-values.js";

const SAMPLED = "pihealth_collector_last_success_timestamp_seconds";
const series = (name: string, labels: Record<string, string> = {}): Labels =>
  Labels.of({ __name__: name, ...labels });
const GIB = 2 ** 30;

const MEMORY: Layout = {
  id: 1,
  series: [
    series("node_load1"),
    series(SAMPLED, { collector: "memory" }),
    series("pihealth_memory_total_bytes"),
    series("pihealth_memory_free_bytes"),
    series("pihealth_memory_used_ratio"),
    series("pihealth_memory_used_ratio_average"),
  ],
};
const rowAt = (seconds: number, usedRatio = 0.5): Float64Array =>
  Float64Array.of(0, seconds, 4 * GIB, 2 * GIB, usedRatio, usedRatio);

/** A clock that work in this thread can move, as a slow disk does. */
class ClockOfSlowDisk extends FakeClock {
  waitedMs = 0;

  override monotonicMs(): number {
    return super.monotonicMs() + this.waitedMs;
  }
}

/** Files that keep their caller waiting. */
class SlowFiles extends MemoryFiles {
  onWait: () => void = () => undefined;

  override appendSync(filePath: string, content: Uint8Array | string): number {
    this.onWait();
    return super.appendSync(filePath, content);
  }
}

class HostLogsUnderTest {
  readonly clock = new ClockOfSlowDisk();
  readonly hostLogs: HostLogs;

  constructor(
    changes: Partial<HostLogSettings> = {},
    readonly files = new MemoryFiles(),
  ) {
    const settings = {
      isEnabled: true,
      linesPerWrite: 10,
      maxWaitMs: 600_000,
      maxFileBytes: 1_048_576,
      maxOldFiles: 3,
      fileNames: DEFAULT_FILE_NAMES,
      ...changes,
    };
    this.hostLogs = new HostLogs({
      folder: "/data",
      files: this.files,
      clock: this.clock,
      log: silentLogger,
      settings,
    });
  }

  scrape(seconds: number, host = "10.0.0.1", layout = MEMORY, values = rowAt(seconds)): void {
    this.hostLogs.receiveScrape({ host, port: 8732 }, seconds * 1000, layout, values);
  }

  async lines(name = "memory", host = "10.0.0.1"): Promise<string[]> {
    const file = `/data/hosts/${host}/log/${name}.log`;
    if ((await this.files.facts(file)) === undefined) return [];
    return (await this.files.readText(file)).split("\n").slice(0, -1);
  }

  count(name: string): number | undefined {
    return valueOf(this.hostLogs, name);
  }
}

test("Ten samplings are one write, with the fields of the family and the time of each sampling", async () => {
  const parts = new HostLogsUnderTest();
  for (let second = 1; second <= 9; second++) parts.scrape(second);
  await settle();
  assert.deepEqual(parts.files.paths(), []);
  parts.scrape(10);
  await settle();
  const lines = await parts.lines();
  assert.equal(lines.length, 10);
  assert.equal(lines[0], `${formatTime(1000)}  4.000GiB  2.000GiB  50.0%  50.0%`);
});

test("File names are configured, and a second exporter of an address has its port in them", async () => {
  const parts = new HostLogsUnderTest({
    linesPerWrite: 1,
    fileNames: { ...DEFAULT_FILE_NAMES, memory: "ram.log", alarms: "error.log" },
  });
  parts.scrape(1);
  await parts.hostLogs.flush();
  parts.hostLogs.receiveScrape({ host: "10.0.0.1", port: 8733 }, 2000, MEMORY, rowAt(2));
  await parts.hostLogs.writeAlarm("10.0.0.1", "a line");
  await parts.hostLogs.flush();
  for (const name of ["ram", "ram-8733", "error"]) {
    assert.equal((await parts.lines(name)).length, 1, name);
  }
  assert.deepEqual(await parts.lines("memory"), []);
});

test("A scrape without a new sampling adds no line", async () => {
  const parts = new HostLogsUnderTest({ linesPerWrite: 1 });
  for (const second of [1, 1, 1, 2, 2]) parts.scrape(second);
  await parts.hostLogs.flush();
  assert.equal((await parts.lines()).length, 2);
});

test("A Pi whose clock was set back is still logged", async () => {
  const parts = new HostLogsUnderTest();
  for (const second of [1000, 1005, 10, 15]) parts.scrape(second);
  await parts.hostLogs.flush();
  assert.equal((await parts.lines()).length, 4);
});

test("Lines are written after the longest wait, and none is pending after the stop", async () => {
  const parts = new HostLogsUnderTest();
  parts.hostLogs.start();
  parts.scrape(1);
  await parts.clock.advance(590_000);
  assert.deepEqual(await parts.lines(), []);
  await parts.clock.advance(40_000);
  assert.equal((await parts.lines()).length, 1);
  parts.scrape(2);
  await parts.hostLogs.stop();
  assert.equal((await parts.lines()).length, 2);
});

test("Each family is logged at its own samplings", async () => {
  const parts = new HostLogsUnderTest();
  const layout: Layout = {
    id: 2,
    series: [
      series(SAMPLED, { collector: "memory" }),
      series(SAMPLED, { collector: "disk" }),
      series("pihealth_disk_size_bytes", { disk: "mmcblk0" }),
      series("pihealth_filesystem_readonly", { mountpoint: "/", device: "mmcblk0p2" }),
      series("pihealth_filesystem_readonly", { mountpoint: "/boot", device: "mmcblk0p1" }),
      series(SAMPLED, { collector: "temperature" }),
    ],
  };
  for (const [memory, disk] of [
    [5, 60],
    [10, 60],
    [15, 120],
  ] as const) {
    parts.scrape(memory, "10.0.0.1", layout, Float64Array.of(memory, disk, GIB, 0, 0, 5));
  }
  await parts.hostLogs.flush();
  assert.equal((await parts.lines("memory")).length, 3);
  const disk = await parts.lines("disk");
  assert.equal(disk.length, 6, "two samplings of a disk and two file systems");
  assert.match(disk[0] ?? "", /^\S+ {2}0 {2}disk {2}1\.000GiB {2}/);
  assert.deepEqual(
    parts.files.paths().map((file) => file.split("/").at(-1)),
    ["disk.log", "memory.log"],
  );
});

test("A stale or absent series is a missing value, and a stale family has no line", async () => {
  const parts = new HostLogsUnderTest();
  const row = rowAt(1);
  setStaleAt(bitsOf(row), 2);
  setAbsentAt(bitsOf(row), 3);
  parts.scrape(1, "10.0.0.1", MEMORY, row);
  const ended = rowAt(2);
  setStaleAt(bitsOf(ended), 1);
  parts.scrape(2, "10.0.0.1", MEMORY, ended);
  await parts.hostLogs.flush();
  assert.deepEqual(await parts.lines(), [`${formatTime(1000)}  -  -  50.0%  50.0%`]);
});

test("Other exporters have no log", async () => {
  const parts = new HostLogsUnderTest();
  parts.scrape(1, "10.0.0.1", { id: 3, series: [series("node_load1")] }, Float64Array.of(1));
  await parts.hostLogs.flush();
  assert.deepEqual(parts.files.paths(), []);
});

test("With host logs switched off, only alarms are written", async () => {
  const parts = new HostLogsUnderTest({ isEnabled: false });
  parts.hostLogs.start();
  parts.scrape(1);
  await parts.hostLogs.writeAlarm("10.0.0.1", "hot");
  await parts.hostLogs.stop();
  assert.deepEqual(parts.files.paths(), ["/data/hosts/10.0.0.1/log/alarms.log"]);
});

test("An alarm is written at once, on one line whatever it contains", async () => {
  const parts = new HostLogsUnderTest();
  await parts.hostLogs.writeAlarm("10.0.0.1", "hot\nfake line\u001b[31m\u202e");
  assert.deepEqual(await parts.lines("alarms"), ["hot\\u{a}fake line\\u{1b}[31m\\u{202e}"]);
});

test("An alarm for an invalid host is refused", async () => {
  const parts = new HostLogsUnderTest();
  await assert.rejects(
    parts.hostLogs.writeAlarm("../../etc", "x"),
    /Cannot make a folder for host/,
  );
  assert.deepEqual(parts.files.paths(), []);
});

test("A full file is compressed under a name that sorts by age, and the oldest files are deleted", async () => {
  const parts = new HostLogsUnderTest({ linesPerWrite: 1, maxFileBytes: 1024, maxOldFiles: 3 });
  for (let second = 1; second <= 200; second++) {
    parts.scrape(second);
    await parts.hostLogs.flush();
    await parts.clock.advance(1000);
    if (second === 100) parts.clock.stepWall(-86_400_000);
  }
  const names = parts.files.paths().map((file) => file.split("/").at(-1) ?? "");
  const old = names.filter((name) => name.endsWith(".gz"));
  assert.equal(old.length, 3);
  assert.equal(names.length, 4);
  for (const name of old) assert.match(name, /^memory\.log\.\d{6}-\d{8}T\d{6}Z\.gz$/);
  const texts = await Promise.all(
    old.map(async (name) =>
      gunzipSync(await parts.files.readBytes(`/data/hosts/10.0.0.1/log/${name}`)).toString(),
    ),
  );
  const kept = [...texts.join("").split("\n").slice(0, -1), ...(await parts.lines())];
  const expected = Array.from({ length: 200 }, (_, index) => formatTime((index + 1) * 1000)).slice(
    -kept.length,
  );
  assert.deepEqual(
    kept.map((line) => line.split("  ")[0]),
    expected,
    "no line is missing or out of order",
  );
});

test("An interrupted compression is completed at the next rotation", async () => {
  const files = new MemoryFiles();
  files.put("/data/hosts/10.0.0.1/log/memory.log.000007-20260101T000000Z", "old\n");
  files.put("/data/hosts/10.0.0.1/log/memory.log.000007-20260101T000000Z.gz", "torn");
  const parts = new HostLogsUnderTest({ linesPerWrite: 1, maxFileBytes: 10 }, files);
  parts.scrape(1);
  await parts.hostLogs.flush();
  const names = files.paths().map((file) => file.split("/").at(-1) ?? "");
  assert.equal(names.length, 2);
  assert.match(names[1] ?? "", /^memory\.log\.000008-/);
  const old = await files.readBytes(
    "/data/hosts/10.0.0.1/log/memory.log.000007-20260101T000000Z.gz",
  );
  assert.equal(gunzipSync(old).toString(), "old\n");
});

test("The size of a file from an earlier run counts", async () => {
  const files = new MemoryFiles();
  files.put("/data/hosts/10.0.0.1/log/memory.log", "x".repeat(2000));
  const parts = new HostLogsUnderTest({ linesPerWrite: 1, maxFileBytes: 1024 }, files);
  parts.scrape(1);
  await parts.hostLogs.flush();
  assert.equal(files.paths().length, 1);
  assert.match(files.paths()[0] ?? "", /\.gz$/);
});

test("A full disk loses lines, counts them, and logging continues when there is space", async () => {
  const parts = new HostLogsUnderTest({ linesPerWrite: 1 });
  parts.files.roomBytes = 0;
  for (let second = 1; second <= 5; second++) {
    parts.scrape(second);
    await parts.hostLogs.flush();
  }
  assert.equal(parts.count("pihealth_host_log_lost_lines_total"), 5);
  assert.equal(parts.count("pihealth_host_log_failures_total"), 5);
  parts.files.roomBytes = Number.POSITIVE_INFINITY;
  parts.scrape(6);
  await parts.hostLogs.flush();
  assert.equal((await parts.lines()).length, 1);
  assert.equal(parts.count("pihealth_host_log_lines_total"), 1);
});

test("A line cut off by a full disk does not run into the next one", async () => {
  const parts = new HostLogsUnderTest({ linesPerWrite: 1 });
  parts.scrape(1);
  await parts.hostLogs.flush();
  parts.files.roomBytes = 5;
  parts.scrape(2);
  await parts.hostLogs.flush();
  parts.files.roomBytes = Number.POSITIVE_INFINITY;
  parts.scrape(3);
  await parts.hostLogs.flush();
  const lines = await parts.lines();
  assert.equal(lines.length, 3);
  assert.equal(lines[2], `${formatTime(3000)}  4.000GiB  2.000GiB  50.0%  50.0%`);
});

/** Logs on a disk of which every write keeps the whole program waiting. */
function onSlowDisk(waitMs: number): HostLogsUnderTest & { readonly files: SlowFiles } {
  const files = new SlowFiles();
  const parts = new HostLogsUnderTest({ linesPerWrite: 2 }, files);
  files.onWait = () => (parts.clock.waitedMs += waitMs);
  return Object.assign(parts, { files });
}

test("A disk that hangs costs a bounded number of lines in memory, once it is known to be slow", async () => {
  const parts = onSlowDisk(300);
  for (const second of [1, 2]) parts.scrape(second);
  await settle();
  assert.equal((await parts.lines()).length, 2);
  parts.files.appendUnsynced = () => new Promise(() => undefined);
  for (let second = 3; second <= 1000; second++) {
    parts.scrape(second);
    if (second % 100 === 0) await settle();
  }
  const held = 20;
  const hanging = 20;
  assert.equal(parts.count("pihealth_host_log_lost_lines_total"), 1000 - 2 - hanging - held);
  assert.equal(parts.clock.waitedMs, 300, "nobody waited for it again");
});

test("A disk that was slow is written to on this thread again after a while", async () => {
  const parts = onSlowDisk(300);
  for (const second of [1, 2]) parts.scrape(second);
  await settle();
  parts.files.appendUnsynced = () => Promise.reject(new Error("not in the background"));
  parts.clock.waitedMs += 10_000;
  for (const second of [3, 4]) parts.scrape(second);
  await settle();
  assert.equal((await parts.lines()).length, 4);
});

test("The stop does not wait for a disk that takes too long, and every line is counted", async () => {
  const parts = onSlowDisk(1000);
  for (let host = 1; host <= 100; host++) parts.scrape(1, `10.0.0.${host}`);
  await parts.hostLogs.stop();
  assert.equal(parts.count("pihealth_host_log_lines_total"), 10);
  assert.equal(parts.count("pihealth_host_log_lost_lines_total"), 90);
});

test("Other work gets its turn while the logs of many hosts are written", async () => {
  const parts = onSlowDisk(1);
  for (let host = 1; host <= 200; host++) parts.scrape(1, `10.0.0.${host}`);
  let turns = 0;
  let isDone = false;
  const done = parts.hostLogs.flush().then(() => (isDone = true));
  for (; !isDone; turns++) await new Promise((resolve) => setImmediate(resolve));
  await done;
  assert.equal(parts.count("pihealth_host_log_lines_total"), 200);
  assert.ok(turns >= 200 / 5, `${turns} turns`);
});

test("Lines for which no folder can be created are counted as lost, and logging continues later", async () => {
  const parts = new HostLogsUnderTest({ linesPerWrite: 1 });
  parts.files.fault = (operation) => (operation === "makeFolder" ? "ENOSPC" : undefined);
  for (let second = 1; second <= 3; second++) {
    parts.scrape(second);
    await parts.hostLogs.flush();
  }
  assert.equal(parts.count("pihealth_host_log_lost_lines_total"), 3);
  parts.files.fault = () => undefined;
  parts.scrape(4);
  await parts.hostLogs.flush();
  assert.equal((await parts.lines()).length, 1);
});

test("A file removed at run time is created again, and its size starts from zero", async () => {
  const parts = new HostLogsUnderTest({ linesPerWrite: 1, maxFileBytes: 1024 });
  for (let second = 1; second <= 60; second++) {
    parts.scrape(second);
    await parts.hostLogs.flush();
    await parts.files.remove("/data/hosts/10.0.0.1/log/memory.log");
  }
  assert.deepEqual(parts.files.paths(), []);
  assert.equal(parts.count("pihealth_host_log_lost_lines_total"), 0);
});

test("A folder deleted at run time is created again", async () => {
  const parts = new HostLogsUnderTest({ linesPerWrite: 1 });
  parts.scrape(1);
  await parts.hostLogs.flush();
  await parts.files.removeTree("/data/hosts/10.0.0.1");
  parts.scrape(2);
  await parts.hostLogs.flush();
  assert.equal((await parts.lines()).length, 1);
  assert.equal(parts.count("pihealth_host_log_lost_lines_total"), 0);
});

test("A host without samples for a day is forgotten, and logged again when it returns", async () => {
  const parts = new HostLogsUnderTest();
  parts.hostLogs.start();
  parts.scrape(1);
  await parts.clock.advance(2 * 86_400_000);
  parts.scrape(2);
  await parts.hostLogs.stop();
  assert.equal((await parts.lines()).length, 2);
});
