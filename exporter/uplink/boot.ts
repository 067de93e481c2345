import { readKernelFile } from "../shared/platform/kernel-files.js";

/** This run of the machine, and the clock that began with it. */
export interface Boot {
  readonly bootId: string;
  /** Milliseconds since boot: one clock for heartbeats and history. */
  readonly bootMs: () => number;
}

/** What the kernel says. */
export const readBoot = (): Boot => ({ bootId: readBootId(), bootMs: readUptimeMs });

/**
 * The kernel's random id of this boot, /proc/sys/kernel/random/boot_id; "0" where there is none.
 */
export function readBootId(): string {
  return readOr("/proc/sys/kernel/random/boot_id", /^[0-9a-f-]{36}$/) ?? "0";
}

/**
 * Milliseconds since boot: the first number of /proc/uptime, which is in seconds. 0 where there is
 * none.
 */
export function readUptimeMs(): number {
  const seconds = readOr("/proc/uptime", /^\d+(\.\d+)? /)?.split(" ")[0];
  return Math.round(Number(seconds ?? 0) * 1000);
}

function readOr(filePath: string, pattern: RegExp): string | undefined {
  try {
    const text = readKernelFile(filePath).trim();
    return pattern.test(text) ? text : undefined;
  } catch {
    return undefined; // A system without this file: the caller has a value for that.
  }
}
