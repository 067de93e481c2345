import { randomBytes } from "node:crypto";
import path from "node:path";
import { messageOf } from "../../../exporter/shared/model/errors.js";
import { TEMPORARY_SUFFIX, type Files } from "../../../exporter/shared/platform/files.js";
import type { Logger } from "../../../exporter/shared/platform/logger.js";
import {
  decodeOutboxMessage,
  outboxMessageToJson,
  type OutboxMessage,
} from "../messages/outbox-message.js";

/** Messages hold addresses and facts about machines. */
const OWNER_ONLY = { mode: 0o600 };

export const MAX_REJECTED_MESSAGES = 100;
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

  /** Reads the messages of an earlier run, oldest first. Damaged files are set aside. */
  async *load(): AsyncGenerator<StoredMessage> {
    const { files, folder } = this.options;
    await files.makeFolder(path.join(folder, "rejected"));
    for (const { name, isFolder } of await files.list(folder)) {
      if (isFolder) continue;
      if (name.endsWith(TEMPORARY_SUFFIX)) await files.remove(path.join(folder, name));
      else if (name.endsWith(SUFFIX)) {
        const stored = await this.readStored(name.slice(0, -SUFFIX.length));
        if (stored !== undefined) yield stored;
      }
    }
  }

  /** Returns undefined after setting a damaged file aside. */
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
      const text = await this.options.files.readText(this.pathOf(id));
      return { id, message: decodeOutboxMessage(text), sizeBytes: Buffer.byteLength(text) };
    } catch (error) {
      await this.setAside(`${id}${SUFFIX}`, error);
      return undefined;
    }
  }

  private async setAside(file: string, problem: unknown): Promise<void> {
    const { folder, log } = this.options;
    this.counts.damaged++;
    log.error("Cannot read stored message, it is set aside", { file, error: messageOf(problem) });
    try {
      await this.rejected.setAside(path.join(folder, file), file);
    } catch (error) {
      log.error("Cannot set message aside", { file, error: messageOf(error) });
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

  /** Moves a file that cannot be read. */
  async setAside(filePath: string, name: string): Promise<void> {
    if ((await this.files.facts(filePath)) === undefined) return;
    await this.files.rename(filePath, path.join(this.folder, `${name}.damaged`));
    await this.makeRoom();
  }

  private async makeRoom(): Promise<void> {
    const entries = await this.files.list(this.folder);
    for (const { name } of entries.slice(0, Math.max(0, entries.length - MAX_REJECTED_MESSAGES))) {
      await this.files.remove(path.join(this.folder, name));
    }
  }
}
