import { readFact, type FileTree } from "./file-tree.js";

/**
 * Bits 0 to 3 of the firmware's get_throttled, in this order; bits 16 to 19 latch them until
 * reboot.
 */
export const THROTTLE_REASONS = [
  "under_voltage",
  "frequency_capped",
  "throttled",
  "soft_temperature_limit",
] as const;

export interface Throttling {
  /** Bit set over {@link THROTTLE_REASONS}. */
  readonly now: number;
  readonly sinceBoot: number;
}

const REASON_BITS = 0xf;
const STICKY_BITS_SHIFT = 16; // Raspberry Pi documentation, vcgencmd get_throttled.

/**
 * The file with get_throttled, below the device of the SoC. The device is named `soc` up to the Pi
 * 4 and `soc@<address>` on a Pi 5 with a newer kernel.
 *
 * @returns undefined on other machines
 */
export async function findThrottlingFile(sysfs: FileTree): Promise<string | undefined> {
  for (const soc of await sysfs.list("devices/platform", /^soc(@[0-9a-f]+)?$/)) {
    const file = `devices/platform/${soc}/${soc}:firmware/get_throttled`;
    if (await sysfs.exists(file)) return file;
  }
  return undefined;
}

/** @returns undefined when the text is not a hexadecimal number of 32 bits */
export function parseThrottling(text: string): Throttling | undefined {
  const digits = /^(?:0x)?([0-9a-f]{1,8})$/i.exec(text.trim())?.[1];
  if (digits === undefined) return undefined;
  const bits = Number.parseInt(digits, 16);
  return { now: bits & REASON_BITS, sinceBoot: (bits >>> STICKY_BITS_SHIFT) & REASON_BITS };
}

/**
 * Model of the board: from the device tree on a Pi, otherwise from /proc/cpuinfo of older kernels,
 * or DMI on a PC.
 */
export async function readBoard({
  procfs,
  sysfs,
}: {
  procfs: FileTree;
  sysfs: FileTree;
}): Promise<Board> {
  const deviceTree = "firmware/devicetree/base";
  const cpuinfo = (await readFact(procfs, "cpuinfo")) ?? "";
  const inCpuinfo = (key: string): string | undefined =>
    new RegExp(`^${key}\\s*: (.*)$`, "m").exec(cpuinfo)?.[1]?.trim();
  return {
    model:
      (await readFact(sysfs, `${deviceTree}/model`)) ??
      inCpuinfo("Model") ??
      (await readFact(sysfs, "class/dmi/id/product_name")),
    serial:
      (await readFact(sysfs, `${deviceTree}/serial-number`)) ??
      inCpuinfo("Serial") ??
      (await readFact(sysfs, "class/dmi/id/product_serial")),
  };
}

export interface Board {
  readonly model: string | undefined;
  readonly serial: string | undefined;
}
