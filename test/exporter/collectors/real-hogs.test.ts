/** The processes collector on this machine's own /proc, with processes that really misbehave. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { after, test } from "node:test";
import {
  DEFAULT_COLLECTOR_SETTINGS,
  type CollectorSettings,
} from "../../../exporter/collectors/collector-settings.js";
import { parseMemoryInfo } from "../../../exporter/collectors/memory.js";
import { createProcessesCollector } from "../../../exporter/collectors/processes.js";
import { createSources } from "../../../exporter/sources/sources.js";
import type { Sample } from "../../../exporter/shared/model/metric.js";
import { systemClock } from "../../../exporter/shared/platform/clock.js";
import { realFiles } from "../../../exporter/shared/platform/real-files.js";

const HOG_BYTES = 300 * 1024 * 1024;
/** On a busy machine a burner gets a small part of a processor. */
const MIN_CPU_RATIO = 0.01;
const MAX_COLLECTIONS = 20;

const started: ChildProcess[] = [];
after(() => started.forEach((child) => child.kill("SIGKILL")));

/** Starts a program that says so once it misbehaves. */
async function start(program: string): Promise<string> {
  const stdio = ["ignore", "pipe", "inherit"] as const;
  const child = spawn(process.execPath, ["-e", program], { stdio: [...stdio] });
  started.push(child);
  assert.ok(child.stdout);
  await once(child.stdout, "data");
  return String(child.pid);
}

/** Collects until the process is found malicious. */
async function findMalicious(
  pid: string,
  settings: Partial<CollectorSettings["processes"]>,
  metric: string,
): Promise<Sample> {
  const sources = createSources({ clock: systemClock, files: realFiles });
  const processes = { ...DEFAULT_COLLECTOR_SETTINGS.processes, ...settings };
  const collector = createProcessesCollector(sources, { ...DEFAULT_COLLECTOR_SETTINGS, processes });
  for (let round = 0; round < MAX_COLLECTIONS; round++) {
    const samples = await collector.collect(new AbortController().signal);
    const found = samples.find((one) => one.metric.name === metric && one.labels["pid"] === pid);
    if (found !== undefined) return found;
  }
  throw new Error(`process ${pid} was not found malicious in ${MAX_COLLECTIONS} collections`);
}

test("a process that spins is found malicious", async () => {
  const pid = await start('process.title = "burner"; console.log("burning"); for (;;);');
  const settings = { maliciousCpuRatio: MIN_CPU_RATIO };
  const metric = "pihealth_malicious_process_cpu_ratio";
  const { labels, value } = await findMalicious(pid, settings, metric);
  assert.equal(labels["comm"], "burner");
  assert.notEqual(labels["user"], "");
  assert.ok(value >= MIN_CPU_RATIO && value < 2, `a single thread cannot use ${value} processors`);
});

test("a process that holds much memory is found malicious", async () => {
  const hold = `const held = Buffer.alloc(${HOG_BYTES}, 1); setInterval(() => held[0], 1000);`;
  const pid = await start(`${hold} console.log("holding");`);
  const { procfs } = createSources({ clock: systemClock, files: realFiles });
  const totalBytes = parseMemoryInfo(await procfs.readText("meminfo")).total;
  const settings = { maliciousMemoryRatio: HOG_BYTES / totalBytes, maliciousCpuRatio: 100 };
  const metric = "pihealth_malicious_process_memory_ratio";
  const heldBytes = (await findMalicious(pid, settings, metric)).value * totalBytes;
  assert.ok(heldBytes >= HOG_BYTES && heldBytes < 2 * HOG_BYTES, `it holds ${heldBytes} bytes`);
});
