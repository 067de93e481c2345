/**
 * The file system as the other rooms see it: an interface that callers receive through their
 * constructor. `real-files.ts` implements it with node:fs, tests implement it in memory.
 */

/**
 * Suffix of the file that `replace` writes first. After a power cut such a file may be left; it can
 * be deleted at start.
 */
export const TEMPORARY_SUFFIX = ".tmp";

export interface FileEntry {
  readonly name: string;
  /** False for links, also to folders. */
  readonly isFolder: boolean;
  readonly isLink: boolean;
}

export interface FileFacts {
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  readonly isFolder: boolean;
  /** True for a regular file; false for folders, pipes, sockets and devices. */
  readonly isFile: boolean;
}

/** A path of the system: text, or bytes that are not UTF-8. */
export type SystemPath = string | Uint8Array;

/** Size and free space of a mounted file system. */
export interface FileSystemFacts {
  readonly sizeBytes: number;
  readonly availableBytes: number;
  readonly freeBytes: number;
  readonly inodes: number;
  readonly freeInodes: number;
}

/** A file open for appending. */
export interface AppendFile {
  /** Size of the file, including bytes that are not yet synced. */
  readonly sizeBytes: number;
  /**
   * Rejects with the system's error (ENOSPC, EIO, EROFS). A prefix of `bytes` may then have been
   * written.
   */
  append(bytes: Uint8Array): Promise<void>;
  /** Resolves when all appended bytes survive a power cut. */
  sync(): Promise<void>;
  truncate(sizeBytes: number): Promise<void>;
  close(): Promise<void>;
}

/** A file open for reading at any offset. */
export interface ReadFile {
  readonly sizeBytes: number;
  /** Returns fewer bytes than `length` only at the end of the file. */
  read(offsetBytes: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/**
 * The operations on the file system that this project uses. They reject with the system's own
 * errors; callers decide by `code` (`ENOENT`, `ENOSPC`). Paths are absolute or relative to the
 * working folder.
 */
export interface Files {
  readBytes(filePath: string): Promise<Uint8Array>;
  readText(filePath: string): Promise<string>;
  /** Entries sorted by name, without the folder `lost+found` of the file system. */
  list(folder: string): Promise<FileEntry[]>;
  /** Undefined when the path does not exist, also for a link to nothing. */
  facts(filePath: string): Promise<FileFacts | undefined>;
  /** False when this user may not read the file. */
  isReadable(filePath: string): Promise<boolean>;
  fileSystemFacts(filePath: SystemPath): Promise<FileSystemFacts>;
  /** Target of a symbolic link as it is written; undefined when the path is no link. */
  readLink(filePath: string): Promise<string | undefined>;
  makeFolder(folder: string): Promise<void>;
  /**
   * Opens a file for appending and creates it when it does not exist. A pipe without a reader is an
   * error.
   */
  openAppend(filePath: string): Promise<AppendFile>;
  openRead(filePath: string): Promise<ReadFile>;
  /**
   * Replaces a whole file atomically: writes a temporary file in the same folder, syncs it, renames
   * it and syncs the folder.
   */
  replace(
    filePath: string,
    content: Uint8Array | string,
    options?: { readonly mode?: number },
  ): Promise<void>;
  /**
   * Appends without syncing, for logs that may lose their end in a power cut. Creates the file when
   * it does not exist.
   */
  appendUnsynced(filePath: string, content: Uint8Array | string): Promise<void>;
  /**
   * Synchronous `appendUnsynced`. For thousands of small writes it takes a tenth of the CPU time,
   * but it blocks the event loop.
   *
   * @returns the size of the file in bytes
   */
  appendSync(filePath: string, content: string): number;
  /**
   * Synchronous `makeFolder`.
   *
   * @returns false when the folder already exists
   */
  makeFolderSync(folder: string): boolean;
  rename(fromPath: string, toPath: string): Promise<void>;
  /** Deletes a file; does nothing when it does not exist. */
  remove(filePath: string): Promise<void>;
  /** Deletes a folder and its content; does nothing when it does not exist. */
  removeTree(folder: string): Promise<void>;
  /**
   * Claims a name in a folder for this process, until it releases the claim or ends. Holds across
   * namespaces and containers that share the folder.
   *
   * @returns undefined when another process holds the claim; a function that releases it
   */
  claim(filePath: string): Promise<(() => Promise<void>) | undefined>;
  /** Syncs a folder, so that renames, creations and deletions in it survive a power cut. */
  syncFolder(folder: string): Promise<void>;
}
