import path from "node:path";

const BLOCK_NAME = /^(-?\d{1,16})-(-?\d{1,16})-(\d{1,16})\.block$/;

/** A block file and the facts that its name tells. */
export interface BlockName {
  /** Folder of the host, relative to the data folder. */
  readonly folder: string;
  readonly name: string;
  readonly fromMs: number;
  readonly untilMs: number;
  /** Of two late blocks, the one with the lower number was written first. */
  readonly sequence: number;
}

export function blockFileName(block: Omit<BlockName, "name" | "folder">): string {
  return `${block.fromMs}-${block.untilMs}-${block.sequence}.block`;
}

/** @returns undefined when `name` is not the name of a block */
export function parseBlockName(folder: string, name: string): BlockName | undefined {
  const match = BLOCK_NAME.exec(name);
  if (match === null) return undefined;
  return {
    folder,
    name,
    fromMs: Number(match[1]),
    untilMs: Number(match[2]),
    sequence: Number(match[3]),
  };
}

export const blocksFolder = (dataFolder: string, folder: string): string =>
  path.join(dataFolder, folder, "blocks");

/** Path of a block relative to the data folder. */
export const blockPath = (folder: string, name: string): string =>
  path.join(folder, "blocks", name);
