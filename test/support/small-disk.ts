import { spawnSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import path from "node:path";
import { codeOf } from "../../exporter/shared/model/errors.js";

/** Mounts a small disk on a folder, so that it can be filled. Needs permission to mount. */
export function mountSmallDisk(folder: string, sizeBytes: number): void {
  mkdirSync(folder, { recursive: true });
  run("mount", ["-t", "tmpfs", "-o", `size=${sizeBytes}`, "pihealth-outage", folder]);
}

export function unmountSmallDisk(folder: string): void {
  run("umount", ["-l", folder]);
}

/**
 * Fills the disk to the last byte.
 *
 * @returns a function that frees the space
 */
export function fillDisk(folder: string): () => void {
  const ballast = path.join(folder, "ballast");
  const file = openSync(ballast, "w");
  for (let chunk = Buffer.alloc(1_048_576); chunk.length > 0;) {
    try {
      if (writeSync(file, chunk) < chunk.length) chunk = chunk.subarray(0, chunk.length >> 1);
    } catch (error) {
      if (codeOf(error) !== "ENOSPC") throw error;
      chunk = chunk.subarray(0, chunk.length >> 1);
    }
  }
  closeSync(file);
  return () => rmSync(ballast);
}

function run(program: string, args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(program, args, { encoding: "utf8" });
  if (status !== 0)
    throw new Error(`Cannot ${program} "${args.at(-1)}": ${error?.message ?? stderr}`);
}
