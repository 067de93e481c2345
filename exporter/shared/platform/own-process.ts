import { readdirSync } from "node:fs";

export interface OwnProcessFacts {
  /** User and system time of all threads since the start. */
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  /** Undefined where the system does not tell. */
  readonly openFiles: number | undefined;
}

/** What this process uses at this moment; costs some ten microseconds and touches no disk. */
export function readOwnProcess(): OwnProcessFacts {
  const { user, system } = process.cpuUsage();
  return {
    cpuSeconds: (user + system) / 1e6,
    residentBytes: process.memoryUsage.rss(),
    openFiles: countOpenFiles(),
  };
}

function countOpenFiles(): number | undefined {
  try {
    return readdirSync("/proc/self/fd").length - 1; // Less the one that lists.
  } catch {
    return undefined; // No /proc: the metric is left out.
  }
}
