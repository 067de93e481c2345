import type { FileHandle } from "node:fs/promises";
import * as fs from "node:fs/promises";
import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  writeSync,
} from "node:fs";
import { randomBytes } from "node:crypto";
import path from "node:path";
import { codeOf } from "../model/errors.js";

export interface FileEntry {
  readonly name: string;
  readonly isFolder: boolean;
}

export interface FileFacts {
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  readonly isFolder: boolean;
}

/** Size and free room of the file system a path is on. */
export interface FileSystemFacts {
  readonly sizeBytes: number;
  readonly availableBytes: number;
  readonly freeBytes: number;
  readonly inodes: number;
  readonly freeInodes: number;
}

/** A file open for writing at its end. */
export interface AppendFile {
  /** Bytes in the file, those not yet synced included. */
  readonly sizeBytes: number;
  /** Rejects with the system's error (ENOSPC, EIO, EROFS); then any prefix of `bytes` may have been written. */
  append(bytes: Uint8Array): Promise<void>;
  /** Returns when what was appended survives a power cut. */
  sync(): Promise<void>;
  truncate(sizeBytes: number): Promise<void>;
  close(): Promise<void>;
}

/** A file open for reading at any place. */
export interface ReadFile {
  readonly sizeBytes: number;
  /** Fewer bytes than `length` only at the end of the file. */
  read(offsetBytes: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/**
 * The file system as this project uses it. Errors are the system's own, told apart by `code` (`ENOENT`, `ENOSPC`).
 * Paths are absolute or relative to the working folder.
 */
export interface Files {
  readBytes(filePath: string): Promise<Uint8Array>;
  readText(filePath: string): Promise<string>;
  /** Entries in the order of their names. */
  list(folder: string): Promise<FileEntry[]>;
  /** Undefined when nothing is there. */
  facts(filePath: string): Promise<FileFacts | undefined>;
  fileSystemFacts(filePath: string): Promise<FileSystemFacts>;
  makeFolder(folder: string): Promise<void>;
  /** Creates the file when missing; appends after what is there. */
  openAppend(filePath: string): Promise<AppendFile>;
  openRead(filePath: string): Promise<ReadFile>;
  /** Replaces a file as a whole: writes beside it, syncs the file, renames, syncs the folder. */
  replace(
    filePath: string,
    content: Uint8Array | string,
    options?: { readonly mode?: number },
  ): Promise<void>;
  /** Appends without syncing: for logs that may lose their tail in a power cut. Creates the file when missing. */
  appendUnsynced(filePath: string, content: Uint8Array | string): Promise<void>;
  /**
   * As `appendUnsynced`, in this thread: for thousands of small writes, of which each costs a tenth of the processor time
   * so. Everything else stands still meanwhile.
   *
   * @returns size of the file in bytes
   */
  appendAtOnce(filePath: string, content: string): number;
  /**
   * As `makeFolder`, in this thread.
   *
   * @returns false when it was there already
   */
  makeFolderAtOnce(folder: string): boolean;
  rename(fromPath: string, toPath: string): Promise<void>;
  /** Removes a file; nothing happens when it is not there. */
  remove(filePath: string): Promise<void>;
  /** Removes a folder with all it holds; nothing happens when it is not there. */
  removeTree(folder: string): Promise<void>;
  /** Makes renames, creations and removals in the folder survive a power cut. */
  syncFolder(folder: string): Promise<void>;
}

const APPENDING = constants.O_APPEND | constants.O_CREAT | constants.O_WRONLY;

/** Suffix of files being written by `replace`; those left by a power cut may be deleted at start. */
export const TEMPORARY_SUFFIX = ".tmp";

export const realFiles: Files = {
  readBytes: (filePath) => fs.readFile(filePath),
  readText: (filePath) => fs.readFile(filePath, "utf8"),
  async list(folder) {
    const entries = await fs.readdir(folder, { withFileTypes: true });
    const found = entries.map((entry) => ({ name: entry.name, isFolder: entry.isDirectory() }));
    return found.sort((left, right) => (left.name < right.name ? -1 : 1));
  },
  async facts(filePath) {
    try {
      const stat = await fs.stat(filePath);
      return { sizeBytes: stat.size, modifiedMs: stat.mtimeMs, isFolder: stat.isDirectory() };
    } catch (error) {
      if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return undefined;
      throw error;
    }
  },
  async fileSystemFacts(filePath) {
    const facts = await fs.statfs(filePath);
    return {
      sizeBytes: facts.blocks * facts.bsize,
      availableBytes: facts.bavail * facts.bsize,
      freeBytes: facts.bfree * facts.bsize,
      inodes: facts.files,
      freeInodes: facts.ffree,
    };
  },
  makeFolder: (folder) => makeFolders(path.resolve(folder)),
  async openAppend(filePath) {
    const handle = await fs.open(filePath, "a");
    return new RealAppendFile(handle, (await handle.stat()).size);
  },
  async openRead(filePath) {
    const handle = await fs.open(filePath, "r");
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
  appendUnsynced: (filePath, content) => fs.appendFile(filePath, content),
  appendAtOnce(filePath, content) {
    const descriptor = openSync(filePath, APPENDING);
    try {
      const written = writeSync(descriptor, content);
      if (written < Buffer.byteLength(content))
        writeRestSync(descriptor, Buffer.from(content), written);
      return fstatSync(descriptor).size;
    } finally {
      closeSync(descriptor);
    }
  },
  makeFolderAtOnce: (folder) => makeFoldersSync(path.resolve(folder)),
  rename: (fromPath, toPath) => fs.rename(fromPath, toPath),
  remove: (filePath) => fs.rm(filePath, { force: true }),
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

/** Node's own way turns for ever where a file system says that what is to be made is not there, as `/proc` does. */
async function makeFolders(folder: string): Promise<void> {
  if ((await realFiles.facts(folder))?.isFolder === true) return;
  const parent = path.dirname(folder);
  if (parent !== folder) await makeFolders(parent);
  try {
    await fs.mkdir(folder);
  } catch (error) {
    // Another has made it meanwhile.
    if (codeOf(error) !== "EEXIST" || (await realFiles.facts(folder))?.isFolder !== true)
      throw error;
  }
}

/** As `makeFolders`; most often all but the last folder are there. */
function makeFoldersSync(folder: string): boolean {
  try {
    mkdirSync(folder);
    return true;
  } catch (error) {
    const parent = path.dirname(folder);
    if (codeOf(error) === "EEXIST") return false;
    if (codeOf(error) !== "ENOENT" || parent === folder) throw error;
    // When the parent was there, the system means something else.
    if (!makeFoldersSync(parent)) throw error;
  }
  mkdirSync(folder);
  return true;
}

/** A disk without room takes a part, and refuses with the next write. */
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

const KERNEL_FILE_BUFFER_BYTES = 65_536;
const kernelFileBuffer = Buffer.allocUnsafeSlow(KERNEL_FILE_BUFFER_BYTES);

/**
 * Reads a small file of the kernel (`/proc`, `/sys`) at once, in this thread: such reads do not wait for a disk, and
 * one costs a tenth of a read through the thread pool. Falls back to an ordinary read where the file is larger.
 *
 * @param isOnePiece the kernel gives the whole file to one read, so that none is needed to find its end
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
