import path from "node:path";
import { messageOf } from "../model/errors.js";
import type { Files } from "./files.js";
import type { Logger } from "./logger.js";

const ASIDE = /^(.+)\.aside-(\d{1,15})$/;
/** Files of one name that are kept aside; the oldest are deleted first. Folders are never deleted. */
const MAX_ASIDE = 3;
/** Files of all names that are kept aside in one folder. */
const MAX_ASIDE_IN_FOLDER = 100;

/** The name that a file had before it was moved aside; undefined for other names. */
export const nameBeforeAside = (name: string): string | undefined => ASIDE.exec(name)?.[1];

/**
 * Renames something that stands where a program keeps its own file, such as a folder in place of a
 * file, to `<name>.aside-<number>`, so that nothing of it is destroyed. Logs the reason, the new name
 * and the effect in one line.
 *
 * @returns false when it could not be renamed
 */
export async function moveAside(
  files: Files,
  filePath: string,
  log: Logger,
  why: { readonly error: string; readonly effect: string },
): Promise<boolean> {
  const { error, effect } = why;
  try {
    const now = await nextAside(files, filePath);
    await files.rename(filePath, now);
    log.error("Unusable file moved aside", { file: filePath, error, now, effect });
    return true;
  } catch (renameError) {
    const details = { file: filePath, error, rename: messageOf(renameError), effect };
    log.error("Cannot use file, and cannot move it aside", details);
    return false;
  }
}

/** A free name. Makes room for it. */
export async function nextAside(files: Files, filePath: string): Promise<string> {
  const { dir, base } = path.parse(filePath);
  const entries = await files.list(dir === "" ? "." : dir).catch(() => []);
  const aside = entries
    .filter(({ name, isFolder }) => !isFolder && nameBeforeAside(name) !== undefined)
    .map(({ name }) => name);
  const ofThis = entries
    .filter(({ name }) => nameBeforeAside(name) === base)
    .map(({ name }) => Number(ASIDE.exec(name)?.[2]))
    .sort((left, right) => left - right);
  const excess = new Set([
    ...allBut(MAX_ASIDE - 1, ofThis).map((number) => `${base}.aside-${number}`),
    ...allBut(MAX_ASIDE_IN_FOLDER - 1, aside),
  ]);
  for (const name of excess)
    if (aside.includes(name)) await files.remove(path.join(dir, name)).catch(() => undefined);
  return `${filePath}.aside-${(ofThis.at(-1) ?? 0) + 1}`;
}

const allBut = <Item>(last: number, items: readonly Item[]): readonly Item[] =>
  items.slice(0, Math.max(0, items.length - last));
