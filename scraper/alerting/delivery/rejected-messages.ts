import path from "node:path";
import type { Files } from "../../../exporter/shared/platform/files.js";
import { outboxMessageToJson, type OutboxMessage } from "../messages/outbox-message.js";

export const MAX_REJECTED_MESSAGES = 100;

/** Messages that will not be tried again, kept for people to look at. The oldest go first. */
export class RejectedMessages {
  private sequence = 0;

  constructor(
    private readonly files: Files,
    private readonly folder: string,
  ) {}

  async keep(
    id: string,
    message: OutboxMessage,
    refusals: readonly { readonly recipient: string; readonly reply: string }[],
  ): Promise<void> {
    const content = { refusals, message: outboxMessageToJson(message) };
    // One message can be refused by several recipients at different times.
    const name = `${id}-${this.sequence++}.json`;
    await this.files.replace(
      path.join(this.folder, name),
      `${JSON.stringify(content, undefined, 2)}\n`,
    );
    await this.makeRoom();
  }

  /** Moves a file that could not be read. */
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
