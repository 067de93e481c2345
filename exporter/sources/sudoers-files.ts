import { codeOf } from "../shared/model/errors.js";
import type { DiskTree } from "./file-tree.js";
import { sudoersParts, type SudoersInclude } from "./sudoers-text.js";

export interface SudoersFiles {
  /** Lines of all files, in the order in which sudo reads them. */
  readonly lines: readonly string[];
  /** False when there is no sudoers file, or one of its files could not be read. */
  readonly isComplete: boolean;
  /** Files beyond the bound. */
  readonly leftOut: number;
}

const SUDOERS = "etc/sudoers";
const MAX_FILES = 1000;
/** sudo itself follows 128 levels. */
const MAX_DEPTH = 128;

/**
 * Reads /etc/sudoers and the files that it includes, each where it is included.
 *
 * @param hostname of this machine, which include directives may name as `%h`; empty when not known
 */
export async function readSudoers(root: DiskTree, hostname: string): Promise<SudoersFiles> {
  const reader = new Reader(root, hostname.split(".")[0] ?? "");
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
  readonly lines: string[] = [];
  isComplete = true;
  leftOut = 0;
  private files = 0;

  constructor(
    private readonly root: DiskTree,
    private readonly host: string,
  ) {}

  async read(file: string, depth: number): Promise<void> {
    if (depth > MAX_DEPTH || this.files >= MAX_FILES) {
      this.leftOut++;
      return;
    }
    const text = await this.textOf(file);
    if (text === undefined) {
      this.isComplete = false;
      return;
    }
    this.files++;
    for (const part of sudoersParts(text)) {
      if (typeof part === "string") this.lines.push(part);
      else await this.include(part, file, depth + 1);
    }
  }

  /** A relative path starts at the folder of the file that includes it. */
  private async include(
    { isFolder, path }: SudoersInclude,
    from: string,
    depth: number,
  ): Promise<void> {
    if (path.includes("%h") && this.host === "") {
      this.isComplete = false;
      return;
    }
    const named = path.replaceAll("%h", this.host);
    const full = named.startsWith("/") ? named.slice(1) : `${from.replace(/[^/]*$/, "")}${named}`;
    if (!isFolder) await this.read(full, depth);
    else for (const name of await this.filesOf(full)) await this.read(`${full}/${name}`, depth);
  }

  /** sudo reads regular files only. An empty one may be a pipe, whose reading would never end. */
  private async textOf(file: string): Promise<string | undefined> {
    try {
      const isEmpty = (await this.root.sizeBytes(file)) === 0;
      return isEmpty && (await this.root.exists(file)) ? "" : await this.root.readText(file);
    } catch (error) {
      return codeOf(error) === "EISDIR" ? "" : undefined;
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
