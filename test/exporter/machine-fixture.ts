import { readFileSync } from "node:fs";
import path from "node:path";
import {
  DEFAULT_COLLECTOR_SETTINGS,
  type CollectorSettings,
} from "../../exporter/collectors/collector-settings.js";
import { NoDataError, type Collector } from "../../exporter/collectors/collector.js";
import { COLLECTORS } from "../../exporter/collectors/registry.js";
import { JsonFields } from "../../exporter/shared/codec/json-fields.js";
import { FileSystems } from "../../exporter/sources/file-systems.js";
import {
  createDiskTree,
  createKernelTree,
  type FileTree,
} from "../../exporter/sources/file-tree.js";
import type { Sources } from "../../exporter/sources/sources.js";
import { SystemInformation } from "../../exporter/sources/system-information.js";
import type { Sample } from "../../exporter/shared/model/metric.js";
import type { FileSystemFacts } from "../../exporter/shared/platform/files.js";
import { realFiles } from "../../exporter/shared/platform/real-files.js";
import { FakeClock, settle } from "../support/fake-clock.js";
import { FIXTURES } from "../support/repository.js";

/** Machines recorded in test/fixtures; see the README there. */
export const MACHINES = ["debian-x64", "pi-zero-2w", "pi-3", "pi-4", "pi-5"] as const;

/** Times after which a tree has files of its own, in folders such as `proc@500ms`. */
const STEPS_MS = [6000, 5500, 500];

/** Sources rooted at a recorded machine, whose /proc goes on with the clock. */
export function createFixtureSources(machine: string, clock: FakeClock): Sources {
  const folder = path.join(FIXTURES, machine);
  return {
    procfs: createSteppedTree(folder, clock),
    sysfs: createKernelTree(path.join(folder, "sys")),
    root: createDiskTree(path.join(folder, "root"), realFiles),
    fileSystems: new FileSystems({ clock, statfs: recordedStatfs(folder) }),
    systemInformation: new SystemInformation(clock, () =>
      Promise.reject(new Error("not recorded")),
    ),
    clock,
  };
}

/** Runs a collection to its end, moving the clock whenever it waits. */
export async function collectWith(
  clock: FakeClock,
  collector: Collector,
  signal = new AbortController().signal,
): Promise<Sample[]> {
  let isDone = false;
  const collected = collector.collect(signal).finally(() => (isDone = true));
  collected.catch(() => undefined); // Rejections are the caller's, who awaits below.
  for (;;) {
    await settle();
    if (isDone) return collected;
    if (clock.sleeping > 0) await clock.advance(500);
  }
}

/** What every collector finds on a machine, as sorted lines of `name{labels} value`. */
export async function collectMachine(
  machine: string,
  settings: CollectorSettings = DEFAULT_COLLECTOR_SETTINGS,
): Promise<string[]> {
  const lines: string[] = [];
  for (const { name, create } of COLLECTORS) {
    const clock = new FakeClock();
    const collector = create(createFixtureSources(machine, clock), settings);
    try {
      const samples = await collectWith(clock, collector);
      lines.push(...samples.map(formatSample));
    } catch (error) {
      if (!(error instanceof NoDataError)) throw error;
      lines.push(`# ${name}: no data`);
    }
  }
  return lines.sort();
}

export function formatSample({ metric, labels, value }: Sample): string {
  const pairs = Object.entries(labels).map(([name, text]) => `${name}=${JSON.stringify(text)}`);
  return `${metric.name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${value}`;
}

function createSteppedTree(folder: string, clock: FakeClock): FileTree {
  const base = createKernelTree(path.join(folder, "proc"));
  const steps = STEPS_MS.map((fromMs) => ({
    fromMs,
    tree: createKernelTree(path.join(folder, `proc@${fromMs}ms`)),
  }));
  const treeOf = async (filePath: string): Promise<FileTree> => {
    for (const { fromMs, tree } of steps) {
      if (clock.monotonicMs() >= fromMs && (await tree.exists(filePath))) return tree;
    }
    return base;
  };
  return {
    readText: async (filePath) => (await treeOf(filePath)).readText(filePath),
    readBytes: async (filePath) => (await treeOf(filePath)).readBytes(filePath),
    exists: async (filePath) => (await treeOf(filePath)).exists(filePath),
    list: (listed, pattern) => base.list(listed, pattern),
  };
}

function recordedStatfs(folder: string): (mountPoint: string) => Promise<FileSystemFacts> {
  const text = readFileSync(path.join(folder, "statfs.json"), "utf8");
  const recorded = JsonFields.parse(text, "statfs.json");
  return async (mountPoint) => {
    if (!recorded.has(mountPoint))
      throw Object.assign(new Error("not recorded"), { code: "ENOENT" });
    return toFileSystemFacts(recorded.object(mountPoint));
  };
}

const toFileSystemFacts = (fields: JsonFields): FileSystemFacts => ({
  sizeBytes: fields.integer("sizeBytes"),
  availableBytes: fields.integer("availableBytes"),
  freeBytes: fields.integer("freeBytes"),
  inodes: fields.integer("inodes"),
  freeInodes: fields.integer("freeInodes"),
});
