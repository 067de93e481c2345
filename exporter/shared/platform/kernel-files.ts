import { existsSync, readdirSync, readFileSync } from "node:fs";
import { codeOf } from "../model/errors.js";

/** Names in a folder of the kernel (`/proc`, `/sys`), in no order; none when there is no such folder. */
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

/** For the few kernel files that are not text (`/proc/self/auxv`). */
export function readKernelBytes(filePath: string): Uint8Array {
  return readFileSync(filePath);
}
