import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { codeOf } from "../model/errors.js";

/**
 * Names in a `/proc` or `/sys` folder, in no particular order; empty when there is no such folder.
 */
export function listKernelFolder(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return [];
    throw error;
  }
}

export function kernelPathExists(filePath: string): boolean {
  return existsSync(filePath);
}

/** Reads one of the few kernel files that are not text (`/proc/self/auxv`). */
export function readKernelBytes(filePath: string): Uint8Array {
  return readFileSync(filePath);
}

const KERNEL_FILE_BUFFER_BYTES = 65_536;
const kernelFileBuffer = Buffer.allocUnsafeSlow(KERNEL_FILE_BUFFER_BYTES);

/**
 * Reads a small `/proc` or `/sys` file synchronously. Such a read waits for no disk and costs a
 * tenth of a read through the thread pool. Files larger than the buffer are read in the ordinary
 * way.
 *
 * @param isOnePiece the kernel returns the whole file in one read, so no second read is needed to
 * detect the end
 */
export function readKernelFile(filePath: string, isOnePiece = false): string {
  const descriptor = openSync(filePath, "r");
  try {
    let filled = 0;
    for (;;) {
      const count = readSync(
        descriptor,
        kernelFileBuffer,
        filled,
        KERNEL_FILE_BUFFER_BYTES - filled,
        null,
      );
      filled += count;
      if (filled === KERNEL_FILE_BUFFER_BYTES) return readFileSync(filePath, "utf8");
      if (count === 0 || isOnePiece) return kernelFileBuffer.toString("utf8", 0, filled);
    }
  } finally {
    closeSync(descriptor);
  }
}
