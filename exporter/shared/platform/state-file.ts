/**
 * Files in which a program keeps its state between two runs. Whatever stands in their place, such as
 * a folder, a pipe or a damaged file, the program goes on without it, says so once, and keeps it
 * aside.
 */
import path from "node:path";
import { BadInputError, messageOf } from "../model/errors.js";
import type { Files } from "./files.js";
import type { Logger } from "./logger.js";
import { moveAside } from "./move-aside.js";

/** The path does not hold a file that this program can have written. */
export class UnusableFileError extends BadInputError {}

/**
 * Reads a file that this program has written.
 *
 * @returns undefined when nothing is there
 * @throws {UnusableFileError} for anything but a regular file of at most `maxBytes`
 * @throws the system's error
 */
export async function readOwnFile(
  files: Files,
  filePath: string,
  maxBytes: number,
): Promise<Buffer | undefined> {
  const facts = await files.facts(filePath);
  if (facts === undefined) {
    const target = await files.readLink(filePath);
    if (target === undefined) return undefined;
    throw new UnusableFileError(`Cannot read "${filePath}": it is a link to nothing`);
  }
  if (!facts.isFile) {
    const found = facts.isFolder ? "a folder" : "no regular file";
    throw new UnusableFileError(`Cannot read "${filePath}": it is ${found}, it must be a file`);
  }
  if (facts.sizeBytes > maxBytes) {
    const detail = `it has ${facts.sizeBytes} bytes, it must have at most ${maxBytes}`;
    throw new UnusableFileError(`Cannot read "${filePath}": ${detail}`);
  }
  const { buffer, byteOffset, byteLength } = await files.readBytes(filePath);
  return Buffer.from(buffer, byteOffset, byteLength);
}

export interface StateFile<Content> {
  readonly files: Files;
  readonly log: Logger;
  readonly filePath: string;
  readonly maxBytes: number;
  /** @throws an error of any class when the text is not what this program writes */
  readonly decode: (text: string) => Content;
  /** What the program does without the file, for the log: `the node id changes`. */
  readonly effect: string;
}

/**
 * Reads and decodes a state file. A file that cannot be used is moved aside and logged.
 *
 * @returns undefined when there is no file that can be used
 */
export async function readStateFile<Content>(
  state: StateFile<Content>,
): Promise<Content | undefined> {
  const { files, filePath, maxBytes, decode } = state;
  try {
    const bytes = await readOwnFile(files, filePath, maxBytes);
    return bytes === undefined ? undefined : decode(bytes.toString("utf8"));
  } catch (error) {
    await setStateAside(state, error);
    return undefined;
  }
}

/** Moves a state file aside because of `error`, and logs where it is now and what follows. */
export function setStateAside(
  {
    files,
    filePath,
    log,
    effect,
  }: Pick<StateFile<unknown>, "files" | "filePath" | "log" | "effect">,
  error: unknown,
): Promise<boolean> {
  return moveAside(files, filePath, log, { error: messageOf(error), effect });
}

/**
 * Makes a folder of a program's state. Something else at its path is moved aside.
 *
 * @throws the system's error
 */
export async function makeStateFolder(files: Files, folder: string, log: Logger): Promise<void> {
  try {
    await files.makeFolder(folder);
  } catch (error) {
    if (!(await clearFolderPath(files, folder, log).catch(() => false))) throw error;
    await files.makeFolder(folder);
  }
}

/**
 * Moves aside what stands in place of a folder: a file, a link to nothing.
 *
 * @returns true when something was moved
 * @throws the system's error
 */
export async function clearFolderPath(files: Files, folder: string, log: Logger): Promise<boolean> {
  const facts = await files.facts(folder);
  if (facts?.isFolder === true) return false;
  if (facts === undefined && (await files.readLink(folder)) === undefined) return false;
  const found = facts === undefined ? "a link to nothing" : "not a folder";
  const error = `it is ${found}, it must be a folder`;
  return moveAside(files, folder, log, { error, effect: "a new folder is made" });
}

/** Names of the folders in a folder, and of links to folders. */
export async function foldersIn(files: Files, folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const { name, isFolder, isLink } of await files.list(folder)) {
    const isLinked = isLink && (await files.facts(path.join(folder, name)))?.isFolder === true;
    if (isFolder || isLinked) found.push(name);
  }
  return found;
}
