import path from "node:path";
import { PihealthError } from "../model/errors.js";
import type { Files } from "./files.js";

const LOCK_FILE = "lock";
const BOOT_ID = "/proc/sys/kernel/random/boot_id";

/** Another program works on the folder. */
export class FolderLockedError extends PihealthError {
  readonly code = "folder_locked";
}

/**
 * Says in a data folder which process works on it, so that two do not.
 *
 * The file names process, its start time and the boot: what a crash or a power cut leaves does not
 * lock anybody out.
 */
export class FolderLock {
  private constructor(
    private readonly files: Files,
    private readonly lockPath: string,
  ) {}

  /**
   * @param folder exists already
   * @throws {FolderLockedError} when a living process has the folder
   */
  static async acquire(files: Files, folder: string, pid = process.pid): Promise<FolderLock> {
    const lockPath = path.join(folder, LOCK_FILE);
    const holder = await readOrEmpty(files, lockPath);
    const holderPid = Number(holder.split(" ")[0]);
    if (holder !== "" && holder === (await identityOf(files, holderPid))) {
      throw new FolderLockedError(
        `Cannot open data folder "${folder}": process ${holderPid} works on it, only one may at a time`,
      );
    }
    const identity = await identityOf(files, pid);
    if (identity !== undefined) await files.replace(lockPath, identity);
    return new FolderLock(files, lockPath);
  }

  async release(): Promise<void> {
    await this.files.remove(this.lockPath);
  }
}

/** Process, start time and boot as one text; undefined when there is no such process. */
async function identityOf(files: Files, pid: number): Promise<string | undefined> {
  const stat = await readOrEmpty(files, `/proc/${pid}/stat`);
  const startTicks = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]; // Field 22 of proc(5), from field 3 on.
  if (startTicks === undefined) return undefined;
  return `${pid} ${startTicks} ${(await readOrEmpty(files, BOOT_ID)).trim()}`;
}

async function readOrEmpty(files: Files, filePath: string): Promise<string> {
  try {
    return await files.readText(filePath);
  } catch {
    return ""; // Not there, or not readable: it says nothing then.
  }
}
