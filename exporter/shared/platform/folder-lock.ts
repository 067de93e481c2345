import path from "node:path";
import { PihealthError } from "../model/errors.js";
import type { Files } from "./files.js";
import { type Logger, silentLogger } from "./logger.js";
import { readStateFile } from "./state-file.js";

const LOCK_FILE = "lock";
const MAX_LOCK_BYTES = 1024;
const LOCK_SOCKET = "lock.socket";
const BOOT_ID = "/proc/sys/kernel/random/boot_id";

/** Another process uses the folder. */
export class FolderLockedError extends PihealthError {
  readonly code = "folder_locked";
}

/**
 * Locks a data folder, so that two processes do not use it at once.
 *
 * A bound socket in the folder is the lock; it holds across namespaces and containers, and ends with
 * its process. The lock file holds the process id, the start time of the process and the boot id,
 * for messages and for file systems without sockets. A lock file left by a crash or a power cut
 * matches no running process and is ignored.
 */
export class FolderLock {
  private constructor(
    private readonly files: Files,
    private readonly lockPath: string,
    private readonly releaseClaim: () => Promise<void>,
  ) {}

  /**
   * @param folder an existing folder
   * @throws {FolderLockedError} when a running process holds the lock
   */
  static async acquire(
    files: Files,
    folder: string,
    log: Logger = silentLogger,
  ): Promise<FolderLock> {
    const lockPath = path.join(folder, LOCK_FILE);
    const decode = (text: string): string => text;
    const effect = "a new lock file is written";
    const state = { files, log, filePath: lockPath, maxBytes: MAX_LOCK_BYTES, decode, effect };
    const holder = (await readStateFile(state)) ?? "";
    const holderPid = Number(holder.split(" ")[0]);
    if (holder !== "" && holder === (await identityOf(files, holderPid))) {
      throw new FolderLockedError(
        `Cannot open data folder "${folder}": process ${holderPid} uses it, only one process may use it at a time`,
      );
    }
    const releaseClaim = await files.claim(path.join(folder, LOCK_SOCKET));
    if (releaseClaim === undefined) {
      throw new FolderLockedError(
        `Cannot open data folder "${folder}": a process in another container or namespace uses it, only one process may use it at a time`,
      );
    }
    try {
      const identity = await identityOf(files, process.pid);
      if (identity !== undefined) await files.replace(lockPath, identity);
    } catch (error) {
      await releaseClaim();
      throw error;
    }
    return new FolderLock(files, lockPath, releaseClaim);
  }

  async release(): Promise<void> {
    await this.files.remove(this.lockPath);
    await this.releaseClaim();
  }
}

/** Process id, start time and boot id as one text; undefined when no such process exists. */
async function identityOf(files: Files, pid: number): Promise<string | undefined> {
  const stat = await readOrEmpty(files, `/proc/${pid}/stat`);
  // Field 22 of proc(5); the fields after the name start at 3.
  const startTicks = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  if (startTicks === undefined) return undefined;
  return `${pid} ${startTicks} ${(await readOrEmpty(files, BOOT_ID)).trim()}`;
}

async function readOrEmpty(files: Files, filePath: string): Promise<string> {
  try {
    return await files.readText(filePath);
  } catch {
    return ""; // Missing or unreadable: counts as empty.
  }
}
