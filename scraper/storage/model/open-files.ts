import type { Files, ReadFile } from "../../../exporter/shared/platform/files.js";

interface OpenFile {
  readonly file: Promise<ReadFile>;
  users: number;
  isForgotten: boolean;
}

/** Keeps the most recently used files open for reading. */
export class OpenFiles {
  private readonly byPath = new Map<string, OpenFile>();

  constructor(
    private readonly files: Files,
    private readonly maxOpen: number,
  ) {}

  get count(): number {
    return this.byPath.size;
  }

  /** @throws the system's error when the file cannot be opened, or the error of `use` */
  async use<Result>(filePath: string, use: (file: ReadFile) => Promise<Result>): Promise<Result> {
    const open = this.byPath.get(filePath) ?? this.open(filePath);
    this.byPath.delete(filePath);
    this.byPath.set(filePath, open); // The most recently used file is last.
    open.users++;
    try {
      return await use(await open.file);
    } catch (error) {
      // Whatever the reason was, the next read must open the file again.
      this.forget(filePath, open);
      throw error;
    } finally {
      open.users--;
      await closeUnused(open);
      await this.closeSurplus();
    }
  }

  /** Closes a file as soon as its readers are done. */
  async close(filePath: string): Promise<void> {
    const open = this.byPath.get(filePath);
    if (open === undefined) return;
    this.forget(filePath, open);
    await closeUnused(open);
  }

  async closeAll(): Promise<void> {
    for (const filePath of [...this.byPath.keys()]) await this.close(filePath);
  }

  private open(filePath: string): OpenFile {
    return { file: this.files.openRead(filePath), users: 0, isForgotten: false };
  }

  private forget(filePath: string, open: OpenFile): void {
    open.isForgotten = true;
    if (this.byPath.get(filePath) === open) this.byPath.delete(filePath);
  }

  private async closeSurplus(): Promise<void> {
    for (const [filePath, open] of this.byPath) {
      if (this.byPath.size <= this.maxOpen) return;
      if (open.users > 0) continue;
      this.forget(filePath, open);
      await closeUnused(open);
    }
  }
}

async function closeUnused(open: OpenFile): Promise<void> {
  if (!open.isForgotten || open.users > 0) return;
  const file = await open.file.catch(() => undefined); // It could not be opened.
  await file?.close();
}
