import assert from "node:assert/strict";
import { test } from "node:test";
import {
  DEFAULT_COLLECTOR_SETTINGS,
  type CollectorSettings,
} from "../../../exporter/collectors/collector-settings.js";
import { createProcessesCollector } from "../../../exporter/collectors/processes.js";
import type { FileTree } from "../../../exporter/sources/file-tree.js";
import { FakeClock } from "../../support/fake-clock.js";
import { collectWith, createFixtureSources, formatSample } from "../machine-fixture.js";

/** A process as a function of time: what its stat file says, or undefined once it is gone. */
type Script = (atMs: number) => { ticks: number; start?: number; pages?: number } | undefined;

interface Scripted {
  readonly comm?: string;
  /** Arguments of the command line; none as for a kernel thread. */
  readonly argv?: readonly string[];
  readonly script: Script;
}

const MEMORY_PAGES = 1000;
const MEMINFO = `MemTotal: ${MEMORY_PAGES * 4} kB\nMemFree: 10 kB\nMemAvailable: 20 kB\n`;

function scriptedProcfs(clock: FakeClock, processes: Record<string, Scripted>): FileTree {
  const gone = (): never => {
    throw Object.assign(new Error("no such process"), { code: "ESRCH" });
  };
  return {
    async readText(filePath) {
      if (filePath === "meminfo") return MEMINFO;
      const [pid = "", file] = filePath.split("/");
      const found = processes[pid];
      const now = found?.script(clock.monotonicMs()) ?? gone();
      if (file === "status") return "Name:\tx\nUid:\t1000\t1000\t1000\t1000\n";
      if (file === "cmdline") return (found?.argv ?? []).map((part) => `${part}\0`).join("");
      const zeros = "0 ".repeat(9);
      const { ticks, start = 7, pages = 1 } = now;
      const rest = `0 0 0 20 0 1 0 ${start} 99 ${pages} 0`;
      return `${pid} (${found?.comm ?? "worker"}) R 1 ${zeros}${ticks} ${rest}\n`;
    },
    readBytes: async () => gone(),
    exists: async () => true,
    list: async () => Object.keys(processes),
  };
}

async function collect(
  processes: Record<string, Scripted>,
  settings: Partial<CollectorSettings["processes"]> = {},
): Promise<string[]> {
  const clock = new FakeClock();
  const procfs = scriptedProcfs(clock, processes);
  const sources = { ...createFixtureSources("pi-zero-2w", clock), procfs };
  const merged = {
    ...DEFAULT_COLLECTOR_SETTINGS,
    processes: { ...DEFAULT_COLLECTOR_SETTINGS.processes, ...settings },
  };
  const samples = await collectWith(clock, createProcessesCollector(sources, merged));
  return samples.map(formatSample);
}

/** Ticks of a process that uses `ratio` of a processor from one time to another. */
const busy = (ratio: number, fromMs: number, untilMs: number): Script => {
  return (atMs) => ({
    ticks: Math.floor((Math.max(0, Math.min(atMs, untilMs) - fromMs) / 10) * ratio),
  });
};

const FOREVER = 1e9;
for (const { name, script, malicious } of [
  { name: "half a processor all the time", script: busy(0.5, 0, FOREVER), malicious: true },
  { name: "a little under half", script: busy(0.48, 0, FOREVER), malicious: false },
  { name: "four processors for 4.9 s", script: busy(4, 0, 4900), malicious: false },
  {
    name: "four processors for 4.9 s from within the first look",
    script: busy(4, 490, 5390),
    malicious: false,
  },
  { name: "idle at first, busy later", script: busy(1, 1000, FOREVER), malicious: false },
  {
    name: "busy at both looks, idle between",
    script: both(busy(1, 0, 500), busy(1, 5500, FOREVER)),
    malicious: true,
  },
  { name: "half of memory", script: () => ({ ticks: 0, pages: 500 }), malicious: true },
  {
    name: "a little under half of memory",
    script: () => ({ ticks: 0, pages: 499 }),
    malicious: false,
  },
  {
    name: "memory given back before the second look",
    script: (atMs: number) => ({ ticks: 0, pages: atMs < 5000 ? 900 : 10 }),
    malicious: false,
  },
  {
    name: "another process with the same pid at the second look",
    script: (atMs: number) => ({ ticks: Math.floor(atMs / 10), start: atMs < 3000 ? 7 : 8 }),
    malicious: false,
  },
  {
    name: "gone before the second look",
    script: (atMs: number) => (atMs < 5000 ? { ticks: Math.floor(atMs / 10) } : undefined),
    malicious: false,
  },
  {
    name: "gone within the first look",
    script: (atMs: number) => (atMs < 400 ? { ticks: 0, pages: 900 } : undefined),
    malicious: false,
  },
]) {
  test(`a process is malicious only when two looks 5 s apart see it: ${name}`, async () => {
    const lines = await collect({ "42": { script } });
    const count = lines.find((line) => line.startsWith("pihealth_malicious_processes "));
    assert.equal(count, `pihealth_malicious_processes ${malicious ? 1 : 0}`);
    const shown = lines.filter((line) => line.startsWith("pihealth_malicious_process_"));
    assert.equal(shown.length, malicious ? 2 : 0);
  });
}

function both(first: Script, second: Script): Script {
  return (atMs) => ({ ticks: (first(atMs)?.ticks ?? 0) + (second(atMs)?.ticks ?? 0) });
}

const SPINNING = busy(1, 0, FOREVER);
const THREAD_OF_NODE = { comm: "MainThread", argv: ["/usr/bin/node", "/srv/shop/server.js"] };

for (const { quietNames, ignored } of [
  { quietNames: ["chromium*"], ignored: ["41"] },
  { quietNames: ["node"], ignored: ["42"] },
  { quietNames: ["server.js"], ignored: ["42"] },
  { quietNames: ["node server.*"], ignored: ["42"] },
  { quietNames: ["MainThread", "chromium-browser"], ignored: ["41", "42"] },
  { quietNames: ["shop"], ignored: [] },
]) {
  test(`a process on the default ignore list stays a fact and is marked: ${quietNames.join(", ")}`, async () => {
    const processes = {
      "41": { comm: "chromium-browse", argv: ["/usr/bin/chromium-browser"], script: SPINNING },
      "42": { ...THREAD_OF_NODE, script: SPINNING },
    };
    const lines = await collect(processes, { quietNames });
    assert.ok(lines.includes("pihealth_malicious_processes 2"));
    const pids = (metric: string): (string | undefined)[] =>
      lines
        .filter((line) => line.startsWith(`pihealth_malicious_process_${metric}{`))
        .map((line) => /pid="(\d+)"/.exec(line)?.[1])
        .sort();
    assert.deepEqual(pids("cpu_ratio"), ["41", "42"]);
    assert.deepEqual(pids("ignored"), ignored);
  });
}

test("a process on a configured ignore list is never malicious, by comm or by name", async () => {
  for (const ignoredNames of [["Main*"], ["server.js"], ["node server.js"]]) {
    const processes = { "42": { ...THREAD_OF_NODE, script: SPINNING } };
    const lines = await collect(processes, { ignoredNames, quietNames: [] });
    assert.ok(lines.includes("pihealth_malicious_processes 0"), ignoredNames.join());
  }
});

test("package managers, compilers and backup tools are on the default ignore list", async () => {
  for (const comm of [
    "apt-get",
    "dpkg-deb",
    "unattended-upgr",
    "cc1plus",
    "rustc",
    "borg",
    "rsync",
  ]) {
    const lines = await collect({ "42": { comm, script: SPINNING } });
    assert.ok(
      lines.some((line) => line.startsWith("pihealth_malicious_process_ignored{")),
      comm,
    );
  }
  const lines = await collect({ "42": { comm: "xmrig", script: SPINNING } });
  assert.ok(!lines.some((line) => line.startsWith("pihealth_malicious_process_ignored{")));
});

test("ignored processes do not hide others when more are malicious than are shown", async () => {
  const compilers = Object.fromEntries(
    Array.from({ length: 40 }, (_, index) => [
      String(100 + index),
      { comm: "cc1plus", script: busy(3, 0, FOREVER) },
    ]),
  );
  const lines = await collect({ ...compilers, "42": { comm: "xmrig", script: SPINNING } });
  assert.ok(lines.some((line) => line.startsWith('pihealth_malicious_process_cpu_ratio{pid="42"')));
});

test("processes have the name that a person knows, and keep their comm", async () => {
  const lines = await collect({ "42": { ...THREAD_OF_NODE, script: SPINNING } });
  const labels = '{pid="42",comm="MainThread",name="node server.js",user="pi"}';
  for (const metric of ["malicious_process_cpu_ratio", "top_process_cpu_ratio"]) {
    assert.ok(lines.includes(`pihealth_${metric}${labels} 1`), lines.join("\n"));
  }
});

test("the command line of a process is read once, and never of one that is blocked", async () => {
  const clock = new FakeClock();
  const scripted = scriptedProcfs(clock, { "42": { ...THREAD_OF_NODE, script: SPINNING } });
  let state = "D";
  let reads = 0;
  const readText = async (filePath: string): Promise<string> => {
    if (filePath.endsWith("/cmdline")) reads++;
    return (await scripted.readText(filePath)).replace(") R ", `) ${state} `);
  };
  const procfs = { ...scripted, readText };
  const sources = { ...createFixtureSources("pi-zero-2w", clock), procfs };
  const collector = createProcessesCollector(sources, DEFAULT_COLLECTOR_SETTINGS);
  await collectWith(clock, collector);
  assert.equal(reads, 0);
  state = "R";
  for (let round = 0; round < 3; round++) await collectWith(clock, collector);
  assert.equal(reads, 1);
});

test("without a suspect there is no second look", async () => {
  const clock = new FakeClock();
  const sources = createFixtureSources("pi-zero-2w", clock);
  await collectWith(clock, createProcessesCollector(sources, DEFAULT_COLLECTOR_SETTINGS));
  assert.equal(clock.monotonicMs(), 500);
});

for (const comm of ["a) R 1 (b", ") ", "(((", "line\nfeed", "\ufffd\ufffd", "", "x S 0 0 0"]) {
  test(`a hostile name is read unchanged: ${JSON.stringify(comm)}`, async () => {
    const lines = await collect({ "42": { comm, script: busy(1, 0, FOREVER) } });
    const name = JSON.stringify(comm);
    const labels = `{pid="42",comm=${name},name=${name},user="pi"}`;
    assert.ok(lines.includes(`pihealth_malicious_process_cpu_ratio${labels} 1`), lines.join("\n"));
  });
}

test("two hundred malicious processes are counted, a hundred are shown, the rest is left out", async () => {
  const pids = Array.from({ length: 200 }, (_, index) => String(100 + index));
  const hog: Scripted = { script: busy(1, 0, FOREVER) };
  const lines = await collect(Object.fromEntries(pids.map((pid) => [pid, hog])));
  assert.ok(lines.includes("pihealth_malicious_processes 200"));
  const shown = lines.filter((line) => line.startsWith("pihealth_malicious_process_cpu_ratio"));
  assert.equal(shown.length, 100);
  const leftOut = lines.filter((line) => line.startsWith("pihealth_collector_rows_left_out"));
  assert.deepEqual(leftOut, [
    'pihealth_collector_rows_left_out{collector="processes",kind="malicious_process"} 100',
  ]);
});

for (const { name, listed, readable } of [
  { name: "hidepid=2", listed: ["50"], readable: ["50"] },
  { name: "hidepid=1", listed: ["1", "50"], readable: ["50"] },
]) {
  test(`processes of other users that are hidden fail the collector: ${name}`, async () => {
    const clock = new FakeClock();
    const worker: Scripted = { script: () => ({ ticks: 0 }) };
    const procfs: FileTree = {
      ...scriptedProcfs(clock, Object.fromEntries(readable.map((pid) => [pid, worker]))),
      list: async () => listed,
      exists: async (pid) => listed.includes(pid),
    };
    const sources = { ...createFixtureSources("pi-zero-2w", clock), procfs };
    const collector = createProcessesCollector(sources, DEFAULT_COLLECTOR_SETTINGS);
    await assert.rejects(collectWith(clock, collector), /process 1 is not visible/);
  });
}

test("at most the configured number of top processes is shown, the busiest first, without idle ones", async () => {
  const processes = Object.fromEntries(
    [0.3, 0.1, 0.4, 0, 0.2].map((ratio, index) => [
      String(index + 1),
      { script: busy(ratio, 0, FOREVER) },
    ]),
  );
  const top = async (topCount: number): Promise<string[]> => {
    const lines = await collect(processes, { topCount });
    return lines.flatMap((line) => /top_process_cpu_ratio\{pid="(\d)"/.exec(line)?.[1] ?? []);
  };
  assert.deepEqual(await top(3), ["3", "1", "5"]);
  assert.deepEqual(await top(20), ["3", "1", "5", "2"]);
  assert.deepEqual(await top(0), []);
});

test("top processes are measured over the time since the last collection", async () => {
  const clock = new FakeClock();
  const procfs = scriptedProcfs(clock, { "42": { script: busy(0.2, 500, 20_500) } });
  const sources = { ...createFixtureSources("pi-zero-2w", clock), procfs };
  const collector = createProcessesCollector(sources, DEFAULT_COLLECTOR_SETTINGS);
  const topRatio = async (): Promise<number | undefined> =>
    (await collectWith(clock, collector)).find(({ metric }) =>
      metric.name.includes("top_process_cpu"),
    )?.value;
  assert.equal(await topRatio(), undefined);
  await clock.advance(39_500); // 4 s of work within 40 s.
  assert.equal(await topRatio(), 0.1);
});

test("a collection that is aborted between the looks ends at once", async () => {
  const clock = new FakeClock();
  const procfs = scriptedProcfs(clock, { "42": { script: busy(1, 0, FOREVER) } });
  const sources = { ...createFixtureSources("pi-zero-2w", clock), procfs };
  const abort = new AbortController();
  const collected = createProcessesCollector(sources, DEFAULT_COLLECTOR_SETTINGS).collect(
    abort.signal,
  );
  await clock.advance(1000);
  abort.abort(new Error("deadline"));
  await assert.rejects(collected, /deadline/);
});

test("a sleeping process is read once per collection, a working one twice", async () => {
  const clock = new FakeClock();
  const processes = { "41": { script: busy(0, 0, 0) }, "42": { script: busy(0.1, 0, FOREVER) } };
  const scripted = scriptedProcfs(clock, processes);
  const reads: string[] = [];
  const readText = (filePath: string): Promise<string> => {
    if (filePath.endsWith("/stat")) reads.push(filePath);
    return scripted.readText(filePath);
  };
  const sources = {
    ...createFixtureSources("pi-zero-2w", clock),
    procfs: { ...scripted, readText },
  };
  const collector = createProcessesCollector(sources, DEFAULT_COLLECTOR_SETTINGS);
  await collectWith(clock, collector);
  reads.length = 0;
  await clock.advance(29_500);
  await collectWith(clock, collector);
  assert.deepEqual(reads, ["41/stat", "42/stat", "42/stat"]);
});

test("a process that wakes up between two collections is found by the second one", async () => {
  const clock = new FakeClock();
  const procfs = scriptedProcfs(clock, { "42": { script: busy(1, 20_000, FOREVER) } });
  const sources = { ...createFixtureSources("pi-zero-2w", clock), procfs };
  const collector = createProcessesCollector(sources, DEFAULT_COLLECTOR_SETTINGS);
  const count = async (): Promise<string[]> => {
    const lines = (await collectWith(clock, collector)).map(formatSample);
    return lines.filter((line) => line.startsWith("pihealth_malicious_processes "));
  };
  assert.deepEqual(await count(), ["pihealth_malicious_processes 0"]);
  await clock.advance(29_500);
  assert.deepEqual(await count(), ["pihealth_malicious_processes 1"]);
});
