import os from "node:os";
import path from "node:path";
import type { Files } from "./files.js";

const CGROUP_ROOT = "/sys/fs/cgroup";
/** Files with a limit, in version 2 of cgroups. Above `memory.high` the kernel slows a process down. */
const LIMITS_V2 = ["memory.max", "memory.high"];
const LIMITS_V1 = ["memory.limit_in_bytes"];

/**
 * The memory that this process may use: the least limit of its cgroup and the cgroups above, version 1
 * or 2, or the memory of the machine.
 */
export async function readMemoryLimit(
  files: Pick<Files, "readText">,
  machineBytes = os.totalmem(),
): Promise<number> {
  let least = machineBytes;
  for (const file of await limitFiles(files)) {
    const limit = Number(await textOf(files, file));
    if (Number.isFinite(limit) && limit > 0) least = Math.min(least, limit);
  }
  return least;
}

async function limitFiles(files: Pick<Files, "readText">): Promise<string[]> {
  const found: string[] = [];
  for (const line of (await textOf(files, "/proc/self/cgroup")).split("\n")) {
    // hierarchy number, controllers (none in version 2), path
    const [, controllers, ...rest] = line.split(":");
    const folder = rest.join(":");
    if (controllers === "") found.push(...filesAbove(CGROUP_ROOT, folder, LIMITS_V2));
    else if (controllers?.split(",").includes("memory") === true)
      found.push(...filesAbove(path.join(CGROUP_ROOT, "memory"), folder, LIMITS_V1));
  }
  return found;
}

function filesAbove(root: string, folder: string, names: readonly string[]): string[] {
  const found: string[] = [];
  for (let at = path.join("/", folder); ; at = path.dirname(at)) {
    for (const name of names) found.push(path.join(root, at, name));
    if (at === "/") return found;
  }
}

/** The text of a file without white space around it; empty when it cannot be read. */
async function textOf(files: Pick<Files, "readText">, filePath: string): Promise<string> {
  try {
    return (await files.readText(filePath)).trim();
  } catch {
    return "";
  }
}
