import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import {
  decodeMember,
  encodeMember,
  memberLength,
  scanMembers,
} from "../../../exporter/shared/codec/history/gzip-member.js";
import { History, type HistoryParts } from "../../../exporter/history/history.js";
import {
  parseHistorySettings,
  type HistorySettings,
} from "../../../exporter/history/history-settings.js";
import {
  formatSegmentName,
  parseSegmentName,
} from "../../../exporter/shared/codec/history/segment-name.js";
import { ConfigSection } from "../../../exporter/shared/config/config-section.js";
import { gauge } from "../../../exporter/shared/model/metric.js";
import { silentLogger } from "../../../exporter/shared/platform/logger.js";
import { assertEvery } from "../../support/assert-every.js";
import { FakeClock } from "../../support/fake-clock.js";
import { MemoryFiles } from "../../support/memory-files.js";
import { valueOf, valuesOf } from "../../support/metric-values.js";

const FOLDER = "/state/history";
const BOOT_ID = "0aa6a5fb-23fd-4ee4-8b5f-63f4cd2bd9f2";
const RATIO = gauge({ name: "pihealth_memory_used_ratio", help: "Ratio." });
const HOSTILE = gauge({ name: "pihealth_hostile", help: "Hostile.", labels: ["comm"] });
const DEFAULTS = parseHistorySettings(ConfigSection.parse("", "exporter.yml"));

interface Bench {
  readonly clock: FakeClock;
  readonly files: MemoryFiles;
  readonly history: History;
}

async function openHistory(options: {
  files?: MemoryFiles;
  clock?: FakeClock;
  settings?: Partial<HistorySettings>;
  masters?: readonly string[];
  bootId?: string;
  /** Of the monotonic clock, when the machine was switched on. */
  bootedMs?: number;
}): Promise<Bench> {
  const {
    clock = new FakeClock(),
    files = new MemoryFiles(),
    bootId = BOOT_ID,
    bootedMs = 0,
  } = options;
  files.put("/state/.keep", "");
  const settings = { ...DEFAULTS, ...options.settings };
  const parts: HistoryParts = {
    folder: FOLDER,
    files,
    clock,
    bootMs: () => clock.monotonicMs() - bootedMs,
    bootId,
    log: silentLogger,
    settings,
  };
  const history = await History.open(parts);
  history.start(options.masters ?? []);
  return { clock, files, history };
}

/** One memory sampling every 5 s. */
async function sample({ clock, history }: Bench, count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    history.receive({
      collector: "memory",
      wallMs: clock.wallMs(),
      monotonicMs: clock.monotonicMs(),
      samples: [RATIO.sample(index / 1000)],
    });
    await clock.advance(5000);
  }
}

const segmentPaths = (files: MemoryFiles): string[] =>
  files.paths().filter((name) => name.endsWith(".prom.gz"));
const textOf = async (files: MemoryFiles, name: string): Promise<string> =>
  gunzipSync(await files.readBytes(name)).toString("utf8");

test("ten samplings become one gzip member with both clocks, which zcat reads", async () => {
  const bench = await openHistory({});
  await sample(bench, 10);
  const [name = ""] = segmentPaths(bench.files);
  const bytes = await bench.files.readBytes(name);
  assert.equal(memberLength(bytes), bytes.length);
  const lines = (await textOf(bench.files, name)).split("\n");
  assert.equal(
    lines[0],
    `# pihealth-history v1 boot_id=${BOOT_ID} monotonic_ms=0 wall_ms=1768230000000`,
  );
  assert.deepEqual(lines.slice(1, 3), [
    "pihealth_memory_used_ratio 0 1768230000000",
    "pihealth_memory_used_ratio 0.001 1768230005000",
  ]);
  assert.equal(lines.length, 12);
  await bench.history.stop();
});

test("label values cannot break a line", async () => {
  const bench = await openHistory({ clock: new FakeClock(5) });
  const samples = [HOSTILE.sample(Number.NaN, { comm: 'a"\n\\b' })];
  bench.history.receive({ collector: "processes", wallMs: 5, monotonicMs: 0, samples });
  await bench.history.stop();
  const text = await textOf(bench.files, segmentPaths(bench.files)[0] ?? "");
  assert.equal(text.split("\n")[1], 'pihealth_hostile{comm="a\\"\\n\\\\b"} NaN 5');
});

test("a step of the wall clock ends the member, so that each member has one clock line", async () => {
  const bench = await openHistory({ clock: new FakeClock(1000) });
  await sample(bench, 2);
  bench.clock.stepWall(1_700_000_000_000);
  await sample(bench, 2);
  await bench.history.stop();
  const { texts } = scanMembers(await bench.files.readBytes(segmentPaths(bench.files)[0] ?? ""));
  assert.deepEqual(
    texts.map((text) => text.split("\n")[0]),
    [
      `# pihealth-history v1 boot_id=${BOOT_ID} monotonic_ms=0 wall_ms=1000`,
      `# pihealth-history v1 boot_id=${BOOT_ID} monotonic_ms=10000 wall_ms=1700000011000`,
    ],
  );
});

test("a segment is closed after its time, and names sort in the order of writing", async () => {
  const bench = await openHistory({ settings: { segmentMs: 120_000 } });
  await sample(bench, 100);
  await bench.history.stop();
  const names = segmentPaths(bench.files).map((name) => name.slice(FOLDER.length + 1));
  assert.ok(names.length >= 3, names.join());
  assert.deepEqual(
    names.map((name) => parseSegmentName(name)?.sequence),
    names.map((_, index) => index + 1),
  );
  const listed = await bench.history.list();
  assert.deepEqual(
    listed.map(({ name }) => name),
    names,
  );
  assertEvery(
    listed,
    ({ fromMs, lastMs }, index) => fromMs <= lastMs && fromMs > (listed[index - 1]?.lastMs ?? 0),
  );
});

for (const cut of [1, 5, 20, 21, 40]) {
  test(`a tail torn ${cut} bytes before its end is cut off at start, and the members before it are kept`, async () => {
    const bench = await openHistory({});
    await sample(bench, 20);
    await bench.history.stop();
    const [name = ""] = segmentPaths(bench.files);
    const whole = await bench.files.readBytes(name);
    const members = scanMembers(whole).texts.length;
    const torn = new MemoryFiles();
    torn.put(name, whole.subarray(0, whole.length - cut));
    const again = await openHistory({ files: torn });
    assert.equal(
      scanMembers(await torn.readBytes(name)).wholeBytes,
      (await torn.readBytes(name)).length,
    );
    assert.equal(scanMembers(await torn.readBytes(name)).texts.length, members - 1);
    await sample(again, 1);
    await again.history.stop();
    assert.equal(segmentPaths(torn).length, 2, "a new run begins a new segment");
  });
}

test("a segment of garbage is set aside and reported, and the others are served", async () => {
  const files = new MemoryFiles();
  files.put(`${FOLDER}/${formatSegmentName({ sequence: 1, startMs: 5 })}`, "rubbish");
  files.put(
    `${FOLDER}/${formatSegmentName({ sequence: 2, startMs: 6 })}`,
    encodeMember(`# pihealth-history v1 boot_id=${BOOT_ID} monotonic_ms=0 wall_ms=6\nx 1 6\n`),
  );
  const { history } = await openHistory({ files });
  assert.deepEqual(
    (await history.list()).map(({ fromMs }) => fromMs),
    [6],
  );
  assert.ok(files.paths().some((name) => name.endsWith(".damaged")));
  await history.stop();
});

test("a segment is deleted when every master has confirmed it, never before", async () => {
  const bench = await openHistory({
    settings: { segmentMs: 60_000 },
    masters: ["http://a", "http://b"],
  });
  await sample(bench, 60);
  const before = await bench.history.list();
  const [first, second] = before;
  bench.history.confirm("http://a", bench.clock.wallMs());
  bench.history.confirm("http://stranger", bench.clock.wallMs());
  assert.equal((await bench.history.list()).length, before.length);
  bench.history.confirm("http://b", (first?.lastMs ?? 0) + 1);
  assert.deepEqual((await bench.history.list())[0]?.name, second?.name);
  await bench.history.stop();
});

test("the size limit drops the oldest segment and counts it", async () => {
  const bench = await openHistory({
    settings: { segmentMs: 60_000, segmentBytes: 100, totalBytes: 1000 },
  });
  await sample(bench, 200);
  await bench.history.stop();
  const sizes = (await bench.history.list()).reduce((sum, { bytes }) => sum + bytes, 0);
  assert.ok(sizes <= 1000, `${sizes}`);
  const dropped = valueOf(bench.history, "pihealth_history_dropped_segments_total");
  assert.ok((dropped ?? 0) > 0);
});

const DAY_MS = 86_400_000;

test("segments older than the time limit are dropped, by the clock that cannot be set", async () => {
  const bench = await openHistory({ settings: { segmentMs: 60_000 }, masters: ["http://a"] });
  await sample(bench, 120);
  const before = segmentPaths(bench.files).slice(0, -1);
  assert.ok(before.length > 1);
  await bench.clock.advance(DEFAULTS.maxAgeMs + 3_600_000);
  await sample(bench, 30);
  const after = segmentPaths(bench.files);
  assert.deepEqual(
    before.filter((name) => after.includes(name)),
    [],
  );
  assert.ok(valueOf(bench.history, "pihealth_history_dropped_segments_total", { limit: "time" }));
  await bench.history.stop();
});

for (const { name, offsetsMs } of [
  { name: "180 days behind, then right", offsetsMs: [-180 * DAY_MS, 0] },
  { name: "1970 in two boots, then right", offsetsMs: [-1.7e12, -1.7e12, 0] },
  { name: "10 years ahead, then right", offsetsMs: [3650 * DAY_MS, 0] },
  { name: "right, then 10 years ahead", offsetsMs: [0, 3650 * DAY_MS] },
  { name: "every boot somewhere else", offsetsMs: [-1e12, 1e11, -1e11, 0] },
]) {
  test(`an age that a wrong clock made deletes nothing that a master lacks: ${name}`, async () => {
    let bench = await openHistory({ settings: { segmentMs: 60_000 }, masters: ["http://a"] });
    let offsetMs = 0;
    await sample(bench, 30);
    const recorded = new Set(segmentPaths(bench.files));
    for (const [index, nextMs] of offsetsMs.entries()) {
      await bench.history.stop(); // A power cut; the samples in memory are another matter.
      const { clock, files } = bench;
      await clock.advance(60_000);
      clock.stepWall(nextMs - offsetMs);
      offsetMs = nextMs;
      bench = await openHistory({
        ...{ clock, files, settings: { segmentMs: 60_000 }, masters: ["http://a"] },
        ...{ bootId: BOOT_ID.replace(/^../, `b${index}`), bootedMs: clock.monotonicMs() },
      });
      await sample(bench, 30);
      for (const path of segmentPaths(files)) recorded.add(path);
    }
    bench.clock.stepWall(-offsetMs);
    await sample(bench, 30);
    const kept = segmentPaths(bench.files);
    assert.deepEqual(
      [...recorded].filter((path) => !kept.includes(path)),
      [],
    );
    await bench.history.stop();
  });
}

test("while the disk is full, samples are buffered and written afterwards", async () => {
  const bench = await openHistory({});
  bench.files.roomBytes = 0;
  await sample(bench, 30);
  bench.files.roomBytes = Number.POSITIVE_INFINITY;
  await sample(bench, 10);
  await bench.history.stop();
  const text = await textOf(bench.files, segmentPaths(bench.files)[0] ?? "");
  assert.equal(
    text.split("\n").filter((line) => line.startsWith("pihealth_memory_used_ratio")).length,
    40,
  );
});

test("at most one fsync a minute", async () => {
  const bench = await openHistory({ settings: { samplingsPerFlush: 1 } });
  const syncsMs: number[] = [];
  bench.files.fault = (operation, filePath) => {
    if (operation === "sync" && filePath.endsWith(".gz")) syncsMs.push(bench.clock.monotonicMs());
    return undefined;
  };
  await sample(bench, 120);
  assert.ok(syncsMs.length >= 9, `${syncsMs.length} in ten minutes`);
  for (const [index, atMs] of syncsMs.entries()) {
    assert.ok(index === 0 || atMs - (syncsMs[index - 1] ?? 0) >= 60_000, syncsMs.join());
  }
  await bench.history.stop();
});

test("closed segments move to the backup folder", async () => {
  const bench = await openHistory({ settings: { segmentMs: 60_000, backupFolder: "/backup" } });
  await sample(bench, 80);
  await bench.history.stop();
  assert.deepEqual(
    segmentPaths(bench.files).filter((name) => name.startsWith(FOLDER)),
    [],
  );
  assert.ok((await bench.history.list()).length >= 3);
});

test("a flipped bit in a member is found, or changes nothing (the padding after the last deflate bit)", () => {
  const content = "# pihealth-history v1\nx 1 1\n";
  const member = encodeMember(content);
  let found = 0;
  for (let bit = 0; bit < member.length * 8; bit++) {
    const damaged = Buffer.from(member);
    damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
    const text = decodeMember(damaged);
    if (text === undefined) found++;
    else assert.equal(text, content, `bit ${bit}`);
  }
  assert.ok(found >= member.length * 8 - 7, `${found}`);
});

/** Values of the series in all segments, in the order of the folder. */
async function keptValues(files: MemoryFiles): Promise<number[]> {
  const values: number[] = [];
  for (const name of segmentPaths(files)) {
    for (const text of scanMembers(await files.readBytes(name)).texts) {
      for (const [, value] of text.matchAll(/^pihealth_memory_used_ratio (\S+) /gm)) {
        values.push(Number(value));
      }
    }
  }
  return values;
}

test("power cut after every byte of a flush: synced members are kept, nothing is duplicated, the start succeeds", async () => {
  const bench = await openHistory({});
  await sample(bench, 40);
  const all = await keptValues(bench.files);
  const [name = ""] = segmentPaths(bench.files);
  const written = (await bench.files.readBytes(name)).length;
  const durable = (await bench.files.afterPowerCut(0).readBytes(name)).length;
  assert.ok(durable > 0 && durable < written, `${durable} of ${written}`);
  const synced = (await keptValues(bench.files.afterPowerCut(0))).length;
  for (let unsynced = 0; unsynced <= written - durable; unsynced++) {
    const files = bench.files.afterPowerCut(unsynced);
    const again = await openHistory({ files });
    const kept = await keptValues(files);
    assert.ok(kept.length >= synced, `${kept.length} after ${unsynced}`);
    assert.deepEqual(kept, all.slice(0, kept.length));
    await again.history.stop();
  }
  await bench.history.stop();
});

for (const at of [25, 200, 400]) {
  test(`damage at byte ${at} inside a segment: the rest is served, the original is set aside`, async () => {
    const bench = await openHistory({});
    await sample(bench, 40);
    await bench.history.stop();
    const [name = ""] = segmentPaths(bench.files);
    const bytes = Buffer.from(await bench.files.readBytes(name));
    const whole = scanMembers(bytes).texts.length;
    bytes[at] = (bytes[at] as number) ^ 0xff;
    const files = new MemoryFiles();
    files.put(name, bytes);
    files.put(`${FOLDER}/${formatSegmentName({ sequence: 2, startMs: 5 })}`, "");
    const again = await openHistory({ files });
    const [listed] = await again.history.list();
    const kept = Buffer.from(await files.readBytes(name));
    assert.equal(listed?.bytes, kept.length);
    assert.equal(listed?.sha256, createHash("sha256").update(kept).digest("hex"));
    assert.equal(scanMembers(kept).texts.length, whole - 1);
    assert.ok(files.paths().includes(`${name}.damaged`));
    assert.equal(valueOf(again.history, "pihealth_history_damaged_segments_total"), 1);
    await again.history.stop();
  });
}

for (const code of ["EROFS", "EACCES", "EIO"]) {
  test(`with every write refused (${code}) it starts, counts, and serves existing segments`, async () => {
    const before = await openHistory({});
    await sample(before, 10);
    await before.history.stop();
    const files = before.files.afterPowerCut();
    files.fault = (operation) => (["read", "list"].includes(operation) ? undefined : code);
    const bench = await openHistory({ files });
    await sample(bench, 30);
    assert.equal((await bench.history.list()).length, 1);
    assert.ok((valueOf(bench.history, "pihealth_history_write_errors_total") ?? 0) > 0);
    await bench.history.stop();
  });
}

test("a state folder that is lost at run time is created again, and recording continues", async () => {
  const bench = await openHistory({});
  await sample(bench, 20);
  await bench.files.removeTree("/state");
  await sample(bench, 60);
  await bench.history.stop();
  const values = await keptValues(bench.files);
  assert.ok(values.length >= 40, `${values.length}`);
});

test("a full disk for an hour loses only samples beyond the bound, which are counted", async () => {
  const bench = await openHistory({});
  bench.files.roomBytes = 10;
  await sample(bench, 800);
  bench.files.roomBytes = Number.POSITIVE_INFINITY;
  await sample(bench, 40);
  await bench.history.stop();
  const dropped = valueOf(bench.history, "pihealth_history_dropped_samples_total") ?? 0;
  assert.equal((await keptValues(bench.files)).length, 840 - dropped);
  assert.ok(dropped > 0 && dropped < 300, `${dropped}`);
});

test("samples from before the clock was set are not mistaken for old samples that a master has", async () => {
  const bench = await openHistory({
    clock: new FakeClock(1000),
    settings: { segmentMs: 60_000 },
    masters: ["http://a"],
  });
  await sample(bench, 60);
  bench.clock.stepWall(1_700_000_000_000);
  await sample(bench, 60);
  const before = (await bench.history.list()).length;
  bench.history.confirm("http://a", 1_700_000_000_000);
  assert.equal((await bench.history.list()).length, before);
  bench.history.confirm("http://a", bench.clock.wallMs());
  assert.ok((await bench.history.list()).length < before);
  await bench.history.stop();
});

for (const { name, earlierMs } of [
  { name: "1970", earlierMs: 1000 },
  { name: "where the boot before had ended", earlierMs: 1_699_000_000_000 },
]) {
  test(`a segment of an earlier boot whose clock stood at ${name} is deleted when a master has everything from before this boot`, async () => {
    const before = await openHistory({
      clock: new FakeClock(earlierMs),
      settings: { segmentMs: 60_000 },
    });
    await sample(before, 60);
    await before.history.stop();
    const { clock, files } = before;
    clock.stepWall(1_700_000_000_000 - clock.wallMs());
    const bootedMs = clock.monotonicMs();
    const bootId = BOOT_ID.replace("0", "1");
    const now = await openHistory({
      clock,
      files,
      bootId,
      bootedMs,
      settings: { segmentMs: 60_000 },
      masters: ["http://a"],
    });
    await sample(now, 60);
    const count = (await now.history.list()).length;
    now.history.confirm("http://a", 1_700_000_000_000 - 1);
    assert.equal((await now.history.list()).length, count);
    now.history.confirm("http://a", clock.wallMs());
    assert.equal((await now.history.list())[0]?.bootId, bootId);
    await now.history.stop();
  });
}

test("every step of the clock is counted with its size, and drift is not a step", async () => {
  const bench = await openHistory({ clock: new FakeClock(1000) });
  const shown = (name: string): number[] => valuesOf(bench.history, name);
  await sample(bench, 3);
  bench.clock.stepWall(1_700_000_000_000);
  await sample(bench, 3);
  assert.deepEqual(shown("pihealth_clock_last_step_seconds"), [1_700_000_000]);
  bench.clock.stepWall(-3_600_000);
  await sample(bench, 1);
  for (let index = 0; index < 20; index++) {
    bench.clock.stepWall(100);
    await sample(bench, 1);
  }
  assert.deepEqual(shown("pihealth_clock_steps_total"), [2]);
  assert.deepEqual(shown("pihealth_clock_step_seconds_total"), [1_700_000_000, 3600]);
  assert.deepEqual(shown("pihealth_clock_last_step_seconds"), [-3600]);
  await bench.history.stop();
});

test("without masters, no segment is deleted by confirmations", async () => {
  const bench = await openHistory({ settings: { segmentMs: 60_000 } });
  await sample(bench, 60);
  const before = (await bench.history.list()).length;
  bench.history.confirm("http://a", Number.MAX_SAFE_INTEGER);
  assert.equal((await bench.history.list()).length, before);
  await bench.history.stop();
});
