import path from "node:path";
import { BadInputError } from "../../exporter/shared/model/errors.js";
import { FAMILIES } from "../../exporter/shared/model/family.js";
import type { Files } from "../../exporter/shared/platform/files.js";
import type { Logger } from "../../exporter/shared/platform/logger.js";
import { makeStateFolder, readStateFile } from "../../exporter/shared/platform/state-file.js";
import { DEFAULT_FILE_NAMES, type FileNames } from "./host-log-settings.js";

/** Owner of the plain names when no file names another port. */
const USUAL_PORT = 8732;
/**
 * File in a log folder with the port of the exporter that owns the plain names, in decimal digits.
 */
export const OWNER_FILE = "port";
const MAX_OWNER_BYTES = 1024;

/**
 * Decides the names of logs when two exporters run at one address. The first one that is logged
 * gets the plain names (`memory.log`), also after a restart. The others have their port in the
 * names (`memory-8733.log`).
 */
export class LogOwners {
  private readonly ports = new Map<string, number | Promise<number>>();

  constructor(
    private readonly files: Files,
    private readonly log: Logger,
    private readonly fileNames: FileNames = DEFAULT_FILE_NAMES,
  ) {}

  /**
   * The suffix in the names of the logs of this exporter.
   *
   * @throws the system's error
   */
  async suffixFor(logFolder: string, port: number): Promise<string> {
    return suffixOf(port, await this.ownerOf(logFolder, port));
  }

  /**
   * Same as `suffixFor`, without waiting for the disk: for suffixes that are known, and for folders
   * without logs.
   *
   * @returns undefined when `suffixFor` has to be used
   * @throws the system's error
   */
  suffixSync(logFolder: string, port: number): string | undefined {
    const owner = this.ports.get(logFolder);
    if (owner !== undefined) return typeof owner === "number" ? suffixOf(port, owner) : undefined;
    if (port !== USUAL_PORT || !this.files.makeFolderSync(logFolder)) return undefined;
    this.ports.set(logFolder, port);
    return "";
  }

  /**
   * The port whose logs have the plain names. If nobody owns them, the given port becomes the
   * owner.
   *
   * @throws the system's error
   */
  async ownerOf(logFolder: string, port = USUAL_PORT): Promise<number> {
    const known = this.ports.get(logFolder) ?? this.find(logFolder, port);
    this.ports.set(logFolder, known);
    try {
      const owner = await known;
      if (this.ports.get(logFolder) === known) this.ports.set(logFolder, owner);
      return owner;
    } catch (error) {
      this.ports.delete(logFolder);
      throw error;
    }
  }

  forget(logFolder: string): void {
    this.ports.delete(logFolder);
  }

  private async find(logFolder: string, port: number): Promise<number> {
    const { files } = this;
    const file = path.join(logFolder, OWNER_FILE);
    if ((await files.facts(logFolder)) === undefined)
      await makeStateFolder(files, logFolder, this.log);
    const owner = await readStateFile({
      files,
      log: this.log,
      filePath: file,
      maxBytes: MAX_OWNER_BYTES,
      decode: decodeOwner,
      effect: "the next exporter that is logged gets the plain names",
    });
    if (owner !== undefined) return owner;
    if (await this.hasPlainLogs(logFolder)) return USUAL_PORT;
    if (port !== USUAL_PORT) await files.replace(file, `${port}\n`);
    return port;
  }

  /** Also true for logs of versions that wrote no owner file. */
  private async hasPlainLogs(logFolder: string): Promise<boolean> {
    const entries = await this.files.list(logFolder);
    const plain = new Set(FAMILIES.map((family) => this.fileNames[family]));
    return entries.some(({ name }) => plain.has(name));
  }
}

function suffixOf(port: number, owner: number): string {
  return port === owner ? "" : `-${port}`;
}

/** @throws {BadInputError} */
export function decodeOwner(text: string): number {
  if (/^\d{1,5}$/.test(text.trim())) return Number(text);
  throw new BadInputError("Cannot read the owner of the logs: the file must contain a port");
}
