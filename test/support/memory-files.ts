import path from "node:path";
import type {
  AppendFile,
  FileEntry,
  FileFacts,
  Files,
  ReadFile,
} from "../../exporter/shared/platform/files.js";

interface MemoryFile {
  /** Content that a reader of the running system sees. */
  content: Buffer;
  /** Content that survives a power cut. */
  durable: Buffer;
  modifiedMs: number;
}

/** The declarations of Buffer.from accept a text or bytes, but no value that may be both. */
const toBuffer = (content: Uint8Array | string): Buffer =>
  typeof content === "string" ? Buffer.from(content) : Buffer.from(content);

/** A fault injected by a test. `undefined` lets the operation succeed. */
export type Fault = (operation: FileOperation, filePath: string) => string | undefined;
export type FileOperation =
  "append" | "sync" | "replace" | "rename" | "remove" | "read" | "list" | "makeFolder";

/**
 * Files in memory that distinguish written from durable bytes.
 *
 * The model of a power cut is strict: unsynced appended bytes survive up to any length
 * (`keepUnsyncedBytes`). Creations, renames and removals are durable at once, as on ext4 with a
 * synced folder.
 */
export class MemoryFiles implements Files {
  private files = new Map<string, MemoryFile>();
  private folders = new Set<string>(["/"]);
  /**
   * Called before every operation. If it returns a code (`ENOSPC`, `EROFS`, `EIO`), the operation
   * fails with it.
   */
  fault: Fault = () => undefined;
  /** Bytes that can be written before ENOSPC. Of a larger write, the part that fits is written. */
  roomBytes = Number.POSITIVE_INFINITY;
  nowMs = 0;

  /** The disk after a power cut that keeps at most `keepUnsyncedBytes` of each unsynced tail. */
  afterPowerCut(keepUnsyncedBytes = 0): MemoryFiles {
    const after = new MemoryFiles();
    after.folders = new Set(this.folders);
    for (const [filePath, file] of this.files) {
      const keepsTail = file.content.length > file.durable.length;
      const length = Math.min(file.content.length, file.durable.length + keepUnsyncedBytes);
      const content = Buffer.from(keepsTail ? file.content.subarray(0, length) : file.durable);
      after.files.set(filePath, { content, durable: content, modifiedMs: file.modifiedMs });
    }
    return after;
  }

  /** Size of a file as a reader sees it; 0 when it does not exist. */
  sizeOf(filePath: string): number {
    return this.files.get(filePath)?.content.length ?? 0;
  }

  /** Bytes of a file that a power cut may lose. */
  unsyncedBytes(filePath: string): number {
    const file = this.files.get(filePath);
    return file === undefined ? 0 : Math.max(0, file.content.length - file.durable.length);
  }

  /** Paths of all files, sorted. */
  paths(): string[] {
    return [...this.files.keys()].sort();
  }

  /** Sets content without faults, as if it had always been there. */
  put(filePath: string, content: Uint8Array | string): void {
    const bytes = toBuffer(content);
    this.addFolders(path.dirname(filePath));
    this.files.set(filePath, { content: bytes, durable: bytes, modifiedMs: this.nowMs });
  }

  async readBytes(filePath: string): Promise<Uint8Array> {
    this.check("read", filePath);
    return Buffer.from(this.existing(filePath).content);
  }

  async readText(filePath: string): Promise<string> {
    return Buffer.from(await this.readBytes(filePath)).toString("utf8");
  }

  async list(folder: string): Promise<FileEntry[]> {
    this.check("list", folder);
    if (!this.folders.has(folder)) throw systemError("ENOENT", folder);
    const found = new Map<string, boolean>();
    for (const candidate of this.files.keys())
      if (path.dirname(candidate) === folder) found.set(candidate, false);
    for (const candidate of this.folders) {
      if (candidate !== folder && path.dirname(candidate) === folder) found.set(candidate, true);
    }
    const entries = [...found].map(([full, isFolder]) => ({
      name: path.basename(full),
      isFolder,
      isLink: false,
    }));
    return entries.sort((left, right) => (left.name < right.name ? -1 : 1));
  }

  async facts(filePath: string): Promise<FileFacts | undefined> {
    const file = this.files.get(filePath);
    if (file !== undefined) {
      const { content, modifiedMs } = file;
      return { sizeBytes: content.length, modifiedMs, isFolder: false, isFile: true };
    }
    return this.folders.has(filePath)
      ? { sizeBytes: 0, modifiedMs: 0, isFolder: true, isFile: false }
      : undefined;
  }

  async isReadable(filePath: string): Promise<boolean> {
    return this.fault("read", filePath) !== "EACCES";
  }

  async fileSystemFacts(): ReturnType<Files["fileSystemFacts"]> {
    const room = Math.min(this.roomBytes, 2 ** 40);
    return {
      sizeBytes: 2 ** 40,
      availableBytes: room,
      freeBytes: room,
      inodes: 1e6,
      freeInodes: 1e6,
    };
  }

  async readLink(): Promise<string | undefined> {
    return undefined;
  }

  async makeFolder(folder: string): Promise<void> {
    this.check("makeFolder", folder);
    this.addFolders(folder);
  }

  async openAppend(filePath: string): Promise<AppendFile> {
    this.check("append", filePath);
    if (!this.files.has(filePath)) this.create(filePath);
    return new MemoryAppendFile(this, filePath);
  }

  async openRead(filePath: string): Promise<ReadFile> {
    this.check("read", filePath);
    const file = this.existing(filePath); // Stays readable after the file is removed, as on Linux.
    return {
      sizeBytes: file.content.length,
      read: async (offsetBytes, length) => {
        this.check("read", filePath);
        return new Uint8Array(file.content.subarray(offsetBytes, offsetBytes + length));
      },
      close: async () => undefined,
    };
  }

  async replace(filePath: string, content: Uint8Array | string): Promise<void> {
    this.check("replace", filePath);
    const bytes = toBuffer(content);
    this.takeRoom(bytes.length, filePath);
    this.requireFolder(filePath);
    this.files.set(filePath, { content: bytes, durable: bytes, modifiedMs: this.nowMs });
  }

  async appendUnsynced(filePath: string, content: Uint8Array | string): Promise<void> {
    this.appendSync(filePath, content);
  }

  appendSync(filePath: string, content: Uint8Array | string): number {
    this.check("append", filePath);
    if (!this.files.has(filePath)) this.create(filePath);
    this.appendTo(filePath, toBuffer(content));
    return this.sizeOf(filePath);
  }

  makeFolderSync(folder: string): boolean {
    this.check("makeFolder", folder);
    const isNew = !this.folders.has(folder);
    this.addFolders(folder);
    return isNew;
  }

  async rename(fromPath: string, toPath: string): Promise<void> {
    this.check("rename", fromPath);
    this.requireFolder(toPath);
    const file = this.files.get(fromPath);
    if (file !== undefined) {
      this.files.set(toPath, file);
      this.files.delete(fromPath);
      return;
    }
    if (!this.folders.has(fromPath)) throw systemError("ENOENT", fromPath);
    this.moveFolder(fromPath, toPath);
  }

  async remove(filePath: string): Promise<void> {
    this.check("remove", filePath);
    this.files.delete(filePath);
  }

  async removeTree(folder: string): Promise<void> {
    this.check("remove", folder);
    for (const filePath of this.files.keys())
      if (filePath.startsWith(`${folder}/`)) this.files.delete(filePath);
    for (const known of this.folders) {
      if (known === folder || known.startsWith(`${folder}/`)) this.folders.delete(known);
    }
  }

  /** Processes of a test are not told apart. */
  async claim(): Promise<() => Promise<void>> {
    return async () => undefined;
  }

  async syncFolder(folder: string): Promise<void> {
    this.check("sync", folder);
  }

  /** For MemoryAppendFile only. */
  check(operation: FileOperation, filePath: string): void {
    const code = this.fault(operation, filePath);
    if (code !== undefined) throw systemError(code, filePath);
  }

  /** For MemoryAppendFile only. */
  existing(filePath: string): MemoryFile {
    const file = this.files.get(filePath);
    if (file === undefined) throw systemError("ENOENT", filePath);
    return file;
  }

  /** For MemoryAppendFile only. Writes what fits, then throws ENOSPC. */
  appendTo(filePath: string, bytes: Buffer): void {
    const file = this.existing(filePath);
    const fitting = bytes.subarray(0, Math.min(bytes.length, this.roomBytes));
    file.content = Buffer.concat([file.content, fitting]);
    file.modifiedMs = this.nowMs;
    this.roomBytes -= fitting.length;
    if (fitting.length < bytes.length) throw systemError("ENOSPC", filePath);
  }

  private create(filePath: string): void {
    this.requireFolder(filePath);
    const empty = Buffer.alloc(0);
    this.files.set(filePath, { content: empty, durable: empty, modifiedMs: this.nowMs });
  }

  private takeRoom(sizeBytes: number, filePath: string): void {
    if (sizeBytes > this.roomBytes) throw systemError("ENOSPC", filePath);
    this.roomBytes -= sizeBytes;
  }

  private requireFolder(filePath: string): void {
    if (!this.folders.has(path.dirname(filePath))) throw systemError("ENOENT", filePath);
  }

  private addFolders(folder: string): void {
    for (let current = folder; !this.folders.has(current); current = path.dirname(current)) {
      this.folders.add(current);
      if (current === ".") break;
    }
  }

  private moveFolder(fromPath: string, toPath: string): void {
    for (const [filePath, file] of [...this.files]) {
      if (!filePath.startsWith(`${fromPath}/`)) continue;
      this.files.set(toPath + filePath.slice(fromPath.length), file);
      this.files.delete(filePath);
    }
    for (const folder of [...this.folders]) {
      if (folder !== fromPath && !folder.startsWith(`${fromPath}/`)) continue;
      this.folders.delete(folder);
      this.folders.add(toPath + folder.slice(fromPath.length));
    }
  }
}

class MemoryAppendFile implements AppendFile {
  constructor(
    private readonly owner: MemoryFiles,
    private readonly filePath: string,
  ) {}

  get sizeBytes(): number {
    return this.owner.existing(this.filePath).content.length;
  }

  async append(bytes: Uint8Array): Promise<void> {
    this.owner.check("append", this.filePath);
    this.owner.appendTo(this.filePath, Buffer.from(bytes));
  }

  async sync(): Promise<void> {
    this.owner.check("sync", this.filePath);
    const file = this.owner.existing(this.filePath);
    file.durable = file.content;
  }

  async truncate(sizeBytes: number): Promise<void> {
    const file = this.owner.existing(this.filePath);
    file.content = file.content.subarray(0, sizeBytes);
    file.durable = file.durable.subarray(0, Math.min(sizeBytes, file.durable.length));
  }

  async close(): Promise<void> {
    // Nothing is held open.
  }
}

function systemError(code: string, filePath: string): Error {
  return Object.assign(new Error(`${code}: simulated, "${filePath}"`), { code });
}
