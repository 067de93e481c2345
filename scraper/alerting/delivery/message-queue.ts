import type { OutboxMessage } from "../messages/outbox-message.js";

/** One message waits for each group and integration, so this is as many as there may be groups. */
export const MAX_OUTBOX_MESSAGES = 10_000;
export const MAX_OUTBOX_BYTES = 32 * 1024 * 1024;
const MAX_REMEMBERED_OUTCOMES = 1000;

/** A message of the outbox, without the content, which is on disk. */
export interface QueuedMessage {
  readonly id: string;
  readonly receiver: string;
  readonly integration: number;
  /** Id of the notification record: the group and the integration that the message is about. */
  readonly about: string;
  createdAtMs: number;
  sizeBytes: number;
  /** The whole message when the disk did not take it. */
  unsaved: OutboxMessage | undefined;
  /** False until the notification log has its record: then it may be sent. */
  isReleased: boolean;
  isUnderWay: boolean;
  /** Failed attempts in a row that were the fault of this message alone. */
  failures: number;
  /** The earliest next attempt, on the monotonic clock. */
  notBeforeMs: number;
  /** Why the last attempt failed; the reply to a recipient that was refused for good. */
  problem: string | undefined;
  refusal: string | undefined;
}

export interface MessageOutcome {
  readonly state: "waiting" | "delivered" | "refused" | "superseded" | "too_old" | "damaged";
  /** Why it waits or was not delivered. */
  readonly problem: string | undefined;
}

/** The messages that wait for delivery, oldest first, and how the last ones ended. */
export class MessageQueue implements Iterable<QueuedMessage> {
  private readonly messages = new Map<string, QueuedMessage>();
  /** The newest message about each group and integration. */
  private readonly newest = new Map<string, QueuedMessage>();
  private readonly outcomes = new Map<string, MessageOutcome>();
  private totalBytes = 0;

  [Symbol.iterator](): Iterator<QueuedMessage> {
    return this.messages.values();
  }

  get size(): { messages: number; bytes: number } {
    return { messages: this.messages.size, bytes: this.totalBytes };
  }

  /** True when one more message of this size does not fit. */
  isFullFor(sizeBytes: number): boolean {
    return (
      this.messages.size >= MAX_OUTBOX_MESSAGES || this.totalBytes + sizeBytes > MAX_OUTBOX_BYTES
    );
  }

  get(id: string): QueuedMessage | undefined {
    return this.messages.get(id);
  }

  /** The newest message about a group and integration that has not been delivered yet. */
  newestAbout(about: string): QueuedMessage | undefined {
    return this.newest.get(about);
  }

  add(
    id: string,
    { receiver, integration, createdAtMs, record }: OutboxMessage,
    { sizeBytes, isReleased }: { readonly sizeBytes: number; readonly isReleased: boolean },
  ): QueuedMessage {
    const queued = {
      id,
      receiver,
      integration,
      about: record.id,
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
    this.newest.set(queued.about, queued);
    this.totalBytes += sizeBytes;
    return queued;
  }

  resize(queued: QueuedMessage, sizeBytes: number): void {
    this.totalBytes += sizeBytes - queued.sizeBytes;
    queued.sizeBytes = sizeBytes;
  }

  /** Takes a message out and remembers how it ended. */
  settle(queued: QueuedMessage, outcome: MessageOutcome): void {
    queued.isReleased = false;
    if (this.messages.delete(queued.id)) this.totalBytes -= queued.sizeBytes;
    if (this.newest.get(queued.about) === queued) this.newest.delete(queued.about);
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
