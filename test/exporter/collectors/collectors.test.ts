/**
 * What single collectors do over time and with bad input; what they find is in
 * recorded-machines.test.ts.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_COLLECTOR_SETTINGS } from "../../../exporter/collectors/collector-settings.js";
import { NoDataError } from "../../../exporter/collectors/collector.js";
import { createDiskCollector } from "../../../exporter/collectors/disk.js";
import { createMemoryCollector, parseMemoryInfo } from "../../../exporter/collectors/memory.js";
import { COLLECTORS } from "../../../exporter/collectors/registry.js";
import { createSystemCollector } from "../../../exporter/collectors/system.js";
import { createTemperatureCollector } from "../../../exporter/collectors/temperature.js";
import { createThrottlingCollector } from "../../../exporter/collectors/throttling.js";
import type { Collector } from "../../../exporter/collectors/collector.js";
import { FileSystems } from "../../../exporter/sources/file-systems.js";
import { BrokenSourceError } from "../../../exporter/sources/broken-source-error.js";
import type { FileTree } from "../../../exporter/sources/file-tree.js";
import type { Sources } from "../../../exporter/sources/sources.js";
import { SystemInformation } from "../../../exporter/sources/system-information.js";
import { FAMILIES } from "../../../exporter/shared/model/family.js";
import { isLegacyLabelName } from "../../../exporter/shared/model/labels.js";
import { FakeClock } from "../../support/fake-clock.js";
import { collectWith, createFixtureSources, formatSample } from "../machine-fixture.js";

const SETTINGS = DEFAULT_COLLECTOR_SETTINGS;

/** A recorded machine with some files replaced; `undefined` makes one unreadable. */
function withFiles(tree: FileTree, files: Record<string, string | undefined>): FileTree {
  return {
    ...tree,
    async readText(filePath) {
      if (!(filePath in files)) return tree.readText(filePath);
      const text = files[filePath];
      if (text === undefined) throw Object.assign(new Error("no"), { code: "EINVAL" });
      return text;
    },
  };
}

interface Recorded {
  readonly clock: FakeClock;
  readonly sources: Sources;
}

function recorded(machine: string): Recorded {
  const clock = new FakeClock();
  return { clock, sources: createFixtureSources(machine, clock) };
}

async function valuesOf(clock: FakeClock, collector: Collector, part: string): Promise<string[]> {
  const lines = (await collectWith(clock, collector)).map(formatSample);
  return lines.filter((line) => line.includes(part));
}

test("collectors have unique names and at least one metric with a valid name each", () => {
  const { sources } = recorded("pi-4");
  const names = COLLECTORS.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  assert.deepEqual(
    FAMILIES.filter((family) => !COLLECTORS.some((one) => one.family === family)),
    [],
  );
  for (const { name, create, defaultIntervalMs, deadlineMs } of COLLECTORS) {
    const collector = create(sources, SETTINGS);
    assert.equal(collector.name, name);
    assert.ok(deadlineMs < defaultIntervalMs, name);
    assert.ok(collector.metrics.length > 0, name);
    for (const metric of collector.metrics) {
      assert.match(metric.name, /^pihealth_[a-z0-9_]+$/);
      assert.match(metric.help, /^[A-Z0-9].*\.$/);
      assert.equal(metric.name.endsWith("_total"), metric.type === "counter", metric.name);
      assert.deepEqual(
        metric.labels.filter((label) => !isLegacyLabelName(label)),
        [],
      );
    }
  }
});

test("a metric of two collectors has one definition", () => {
  const { sources } = recorded("pi-4");
  const byName = new Map<string, object>();
  let shared = 0;
  for (const { create } of COLLECTORS) {
    for (const metric of create(sources, SETTINGS).metrics) {
      const known = byName.get(metric.name);
      if (known !== undefined) shared++;
      assert.ok((known ?? metric) === metric, metric.name);
      byName.set(metric.name, metric);
    }
  }
  assert.ok(shared > 0, "no metric is shared");
});

test("the dynamic average starts at the current value and then moves by seven tenths", async () => {
  const { clock, sources } = recorded("pi-4");
  let available = 50;
  const procfs: FileTree = {
    ...sources.procfs,
    readText: async () => `MemTotal: 100 kB\nMemFree: 1 kB\nMemAvailable: ${available} kB\n`,
  };
  const collector = createMemoryCollector({ ...sources, procfs }, SETTINGS);
  const averages: string[] = [];
  for (available of [50, 100, 0]) averages.push(...(await valuesOf(clock, collector, "average")));
  assert.deepEqual(
    averages.map((line) => Number(line.split(" ")[1]).toFixed(4)),
    ["0.5000", "0.1500", "0.7450"],
  );
});

for (const { percent, level } of [
  { percent: 69, level: 0 },
  { percent: 70, level: 1 },
  { percent: 79, level: 1 },
  { percent: 80, level: 2 },
  { percent: 100, level: 2 },
]) {
  test(`memory used to ${percent} % has level ${level}`, async () => {
    const { clock, sources } = recorded("pi-4");
    const meminfo = `MemTotal: 100 kB\nMemFree: 0 kB\nMemAvailable: ${100 - percent} kB\n`;
    const procfs = withFiles(sources.procfs, { meminfo });
    const collector = createMemoryCollector({ ...sources, procfs }, SETTINGS);
    assert.deepEqual(await valuesOf(clock, collector, "level"), [
      `pihealth_alarm_level{family="memory"} ${level}`,
    ]);
  });
}

test("an old kernel without an estimate of available memory gets one from its caches", () => {
  const old = "MemTotal: 100 kB\nMemFree: 10 kB\nBuffers: 5 kB\nCached: 30 kB\nShmem: 3 kB\n";
  assert.equal(parseMemoryInfo(old).available, 42 * 1024);
});

for (const text of ["", "MemTotal: 0 kB\nMemFree: 0 kB", "MemTotal: x kB", "MemTotal 5 kB"]) {
  test(`a broken /proc/meminfo is an error: ${JSON.stringify(text)}`, () => {
    assert.throws(() => parseMemoryInfo(text), BrokenSourceError);
  });
}

test("throttling bits that the firmware forgets stay seen since boot", async () => {
  const { clock, sources } = recorded("pi-4");
  let bits = "1";
  const sysfs: FileTree = { ...sources.sysfs, readText: async () => `${bits}\n` };
  const collector = createThrottlingCollector({ ...sources, sysfs });
  for (bits of ["1", "0"]) await collectWith(clock, collector);
  const lines = await valuesOf(clock, collector, "under_voltage");
  assert.deepEqual(lines, [
    'pihealth_throttling{reason="under_voltage"} 0',
    'pihealth_throttling_since_boot{reason="under_voltage"} 1',
  ]);
});

test("throttling that is no number is a broken read; without firmware there is no data", async () => {
  const pi = recorded("pi-4");
  const sysfs: FileTree = { ...pi.sources.sysfs, readText: async () => "error" };
  const broken = collectWith(pi.clock, createThrottlingCollector({ ...pi.sources, sysfs }));
  await assert.rejects(broken, BrokenSourceError);
  const pc = recorded("debian-x64");
  await assert.rejects(collectWith(pc.clock, createThrottlingCollector(pc.sources)), NoDataError);
});

test("the processor's sensor replaces a thermal zone that cannot be read", async () => {
  const { clock, sources } = recorded("pi-5");
  const sysfs = withFiles(sources.sysfs, { "class/thermal/thermal_zone0/temp": undefined });
  const collector = createTemperatureCollector({ ...sources, sysfs }, SETTINGS);
  assert.deepEqual(await valuesOf(clock, collector, "celsius"), [
    "pihealth_cpu_temperature_celsius 51.85",
  ]);
});

test("a dead file system is marked and affects only its own row", async () => {
  const { clock, sources } = recorded("pi-3");
  const settings = { ...SETTINGS, disk: { ...SETTINGS.disk, includesNetwork: true } };
  const room = { sizeBytes: 100, freeBytes: 50, availableBytes: 50, inodes: 0, freeInodes: 0 };
  const statfs = async (mountPoint: string): Promise<typeof room> =>
    mountPoint.startsWith("/mnt/nas") ? new Promise(() => undefined) : room;
  const collector = createDiskCollector(
    { ...sources, fileSystems: new FileSystems({ clock, statfs }) },
    settings,
  );
  for (let round = 0; round < 3; round++) {
    const stuck = await valuesOf(clock, collector, "filesystem_stuck");
    const dead = stuck.filter((line) => line.endsWith(" 1"));
    assert.equal(stuck.length, 5);
    assert.deepEqual(dead, [
      'pihealth_filesystem_stuck{device="nas:/export/files",mountpoint="/mnt/nas files",fstype="nfs4"} 1',
    ]);
  }
  assert.equal(clock.monotonicMs(), 2000, "only the first round waits");
});

test("systeminformation is queried once an hour for facts that no file contains", async () => {
  const { clock, sources } = recorded("debian-x64");
  let asked = 0;
  const systemInformation = new SystemInformation(clock, async () => {
    asked++;
    return {
      system: async () => ({ manufacturer: "ACME", model: "Box", serial: "-" }),
      osInfo: async () => ({ distro: "Debian", release: "12", arch: "x64" }),
    };
  });
  const collector = createSystemCollector({ ...sources, systemInformation });
  const info = async (): Promise<string> =>
    (await valuesOf(clock, collector, "system_info"))[0] ?? "";
  assert.match(await info(), /model="ACME Box",serial="",architecture="x86_64"/);
  await info();
  assert.equal(asked, 1);
  await clock.advance(3_600_000);
  await info();
  assert.equal(asked, 2);
});

test("a package that hangs or fails leaves its facts empty and delays nothing", async () => {
  const { clock, sources } = recorded("debian-x64");
  for (const load of [
    () => new Promise<never>(() => undefined),
    () => Promise.reject(new Error("no")),
  ]) {
    const systemInformation = new SystemInformation(clock, load);
    const collector = createSystemCollector({ ...sources, systemInformation });
    const [info = ""] = await valuesOf(clock, collector, "system_info");
    assert.match(info, /model="",serial=""/);
  }
});

for (const { name, create } of COLLECTORS) {
  test(`with garbage in every file, ${name} fails or finds nothing`, async () => {
    for (const text of [
      "",
      "\n",
      "\u0000".repeat(100),
      "x y z\n".repeat(50),
      ": : :\n",
      "-1 ".repeat(400),
    ]) {
      const { clock, sources } = recorded("pi-4");
      const rubbish = async (): Promise<string> => text;
      const collector = create(
        {
          ...sources,
          procfs: {
            ...sources.procfs,
            readText: rubbish,
            readBytes: async () => Buffer.from(text),
          },
          sysfs: { ...sources.sysfs, readText: rubbish },
          root: { ...sources.root, readText: rubbish },
        },
        SETTINGS,
      );
      try {
        const samples = await collectWith(clock, collector);
        assert.deepEqual(
          samples.filter(({ value }) => !Number.isFinite(value)),
          [],
          name,
        );
      } catch (error) {
        assert.ok(
          error instanceof BrokenSourceError || error instanceof NoDataError,
          String(error),
        );
      }
    }
  });
}
