import { createDiskTree, type FileTree } from "../../exporter/sources/file-tree.js";
import type { Collector } from "../../exporter/collectors/collector.js";
import type { FileSystemFacts, SystemPath } from "../../exporter/shared/platform/files.js";
import { FileSystems } from "../../exporter/sources/file-systems.js";
import type { Sources } from "../../exporter/sources/sources.js";
import { FakeClock } from "../support/fake-clock.js";
import { MemoryFiles } from "../support/memory-files.js";
import { collectWith, createFixtureSources, formatSample } from "./machine-fixture.js";

export type Contents = Readonly<Record<string, string | Uint8Array>>;

/** A machine of a few files, which a test may replace. */
export class FileMachine {
  readonly clock = new FakeClock();
  readonly files = new MemoryFiles();
  readonly fileSystems = new Map<string, FileSystemFacts | "dead" | Error>();
  readonly sources: Sources = {
    ...createFixtureSources("pi-4", this.clock),
    procfs: this.tree("/proc"),
    sysfs: this.tree("/sys"),
    root: createDiskTree("/", this.files),
    fileSystems: new FileSystems({ clock: this.clock, statfs: (mount) => this.statfs(mount) }),
  };

  constructor(contents: Contents = {}) {
    this.put(contents);
  }

  put(contents: Contents): void {
    for (const [filePath, content] of Object.entries(contents))
      this.files.put(`/${filePath}`, content);
  }

  async lines(collector: Collector, part = ""): Promise<string[]> {
    const samples = await collectWith(this.clock, collector);
    return samples.map(formatSample).filter((line) => line.includes(part));
  }

  private tree(root: string): FileTree {
    return createDiskTree(root, this.files);
  }

  private async statfs(mount: SystemPath): Promise<FileSystemFacts> {
    const answer = this.fileSystems.get(Buffer.from(mount).toString("latin1"));
    if (answer === "dead") return new Promise(() => undefined);
    if (answer instanceof Error) throw answer;
    if (answer === undefined) throw Object.assign(new Error("no"), { code: "ENOENT" });
    return answer;
  }
}

/** Values of the lines that contain `part`, in their order. */
export async function valuesOf(
  machine: FileMachine,
  collector: Collector,
  part: string,
): Promise<number[]> {
  return (await machine.lines(collector, part)).map((line) => Number(line.split(" ").at(-1)));
}

/** Disks below /sys/block: name and size in sectors. */
export const disks = (sizes: Readonly<Record<string, string>>): Contents =>
  Object.fromEntries(
    Object.entries(sizes).flatMap(([name, size], index) => [
      [`sys/block/${name}/size`, `${size}\n`],
      [`sys/block/${name}/dev`, `8:${index * 16}\n`],
    ]),
  );

/** A file system without inodes. */
export function room(sizeBytes: number, availableBytes: number): FileSystemFacts {
  return { sizeBytes, availableBytes, freeBytes: availableBytes, inodes: 0, freeInodes: 0 };
}
