import path from "node:path";
import { textOfBytes } from "./byte-text.js";
import { codeOf } from "../shared/model/errors.js";
import type { Files } from "../shared/platform/files.js";
import {
  kernelPathExists,
  listKernelFolder,
  readKernelBytes,
  readKernelFile,
} from "../shared/platform/kernel-files.js";

/**
 * A folder with everything below it, read by relative paths, so a test can use a recorded tree.
 * Reads of missing files reject with the system's error (`ENOENT`).
 */
export interface FileTree {
  /** Bytes that are not UTF-8 become `\x` and two digits, so names that differ stay different. */
  readText(filePath: string): Promise<string>;
  readBytes(filePath: string): Promise<Uint8Array>;
  /** Matching names in `folder`, in no particular order; none when there is no such folder. */
  list(folder: string, pattern: RegExp): Promise<string[]>;
  exists(filePath: string): Promise<boolean>;
}

/** A tree on a disk, whose files may be large. */
export interface DiskTree extends FileTree {
  /** 0 when there is no such file. */
  sizeBytes(filePath: string): Promise<number>;
  /** A text that changes whenever the file or folder is written; empty when it does not exist. */
  version(filePath: string): Promise<string>;
  /** Fewer bytes than `length` only at the end of the file. */
  readRange(filePath: string, range: { offsetBytes: number; length: number }): Promise<Uint8Array>;
}

/**
 * Files that are read often and that the kernel writes as one record, so one read(2) returns the
 * whole text (single_open in the kernel's fs/proc).
 */
const ONE_RECORD = /^(\d+\/stat|stat|meminfo|loadavg|softirqs|uptime)$/;

/** In a text of bytes that are not UTF-8. */
const UNREADABLE = "\ufffd";

/**
 * For `/proc` and `/sys`, whose reads do not wait for a disk. They run on the main thread, at a
 * tenth of the cost of the thread pool.
 */
export function createKernelTree(root: string): FileTree {
  return {
    async readText(filePath) {
      const text = readKernelFile(`${root}/${filePath}`, ONE_RECORD.test(filePath));
      return text.includes(UNREADABLE) ? textOfBytes(readKernelBytes(`${root}/${filePath}`)) : text;
    },
    readBytes: async (filePath) => readKernelBytes(`${root}/${filePath}`),
    list: async (folder, pattern) =>
      listKernelFolder(`${root}/${folder}`).filter((name) => pattern.test(name)),
    exists: async (filePath) => kernelPathExists(`${root}/${filePath}`),
  };
}

/**
 * For `/etc`, `/run` and `/var`, whose reads may wait for an SD card. They use the thread pool.
 *
 * @param root symbolic links below it are followed as on the machine whose `/` it is
 */
export function createDiskTree(root: string, files: Files): DiskTree {
  const at = async (filePath: string): Promise<string> =>
    root === "/" ? path.join(root, filePath) : resolveBelow(root, filePath, files);
  return {
    async readText(filePath) {
      const text = await files.readText(await at(filePath));
      return text.includes(UNREADABLE)
        ? textOfBytes(await files.readBytes(await at(filePath)))
        : text;
    },
    readBytes: async (filePath) => files.readBytes(await at(filePath)),
    async list(folder, pattern) {
      const entries = await files.list(await at(folder)).catch((error: unknown) => {
        if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return [];
        throw error;
      });
      return entries.map(({ name }) => name).filter((name) => pattern.test(name));
    },
    exists: async (filePath) => (await files.facts(await at(filePath))) !== undefined,
    sizeBytes: async (filePath) => (await files.facts(await at(filePath)))?.sizeBytes ?? 0,
    async version(filePath) {
      const facts = await files.facts(await at(filePath));
      return facts === undefined ? "" : `${facts.modifiedMs} ${facts.sizeBytes}`;
    },
    async readRange(filePath, { offsetBytes, length }) {
      const file = await files.openRead(await at(filePath));
      try {
        return await file.read(offsetBytes, length);
      } finally {
        await file.close();
      }
    },
  };
}

const MAX_LINKS = 40; // As in the kernel (path_resolution(7)).

/**
 * The path of a file whose `/` is `root`, with every symbolic link on the way followed inside it.
 * The last part need not exist.
 */
async function resolveBelow(root: string, filePath: string, files: Files): Promise<string> {
  const waiting = filePath.split("/").reverse();
  let parts: string[] = [];
  let links = 0;
  for (let part = waiting.pop(); part !== undefined; part = waiting.pop()) {
    if (part === "" || part === ".") continue;
    if (part === "..") {
      parts.pop();
      continue;
    }
    const target = await files.readLink(path.join(root, ...parts, part));
    if (target === undefined) {
      parts.push(part);
    } else if (++links > MAX_LINKS) {
      throw Object.assign(new Error(`Cannot follow "${filePath}": too many symbolic links`), {
        code: "ELOOP",
      });
    } else {
      if (target.startsWith("/")) parts = [];
      waiting.push(...target.split("/").reverse());
    }
  }
  return path.join(root, ...parts);
}

/**
 * The text without surrounding white space and the NUL that ends device tree values; undefined when
 * it cannot be read.
 */
export async function readFact(tree: FileTree, filePath: string): Promise<string | undefined> {
  try {
    const text = (await tree.readText(filePath)).replaceAll("\0", "").trim();
    return text === "" ? undefined : text;
  } catch {
    return undefined; // A fact that cannot be read counts as missing.
  }
}
