import type { OutboxMessage } from "../messages/outbox-message.js";

export const MAX_OUTBOX_MESSAGES = 1000;
export const MAX_OUTBOX_BYTES = 32 * 1024 * 1024;
const MAX_REMEMBERED_OUTCOMES = 1000;

/** A message of the outbox, without the content, which is on disk. */
export interface QueuedMessage {
  readonly id: string;
  readonly receiver: string;
  readonly integration: number;
  readonly createdAtMs: number;
  sizeBytes: number;
  /** The whole message when the disk did not take it. */
  unsaved: OutboxMessage | undefined;
  /** False until the notification log has its record: then it may be sent. */
  isReleased: boolean;
  isUnderWay: boolean;
  /** Failed attempts in a row that were not the server's fault. */
  failures: number;
  /** The earliest next attempt, on the monotonic clock. */
  notBeforeMs: number;
  /** Why the last attempt failed; the reply to a recipient that was refused for good. */
  problem: string | undefined;
  refusal: string | undefined;
}

export interface MessageOutcome {
  readonly state: "waiting" | "delivered" | "refused" | "dropped" | "too_old" | "damaged";
  /** Why it waits or was not delivered. */
  readonly problem: string | undefined;
}

/** The messages that wait for delivery, oldest first, and how the last ones ended. */
export class MessageQueue implements Iterable<QueuedMessage> {
  private readonly messages = new Map<string, QueuedMessage>();
  private readonly outcomes = new Map<string, MessageOutcome>();
  private totalBytes = 0;

  [Symbol.iterator](): Iterator<QueuedMessage> {
    return this.messages.values();
  }

  get size(): { messages: number; bytes: number } {
    return { messages: this.messages.size, bytes: this.totalBytes };
  }

  get isFull(): boolean {
    return this.messages.size > MAX_OUTBOX_MESSAGES || this.totalBytes > MAX_OUTBOX_BYTES;
  }

  get(id: string): QueuedMessage | undefined {
    return this.messages.get(id);
  }

  add(
    id: string,
    { receiver, integration, createdAtMs }: OutboxMessage,
    { sizeBytes, isReleased }: { readonly sizeBytes: number; readonly isReleased: boolean },
  ): QueuedMessage {
    const queued = {
      id,
      receiver,
      integration,
      createdAtMs,
      sizeBytes,
      isReleased,
      unsaved: undefined,
      isUnderWay: false,
      failures: 0,
      notBeforeMs: 0,
      problem: undefined,
      refusal: undefined,
    };
    this.messages.set(id, queued);
    this.totalBytes += sizeBytes;
    return queued;
  }

  resize(queued: QueuedMessage, sizeBytes: number): void {
    this.totalBytes += sizeBytes - queued.sizeBytes;
    queued.sizeBytes = sizeBytes;
  }

  /** Takes a message out and remembers how it ended. */
  settle(queued: QueuedMessage, outcome: MessageOutcome): void {
    if (this.messages.delete(queued.id)) this.totalBytes -= queued.sizeBytes;
    this.outcomes.set(queued.id, outcome);
    for (const id of this.outcomes.keys()) {
      if (this.outcomes.size <= MAX_REMEMBERED_OUTCOMES) return;
      this.outcomes.delete(id);
    }
  }

  /** Undefined when the message is unknown or ended too long ago. */
  outcomeOf(id: string): MessageOutcome | undefined {
    const queued = this.messages.get(id);
    return queued === undefined
      ? this.outcomes.get(id)
      : { state: "waiting", problem: queued.problem };
  }
}
