import { codeOf } from "../shared/model/errors.js";
import type { DiskTree } from "./file-tree.js";
import { sudoersIncludes } from "./sudoers-text.js";

export interface SudoersFiles {
  /** Texts in the order in which sudo reads them. */
  readonly texts: readonly string[];
  /** False when there is no sudoers file, or one of its files could not be read. */
  readonly isComplete: boolean;
  /** Files beyond the bound. */
  readonly leftOut: number;
}

const SUDOERS = "etc/sudoers";
const MAX_FILES = 1000;
/** sudo itself follows 128 levels. */
const MAX_DEPTH = 128;

/** Reads /etc/sudoers and the files that it includes. */
export async function readSudoers(root: DiskTree): Promise<SudoersFiles> {
  const reader = new Reader(root);
  await reader.read(SUDOERS, 0);
  return reader;
}

/** @returns undefined when the file does not exist, or this process may not read it */
export async function readOptional(root: DiskTree, file: string): Promise<string | undefined> {
  try {
    return await root.readText(file);
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "EACCES", "EPERM"].includes(codeOf(error) ?? "")) return undefined;
    throw error;
  }
}

class Reader implements SudoersFiles {
  readonly texts: string[] = [];
  isComplete = true;
  leftOut = 0;

  constructor(private readonly root: DiskTree) {}

  async read(file: string, depth: number): Promise<void> {
    if (depth > MAX_DEPTH || this.texts.length >= MAX_FILES) {
      this.leftOut++;
      return;
    }
    const text = await readOptional(this.root, file);
    if (text === undefined) {
      this.isComplete = false;
      return;
    }
    this.texts.push(text);
    for (const { isFolder, path } of sudoersIncludes(text)) {
      // A relative path starts at the folder of the file that includes it.
      const full = path.startsWith("/") ? path.slice(1) : `${file.replace(/[^/]*$/, "")}${path}`;
      if (!isFolder) await this.read(full, depth + 1);
      else
        for (const name of await this.filesOf(full)) await this.read(`${full}/${name}`, depth + 1);
    }
  }

  /** sudo includes no file with a dot in its name or a tilde at its end. */
  private async filesOf(folder: string): Promise<string[]> {
    try {
      return (await this.root.list(folder, /^[^.]*[^.~]$/)).sort();
    } catch {
      this.isComplete = false; // On some systems the folder is not readable for ordinary users.
      return [];
    }
  }
}
