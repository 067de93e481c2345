import { randomBytes } from "node:crypto";
import path from "node:path";
import { codeOf, messageOf } from "../../../exporter/shared/model/errors.js";
import { TEMPORARY_SUFFIX, type Files } from "../../../exporter/shared/platform/files.js";
import type { Logger } from "../../../exporter/shared/platform/logger.js";
import {
  makeStateFolder,
  readOwnFile,
  UnusableFileError,
} from "../../../exporter/shared/platform/state-file.js";
import {
  decodeOutboxMessage,
  outboxMessageToJson,
  type OutboxMessage,
} from "../messages/outbox-message.js";

/** Messages hold addresses and facts about machines. */
const OWNER_ONLY = { mode: 0o600 };

export const MAX_REJECTED_MESSAGES = 100;
/** A larger file is no message of this program. */
export const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;
const SUFFIX = ".json";

/** A recipient that will never get a message, and the server's reply. */
export interface Refusal {
  readonly recipient: string;
  readonly reply: string;
}

export interface StoredMessage {
  readonly id: string;
  readonly message: OutboxMessage;
  readonly sizeBytes: number;
}

interface MessageFilesOptions {
  readonly files: Files;
  readonly folder: string;
  readonly log: Logger;
}

/**
 * The messages of the outbox on disk, one file each, named so that the oldest sorts first. See
 * ../messages/outbox-message.format.md. Failures of the disk are logged and counted here.
 */
export class MessageFiles {
  readonly counts = { unsaved: 0, damaged: 0 };
  private readonly rejected: RejectedMessages;
  private sequence = 0;

  constructor(private readonly options: MessageFilesOptions) {
    const { files, folder } = options;
    this.rejected = new RejectedMessages(files, path.join(folder, "rejected"));
  }

  newId(createdAtMs: number): string {
    const order = String(Math.max(0, createdAtMs)).padStart(15, "0");
    const sequence = String(this.sequence++ % 1_000_000).padStart(6, "0");
    return `${order}-${sequence}-${randomBytes(4).toString("hex")}`;
  }

  /**
   * Reads the messages of an earlier run, oldest first. Damaged files are moved aside. A folder that
   * cannot be used is logged.
   */
  async *load(): AsyncGenerator<StoredMessage> {
    for (const name of await this.names()) {
      if (name.endsWith(SUFFIX)) {
        const stored = await this.readStored(name.slice(0, -SUFFIX.length));
        if (stored !== undefined) yield stored;
      }
    }
  }

  /** Names in the folder, after it was made and temporary files were removed. */
  private async names(): Promise<string[]> {
    const { files, folder, log } = this.options;
    try {
      for (const needed of [folder, path.join(folder, "rejected")])
        await makeStateFolder(files, needed, log);
      const names = (await files.list(folder)).map(({ name }) => name);
      for (const name of names)
        if (name.endsWith(TEMPORARY_SUFFIX)) await files.remove(path.join(folder, name));
      return names;
    } catch (error) {
      const effect = "waiting messages of an earlier run are not sent, new ones wait in memory";
      log.error("Cannot use outbox", { folder, error: messageOf(error), effect });
      return [];
    }
  }

  /** Returns undefined after moving a damaged file aside. */
  async read(id: string): Promise<OutboxMessage | undefined> {
    return (await this.readStored(id))?.message;
  }

  /** Returns false when the disk does not take the message. */
  async write(id: string, text: string): Promise<boolean> {
    try {
      await this.options.files.replace(this.pathOf(id), text, OWNER_ONLY);
      return true;
    } catch (error) {
      this.counts.unsaved++;
      this.options.log.warn("Cannot store message, it is kept in memory", {
        id,
        error: messageOf(error),
      });
      return false;
    }
  }

  async remove(id: string): Promise<void> {
    const { files, folder, log } = this.options;
    try {
      await files.remove(this.pathOf(id));
      await files.syncFolder(folder);
    } catch (error) {
      const detail = "Cannot remove message, it may be sent again after a restart";
      log.error(detail, { id, error: messageOf(error) });
    }
  }

  /** Keeps a message that is not tried again for people to read. */
  async keepRejected(
    id: string,
    message: OutboxMessage,
    refusals: readonly Refusal[],
  ): Promise<void> {
    try {
      await this.rejected.keep(id, message, refusals);
    } catch (error) {
      this.options.log.warn("Cannot store refused message", { id, error: messageOf(error) });
    }
  }

  private pathOf(id: string): string {
    return path.join(this.options.folder, `${id}${SUFFIX}`);
  }

  private async readStored(id: string): Promise<StoredMessage | undefined> {
    try {
      const bytes = await readOwnFile(this.options.files, this.pathOf(id), MAX_MESSAGE_BYTES);
      if (bytes === undefined) throw new UnusableFileError("Cannot read message: it is not there");
      const message = decodeOutboxMessage(bytes.toString("utf8"));
      return { id, message, sizeBytes: bytes.length };
    } catch (error) {
      await this.setAside(`${id}${SUFFIX}`, error);
      return undefined;
    }
  }

  private async setAside(file: string, problem: unknown): Promise<void> {
    const { folder, log } = this.options;
    this.counts.damaged++;
    const filePath = path.join(folder, file);
    const fields = { file: filePath, error: messageOf(problem), effect: "it is not sent" };
    try {
      const now = await this.rejected.setAside(filePath, file);
      log.error("Unusable message moved aside", { ...fields, now });
    } catch (error) {
      const details = { ...fields, rename: messageOf(error) };
      log.error("Cannot use message, and cannot move it aside", details);
    }
  }
}

/** Messages that are not tried again, kept for people to read. The oldest are removed first. */
class RejectedMessages {
  private sequence = 0;

  constructor(
    private readonly files: Files,
    private readonly folder: string,
  ) {}

  async keep(id: string, message: OutboxMessage, refusals: readonly Refusal[]): Promise<void> {
    const content = { refusals, message: outboxMessageToJson(message) };
    // Several recipients can refuse one message at different times.
    const name = `${id}-${this.sequence++}${SUFFIX}`;
    const text = `${JSON.stringify(content, undefined, 2)}\n`;
    await this.files.replace(path.join(this.folder, name), text, OWNER_ONLY);
    await this.makeRoom();
  }

  /**
   * Moves a file that cannot be read.
   *
   * @returns its new path; undefined when the file is not there any more
   */
  async setAside(filePath: string, name: string): Promise<string | undefined> {
    const now = path.join(this.folder, `${name}.damaged`);
    try {
      await this.files.rename(filePath, now);
    } catch (error) {
      if (codeOf(error) === "ENOENT") return undefined;
      throw error;
    }
    await this.makeRoom();
    return now;
  }

  private async makeRoom(): Promise<void> {
    const entries = await this.files.list(this.folder);
    const own = entries.filter(({ isFolder }) => !isFolder);
    for (const { name } of own.slice(0, Math.max(0, own.length - MAX_REJECTED_MESSAGES))) {
      await this.files.remove(path.join(this.folder, name));
    }
  }
}
