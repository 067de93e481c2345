import path from "node:path";
import { BadInputError } from "../shared/model/errors.js";
import type { Clock } from "../shared/platform/clock.js";
import { askFileSystemProgram } from "../shared/platform/file-system-program.js";
import type { Files } from "../shared/platform/files.js";
import { isProcessAlive } from "../shared/platform/process.js";
import { createDiskTree, createKernelTree, type DiskTree, type FileTree } from "./file-tree.js";
import { FileSystems } from "./file-systems.js";
import type { KeptCounters } from "./kept-counters.js";
import { SystemInformation } from "./system-information.js";

/** Folders in which the watched machine is seen, as the options `path.*` of node_exporter. */
export interface SourcePaths {
  readonly procfs: string;
  readonly sysfs: string;
  /** The machine's `/`: its mounts, `/etc`, `/run` and `/var` are read below it. */
  readonly rootfs: string;
}

export const DEFAULT_SOURCE_PATHS: SourcePaths = { procfs: "/proc", sysfs: "/sys", rootfs: "/" };

/** All sources of facts for collectors. */
export interface Sources {
  readonly procfs: FileTree;
  readonly sysfs: FileTree;
  /** The machine's `/`, for files on disks: `/etc`, `/run`, `/var`. */
  readonly root: DiskTree;
  /** Default: `/`. */
  readonly rootfs?: string;
  readonly fileSystems: FileSystems;
  readonly systemInformation: SystemInformation;
  /**
   * Tells whether a process exists, also where hidepid hides it; undefined for another machine's
   * processes.
   */
  readonly isProcessAlive?: (pid: number) => boolean;
  /** Counters that go on after a restart; undefined where nothing is kept. */
  readonly keptCounters?: KeptCounters;
  /** For waiting between two looks, and for measuring the time between them. */
  readonly clock: Clock;
}

/** The sources of this machine, or of the one that is seen at `paths`. */
export function createSources({
  clock,
  files,
  keptCounters,
  paths = DEFAULT_SOURCE_PATHS,
}: {
  readonly clock: Clock;
  readonly files: Files;
  readonly keptCounters?: KeptCounters;
  readonly paths?: SourcePaths;
}): Sources {
  const { procfs, sysfs, rootfs } = paths;
  const isHere = procfs === DEFAULT_SOURCE_PATHS.procfs && rootfs === DEFAULT_SOURCE_PATHS.rootfs;
  return {
    procfs: createKernelTree(procfs),
    sysfs: createKernelTree(sysfs),
    root: createDiskTree(rootfs, files),
    rootfs,
    fileSystems: new FileSystems({
      clock,
      statfs: (filePath) => files.fileSystemFacts(filePath),
      program: askFileSystemProgram,
    }),
    // The package knows this machine only.
    systemInformation: isHere ? new SystemInformation(clock) : SystemInformation.none(clock),
    ...(procfs === DEFAULT_SOURCE_PATHS.procfs ? { isProcessAlive } : {}),
    ...(keptCounters === undefined ? {} : { keptCounters }),
    clock,
  };
}

/** @throws {BadInputError} when one of the paths that were given is no folder */
export async function checkSourcePaths(paths: SourcePaths, files: Files): Promise<void> {
  for (const key of ["procfs", "sysfs", "rootfs"] as const) {
    const folder = paths[key];
    if (folder === DEFAULT_SOURCE_PATHS[key]) continue;
    const facts = await files.facts(folder);
    if (facts?.isFolder === true) continue;
    const found = facts === undefined ? "it does not exist" : "it is a file";
    throw new BadInputError(`Cannot use paths.${key} "${folder}": ${found}, it must be a folder`);
  }
}

/** The absolute path, without a slash at the end. */
export const resolveSourcePath = (folder: string, base = "."): string => path.resolve(base, folder);
