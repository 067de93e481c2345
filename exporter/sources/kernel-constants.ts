import type { FileTree } from "./file-tree.js";

/** Units the kernel counts in, which differ between machines. */
export interface KernelConstants {
  /** 4096 on most machines, 16384 on a Pi 5 with its default kernel. */
  readonly pageSizeBytes: number;
  readonly ticksPerSecond: number;
}

const AT_PAGESZ = 6; // getauxval(3)
const AT_CLKTCK = 17;
const USUAL: KernelConstants = { pageSizeBytes: 4096, ticksPerSecond: 100 };

/**
 * Reads the units from the auxiliary vector of this process: pairs of key and value, each as wide
 * as the word of the process, which is 4 bytes for a 32-bit program under a 64-bit kernel.
 *
 * @returns the values of most machines when the vector cannot be read
 */
export async function readKernelConstants(procfs: FileTree): Promise<KernelConstants> {
  let bytes: Uint8Array;
  try {
    bytes = await procfs.readBytes("self/auxv");
  } catch {
    return USUAL; // The vector is missing where /proc is restricted.
  }
  return parseVector(bytes, 8) ?? parseVector(bytes, 4) ?? USUAL;
}

function parseVector(bytes: Uint8Array, wordBytes: 4 | 8): KernelConstants | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wordAt = (offset: number): number =>
    wordBytes === 8 ? Number(view.getBigUint64(offset, true)) : view.getUint32(offset, true);
  const values = new Map<number, number>();
  for (let offset = 0; offset + 2 * wordBytes <= bytes.length; offset += 2 * wordBytes) {
    values.set(wordAt(offset), wordAt(offset + wordBytes));
  }
  const pageSizeBytes = values.get(AT_PAGESZ) ?? 0;
  const ticksPerSecond = values.get(AT_CLKTCK) ?? 0;
  const isPlausible =
    pageSizeBytes >= 4096 &&
    pageSizeBytes <= 65_536 &&
    ticksPerSecond >= 1 &&
    ticksPerSecond <= 10_000;
  return isPlausible ? { pageSizeBytes, ticksPerSecond } : undefined;
}
