import path from "node:path";
import type { Files } from "../../exporter/shared/platform/files.js";

/** The exporter of this port owns the plain names where nothing else is written down. */
const USUAL_PORT = 8732;
/** In a log folder: the port of the exporter whose logs have the plain names, in decimal digits. */
export const OWNER_FILE = "port";

/**
 * Two exporters may run at one address. The first one that is logged has the plain names (`memory.log`) from then on, also
 * after a restart; any other has its port in them (`memory-8733.log`).
 */
export class LogOwners {
  private readonly ports = new Map<string, number | Promise<number>>();

  constructor(private readonly files: Files) {}

  /**
   * What stands in the names of the logs of this exporter.
   *
   * @throws the system's error
   */
  async suffixFor(logFolder: string, port: number): Promise<string> {
    return suffixOf(port, await this.ownerOf(logFolder, port));
  }

  /**
   * As `suffixFor`, without waiting for the disk's answer: where it is known, and where nothing was logged before.
   *
   * @returns undefined when `suffixFor` has to be asked
   * @throws the system's error
   */
  suffixAtOnce(logFolder: string, port: number): string | undefined {
    const owner = this.ports.get(logFolder);
    if (owner !== undefined) return typeof owner === "number" ? suffixOf(port, owner) : undefined;
    if (port !== USUAL_PORT || !this.files.makeFolderAtOnce(logFolder)) return undefined;
    this.ports.set(logFolder, port);
    return "";
  }

  /**
   * The port whose logs have the plain names: the given one, when nobody has them yet.
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
    if ((await files.facts(logFolder)) === undefined) await files.makeFolder(logFolder);
    else if ((await files.facts(file)) !== undefined) {
      const text = (await files.readText(file)).trim();
      if (/^\d{1,5}$/.test(text)) return Number(text);
    } else if (await this.hasPlainLogs(logFolder)) return USUAL_PORT;
    if (port !== USUAL_PORT) await files.replace(file, `${port}\n`);
    return port;
  }

  /** Also those that carry no mark, as before there were marks. */
  private async hasPlainLogs(logFolder: string): Promise<boolean> {
    const entries = await this.files.list(logFolder);
    return entries.some(({ name }) => /^(memory|cpu|disk|system|users|processes)\.log$/.test(name));
  }
}

function suffixOf(port: number, owner: number): string {
  return port === owner ? "" : `-${port}`;
}
