import type { Clock } from "../shared/platform/clock.js";
import type { Files } from "../shared/platform/files.js";
import { createDiskTree, createKernelTree, type DiskTree, type FileTree } from "./file-tree.js";
import { FileSystems } from "./file-systems.js";
import { SystemInformation } from "./system-information.js";

/** All sources of facts for collectors. */
export interface Sources {
  readonly procfs: FileTree;
  readonly sysfs: FileTree;
  /** `/`, for files on disks: `/etc`, `/run`, `/var`. */
  readonly root: DiskTree;
  readonly fileSystems: FileSystems;
  readonly systemInformation: SystemInformation;
  /** For waiting between two looks, and for measuring the time between them. */
  readonly clock: Clock;
}

/** The sources of this machine. */
export function createSources({ clock, files }: { clock: Clock; files: Files }): Sources {
  return {
    procfs: createKernelTree("/proc"),
    sysfs: createKernelTree("/sys"),
    root: createDiskTree("/", files),
    fileSystems: new FileSystems({
      clock,
      statfs: (mountPoint) => files.fileSystemFacts(mountPoint),
    }),
    systemInformation: new SystemInformation(clock),
    clock,
  };
}
