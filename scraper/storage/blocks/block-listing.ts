import path from "node:path";
import { messageOf } from "../../../exporter/shared/model/errors.js";
import { type Files, TEMPORARY_SUFFIX } from "../../../exporter/shared/platform/files.js";
import type { Logger } from "../../../exporter/shared/platform/logger.js";
import { foldersIn } from "../../../exporter/shared/platform/state-file.js";
import { JOURNAL_FOLDER, SNAPSHOTS_FOLDER } from "../model/data-folder.js";
import { type BlockName, blocksFolder, parseBlockName } from "./block-name.js";

/** Folders of the data folder that hold no tables. */
const OTHER_FOLDERS = [JOURNAL_FOLDER, SNAPSHOTS_FOLDER];
/** Made by mkfs on each file system. */
const LOST_AND_FOUND = "lost+found";

export interface ListingParts {
  readonly files: Files;
  readonly log: Logger;
  readonly dataFolder: string;
  /** True to keep files of unfinished blocks: another program may be writing them. */
  readonly isReadOnly?: boolean;
}

/** Lists the blocks of a data folder, and removes files of unfinished blocks. Failures are logged. */
export class BlockListing {
  /** Folders, relative to the data folder, that could not be listed. */
  readonly unlistable = new Set<string>();

  constructor(private readonly parts: ListingParts) {}

  /** Folders that may hold blocks, relative to the data folder: one or two levels below it. */
  async tableFolders(): Promise<string[]> {
    const found: string[] = [];
    for (const top of await this.subfolders("")) {
      if (OTHER_FOLDERS.includes(top)) continue;
      const below = await this.subfolders(top);
      if (below.includes("blocks")) found.push(top);
      found.push(...below.filter((name) => name !== "blocks").map((name) => `${top}/${name}`));
    }
    return found;
  }

  async blocksIn(folder: string): Promise<BlockName[]> {
    const { files, log, dataFolder, isReadOnly } = this.parts;
    const inFolder = blocksFolder(dataFolder, folder);
    try {
      if ((await files.facts(inFolder)) === undefined) return [];
      const blocks: BlockName[] = [];
      for (const { name, isFolder } of await files.list(inFolder)) {
        const block = isFolder ? undefined : parseBlockName(folder, name);
        if (block !== undefined) blocks.push(block);
        else if (!isFolder && name.endsWith(TEMPORARY_SUFFIX) && isReadOnly !== true)
          await this.removeUnfinished(path.join(inFolder, name));
      }
      return blocks;
    } catch (error) {
      this.unlistable.add(folder);
      log.error("Cannot list blocks", { folder, error: messageOf(error) });
      return [];
    }
  }

  private async subfolders(folder: string): Promise<string[]> {
    const { files, log, dataFolder } = this.parts;
    try {
      const found = await foldersIn(files, path.join(dataFolder, folder));
      return found.filter((name) => name !== LOST_AND_FOUND);
    } catch (error) {
      this.unlistable.add(folder);
      log.error("Cannot list data folder", { folder, error: messageOf(error) });
      return [];
    }
  }

  private async removeUnfinished(file: string): Promise<void> {
    const { files, log } = this.parts;
    try {
      await files.remove(file);
    } catch (error) {
      log.warn("Cannot remove file of an unfinished block", { file, error: messageOf(error) });
    }
  }
}
