import type { Files, ReadFile } from "../../../exporter/shared/platform/files.js";

interface OpenFile {
  readonly file: Promise<ReadFile>;
  users: number;
  isForgotten: boolean;
}

/** Files open for reading, kept open after use: the ones used last, so many at most. */
export class OpenFiles {
  private readonly byPath = new Map<string, OpenFile>();

  constructor(
    private readonly files: Files,
    private readonly maxOpen: number,
  ) {}

  get count(): number {
    return this.byPath.size;
  }

  /** @throws the system's error when it cannot be opened, and what `use` throws */
  async use<Result>(filePath: string, use: (file: ReadFile) => Promise<Result>): Promise<Result> {
    const open = this.byPath.get(filePath) ?? this.open(filePath);
    this.byPath.delete(filePath);
    this.byPath.set(filePath, open); // The newest is last.
    open.users++;
    try {
      return await use(await open.file);
    } catch (error) {
      // Whatever was wrong, the next read finds out anew.
      this.forget(filePath, open);
      throw error;
    } finally {
      open.users--;
      await closeUnused(open);
      await this.closeSurplus();
    }
  }

  /** Closes a file that is no longer wanted, once its readers are done. */
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
  const file = await open.file.catch(() => undefined); // One that never opened needs no closing.
  await file?.close();
}
