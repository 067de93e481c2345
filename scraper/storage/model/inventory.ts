import path from "node:path";
import { crc32c } from "../../../exporter/shared/journal/crc32c.js";
import { BadInputError, codeOf, messageOf } from "../../../exporter/shared/model/errors.js";
import type { Files } from "../../../exporter/shared/platform/files.js";
import type { Logger } from "../../../exporter/shared/platform/logger.js";
import { readOwnFile } from "../../../exporter/shared/platform/state-file.js";

/** See inventory.format.md. */
export const INVENTORY_FILE = "inventory";
const HEADER = "pihealth inventory 1";
/** Losses that are remembered at most; the oldest go first. */
const MAX_LOSSES = 10_000;
/** The file is written anew when it has this many lines more than files. */
const MAX_SURPLUS_LINES = 4096;
/** Lines that wait while the disk refuses them. */
const MAX_WAITING_LINES = 100_000;
const MAX_INVENTORY_BYTES = 64 * 1024 * 1024;

/** A file that was in the inventory and is not there any more. */
export interface Loss {
  /** Relative to the data folder. */
  readonly path: string;
  /** When the first start after the loss noticed it, in milliseconds since the Unix epoch. */
  readonly noticedMs: number;
}

/** The files that a data folder should have. */
export interface InventoryContent {
  /** Size in bytes by path relative to the data folder; undefined for a journal segment that is still open. */
  readonly files: ReadonlyMap<string, number | undefined>;
  readonly losses: readonly Loss[];
  /** Lines that do not match their checksum. */
  readonly damagedLines: number;
}

export type InventoryState =
  | { readonly kind: "read"; readonly content: InventoryContent }
  | { readonly kind: "missing" }
  | { readonly kind: "unreadable"; readonly error: unknown };

/** Reads the inventory of a data folder. */
export async function readInventory(files: Files, folder: string): Promise<InventoryState> {
  const filePath = path.join(folder, INVENTORY_FILE);
  try {
    const bytes = await readOwnFile(files, filePath, MAX_INVENTORY_BYTES);
    if (bytes === undefined) return { kind: "missing" };
    return { kind: "read", content: decode(bytes.toString("utf8")) };
  } catch (error) {
    return { kind: "unreadable", error };
  }
}

export interface InventoryParts {
  readonly files: Files;
  readonly folder: string;
  readonly log: Logger;
}

/**
 * The list of blocks and journal segments of a data folder, which shows that one is missing.
 *
 * A file is added after it is complete, and taken out before it is deleted, so that a crash in between
 * leaves a file that is not listed, never a listed one that was deleted on purpose. Failures are logged
 * once, and the lines wait for the next change.
 */
export class Inventory {
  private readonly sizes = new Map<string, number | undefined>();
  private losses: readonly Loss[] = [];
  private waiting: string[] = [];
  private lines = 0;
  private isFailing = false;
  private last: Promise<void> = Promise.resolve();

  constructor(private readonly parts: InventoryParts) {}

  /** Size that a file should have; undefined when it is not listed, or is an open segment. */
  sizeOf(relativePath: string): number | undefined {
    return this.sizes.get(relativePath);
  }

  /** Replaces everything by what is there now, with the losses to be remembered. */
  async begin(
    present: ReadonlyMap<string, number | undefined>,
    losses: readonly Loss[],
  ): Promise<void> {
    this.losses = losses.slice(-MAX_LOSSES);
    for (const [file, sizeBytes] of present) this.sizes.set(file, sizeBytes);
    await this.inOrder(() => this.rewrite());
  }

  /** Notes complete files, or with an undefined size segments that have just begun. */
  add(entries: Iterable<readonly [string, number | undefined]>): Promise<void> {
    for (const [file, sizeBytes] of entries) {
      if (this.sizes.has(file) && this.sizes.get(file) === sizeBytes) continue;
      this.sizes.set(file, sizeBytes);
      this.waiting.push(lineOf(`+ ${sizeBytes ?? "-"} ${file}`));
    }
    return this.inOrder(() => this.write(false));
  }

  /** Notes that files are about to be deleted. Afterwards they may be. */
  forget(relativePaths: readonly string[]): Promise<void> {
    let isChanged = false;
    for (const file of relativePaths) {
      if (!this.sizes.delete(file)) continue;
      this.waiting.push(lineOf(`- ${file}`));
      isChanged = true;
    }
    return isChanged ? this.inOrder(() => this.write(true)) : Promise.resolve();
  }

  private inOrder(work: () => Promise<void>): Promise<void> {
    this.last = this.last.then(work);
    return this.last;
  }

  private async write(isSynced: boolean): Promise<void> {
    if (this.waiting.length === 0) return;
    if (this.lines > 2 * this.sizes.size + MAX_SURPLUS_LINES) return this.rewrite();
    await this.attempt(async (filePath) => {
      const { waiting } = this;
      const file = await this.parts.files.openAppend(filePath);
      try {
        await file.append(Buffer.from(waiting.join("")));
        if (isSynced) await file.sync();
      } finally {
        await file.close();
      }
      this.lines += waiting.length;
      this.waiting = this.waiting.slice(waiting.length);
    });
  }

  private async rewrite(): Promise<void> {
    await this.attempt(async (filePath) => {
      const lines = [
        lineOf(HEADER),
        ...this.losses.map(({ path: file, noticedMs }) => lineOf(`! ${noticedMs} ${file}`)),
        ...Array.from(this.sizes, ([file, sizeBytes]) => lineOf(`+ ${sizeBytes ?? "-"} ${file}`)),
      ];
      await this.parts.files.replace(filePath, lines.join(""));
      this.lines = lines.length;
      this.waiting = [];
    });
  }

  private async attempt(work: (filePath: string) => Promise<void>): Promise<void> {
    const { folder, log } = this.parts;
    try {
      await work(path.join(folder, INVENTORY_FILE));
      this.isFailing = false;
    } catch (error) {
      // A later line says the same again: a list of files that is too short only misses losses.
      this.waiting = this.waiting.slice(-MAX_WAITING_LINES);
      if (!this.isFailing)
        log.warn("Cannot write inventory of data folder, the next change tries again", {
          folder,
          error: messageOf(error),
          code: codeOf(error),
        });
      this.isFailing = true;
    }
  }
}

const lineOf = (text: string): string =>
  `${crc32c(Buffer.from(text)).toString(16).padStart(8, "0")} ${text}\n`;

function decode(text: string): InventoryContent {
  const files = new Map<string, number | undefined>();
  const losses: Loss[] = [];
  let damagedLines = 0;
  let validLines = 0;
  const lines = text.split("\n");
  // The last line may be torn by a crash.
  for (const [index, line] of lines.entries()) {
    const content = line.slice(9);
    if (`${line}\n` !== lineOf(content)) {
      if (index < lines.length - 1) damagedLines++;
      continue;
    }
    validLines++;
    const [, kind, number, file = ""] = /^([+!]) (\d+|-) (.+)$/.exec(content) ?? [];
    if (kind === "+") files.set(file, number === "-" ? undefined : Number(number));
    else if (kind === "!") losses.push({ path: file, noticedMs: Number(number) });
    else if (content.startsWith("- ")) files.delete(content.slice(2));
  }
  if (validLines === 0)
    throw new BadInputError("Cannot read inventory: no line matches its checksum");
  return { files, losses, damagedLines };
}
