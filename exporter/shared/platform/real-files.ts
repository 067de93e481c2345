import type { FileHandle } from "node:fs/promises";
import * as fs from "node:fs/promises";
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  statSync,
  writeSync,
} from "node:fs";
import { randomBytes } from "node:crypto";
import path from "node:path";
import { codeOf, isPermissionError } from "../model/errors.js";
import { claimSocket } from "./claim-socket.js";
import { TEMPORARY_SUFFIX, type AppendFile, type Files, type ReadFile } from "./files.js";
import { fileSystemFactsOf } from "./file-system-program.js";

/** At the root of every ext file system, for root only: fsck puts files of damaged folders there. */
const LOST_FOUND = "lost+found";
/** Without O_NONBLOCK, a pipe in place of a file would stop the program until somebody reads it. */
const APPENDING =
  constants.O_APPEND | constants.O_CREAT | constants.O_WRONLY | constants.O_NONBLOCK;
const READING = constants.O_RDONLY | constants.O_NONBLOCK;

export const realFiles: Files = {
  readBytes: (filePath) => fs.readFile(filePath),
  readText: (filePath) => fs.readFile(filePath, "utf8"),
  async list(folder) {
    const entries = await fs.readdir(folder, { withFileTypes: true });
    const ours = entries.filter((entry) => !(entry.name === LOST_FOUND && entry.isDirectory()));
    const found = ours.map((entry) => ({
      name: entry.name,
      isFolder: entry.isDirectory(),
      isLink: entry.isSymbolicLink(),
    }));
    return found.sort((left, right) => (left.name < right.name ? -1 : 1));
  },
  async facts(filePath) {
    try {
      const stat = await fs.stat(filePath);
      return {
        sizeBytes: stat.size,
        modifiedMs: stat.mtimeMs,
        isFolder: stat.isDirectory(),
        isFile: stat.isFile(),
      };
    } catch (error) {
      if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return undefined;
      throw error;
    }
  },
  async isReadable(filePath) {
    try {
      await fs.access(filePath, constants.R_OK);
      return true;
    } catch (error) {
      return !isPermissionError(error);
    }
  },
  async fileSystemFacts(filePath) {
    const { bsize, blocks, bfree, bavail, files, ffree } = await fs.statfs(asPath(filePath));
    return fileSystemFactsOf({ blockBytes: bsize, blocks, bfree, bavail, files, ffree });
  },
  async readLink(filePath) {
    try {
      return await fs.readlink(filePath);
    } catch (error) {
      if (["EINVAL", "ENOENT", "ENOTDIR"].includes(codeOf(error) ?? "")) return undefined;
      throw error;
    }
  },
  makeFolder: (folder) => makeFolders(path.resolve(folder)),
  async openAppend(filePath) {
    const handle = await fs.open(filePath, APPENDING, 0o666);
    return new RealAppendFile(handle, (await handle.stat()).size);
  },
  async openRead(filePath) {
    const handle = await fs.open(filePath, READING);
    return new RealReadFile(handle, (await handle.stat()).size);
  },
  async replace(filePath, content, { mode = 0o666 } = {}) {
    const beside = `${filePath}.${randomBytes(4).toString("hex")}${TEMPORARY_SUFFIX}`;
    try {
      const handle = await fs.open(beside, "wx", mode);
      try {
        await handle.writeFile(content);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await fs.rename(beside, filePath);
    } catch (error) {
      await fs.rm(beside, { force: true });
      throw error;
    }
    await realFiles.syncFolder(path.dirname(filePath));
  },
  async appendUnsynced(filePath, content) {
    const handle = await fs.open(filePath, APPENDING, 0o666);
    try {
      await handle.writeFile(content);
    } finally {
      await handle.close();
    }
  },
  appendSync(filePath, content) {
    const descriptor = openSync(filePath, APPENDING, 0o666);
    try {
      const written = writeSync(descriptor, content);
      if (written < Buffer.byteLength(content))
        writeRestSync(descriptor, Buffer.from(content), written);
      return fstatSync(descriptor).size;
    } finally {
      closeSync(descriptor);
    }
  },
  makeFolderSync: (folder) => makeFoldersSync(path.resolve(folder)),
  rename: (fromPath, toPath) => fs.rename(fromPath, toPath),
  remove: (filePath) => fs.rm(filePath, { force: true }),
  claim: claimSocket,
  removeTree: (folder) => fs.rm(folder, { recursive: true, force: true }),
  async syncFolder(folder) {
    const handle = await fs.open(folder, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
};

const asPath = (filePath: string | Uint8Array): string | Buffer =>
  typeof filePath === "string" ? filePath : Buffer.from(filePath);

/**
 * Creates a folder and its parents. The recursive mode of `fs.mkdir` never ends where the system
 * answers ENOENT to a creation, as `/proc` does.
 */
async function makeFolders(folder: string): Promise<void> {
  if ((await realFiles.facts(folder))?.isFolder === true) return;
  const parent = path.dirname(folder);
  if (parent !== folder) await makeFolders(parent);
  try {
    await fs.mkdir(folder);
  } catch (error) {
    // Another call may have created the folder meanwhile.
    if (codeOf(error) !== "EEXIST" || (await realFiles.facts(folder))?.isFolder !== true)
      throw error;
  }
}

/** Synchronous `makeFolders`. Tries the last folder first because its parents usually exist. */
function makeFoldersSync(folder: string): boolean {
  try {
    mkdirSync(folder);
    return true;
  } catch (error) {
    const parent = path.dirname(folder);
    if (codeOf(error) === "EEXIST") return false;
    if (codeOf(error) !== "ENOENT" || parent === folder) throw error;
    // The parent already existed, so the system's ENOENT has another cause.
    if (!makeFoldersSync(parent)) throw error;
  }
  mkdirSync(folder);
  return true;
}

/** A full disk accepts part of a write and fails the next one. */
function writeRestSync(descriptor: number, bytes: Uint8Array, offsetBytes: number): void {
  for (let at = offsetBytes; at < bytes.length;) at += writeSync(descriptor, bytes, at);
}

class RealAppendFile implements AppendFile {
  constructor(
    private readonly handle: FileHandle,
    private size: number,
  ) {}

  get sizeBytes(): number {
    return this.size;
  }

  async append(bytes: Uint8Array): Promise<void> {
    let written = 0;
    while (written < bytes.length) {
      const result = await this.handle.write(bytes, written, bytes.length - written);
      written += result.bytesWritten;
      this.size += result.bytesWritten;
    }
  }

  async sync(): Promise<void> {
    await this.handle.datasync();
  }

  async truncate(sizeBytes: number): Promise<void> {
    await this.handle.truncate(sizeBytes);
    this.size = sizeBytes;
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}

class RealReadFile implements ReadFile {
  constructor(
    private readonly handle: FileHandle,
    readonly sizeBytes: number,
  ) {}

  async read(offsetBytes: number, length: number): Promise<Uint8Array> {
    const buffer = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const { bytesRead } = await this.handle.read(
        buffer,
        filled,
        length - filled,
        offsetBytes + filled,
      );
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return buffer.subarray(0, filled);
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}

/** True for a folder that this user may write, and for a path at which the user may create one. */
export function isWritableFolder(folder: string): boolean {
  let nearest = path.resolve(folder);
  while (!existsSync(nearest)) nearest = path.dirname(nearest);
  try {
    accessSync(nearest, constants.W_OK | constants.X_OK);
    return statSync(nearest).isDirectory();
  } catch {
    return false;
  }
}
