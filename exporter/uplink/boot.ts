import { readKernelFile } from "../shared/platform/kernel-files.js";

/** The current boot of the machine and its clock. */
export interface Boot {
  readonly bootId: string;
  /** Milliseconds since boot: one clock for heartbeats and history. */
  readonly bootMs: () => number;
}

/** Reads the boot from the kernel. */
export const readBoot = (): Boot => ({ bootId: readBootId(), bootMs: readUptimeMs });

/** The kernel's random id of this boot, /proc/sys/kernel/random/boot_id; "0" if there is none. */
export function readBootId(): string {
  return readOr("/proc/sys/kernel/random/boot_id", /^[0-9a-f-]{36}$/) ?? "0";
}

/**
 * Milliseconds since boot: the first number of /proc/uptime, which is in seconds. 0 if there is
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
    return undefined; // The caller has a default for systems without this file.
  }
}
