/**
 * Messages between the notification pipeline and the servers. Rendered messages come in (`put`,
 * `release`) and stay on disk until a server has taken them or a newer message about the same group
 * and integration replaces them. The parts: `MessageFiles` is the disk, `MessageQueue` the memory and
 * its limits, `RetrySchedule` decides when a message is tried, and the loop of `OutboxSender` tries
 * it.
 */
import type { Clock } from "../../../exporter/shared/platform/clock.js";
import type { Files } from "../../../exporter/shared/platform/files.js";
import type { Logger } from "../../../exporter/shared/platform/logger.js";
import type { NotificationRecord } from "../alerts/notification-log.js";
import { encodeOutboxMessage, type OutboxMessage } from "../messages/outbox-message.js";
import { MessageFiles } from "./message-files.js";
import { MessageQueue, type MessageOutcome, type QueuedMessage } from "./message-queue.js";
import { OutboxSender, type Deliver } from "./outbox-sender.js";
import { RetrySchedule, type ServerOf } from "./retry-schedule.js";

interface OutboxOptions {
  readonly files: Files;
  readonly folder: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** From 0 to 1, for the jitter of retries. */
  readonly random: () => number;
  readonly deliver: Deliver;
  readonly serverOf: ServerOf;
}

export interface OutboxCounts {
  readonly delivered: number;
  readonly failedAttempts: number;
  readonly refusedRecipients: number;
  /** Waiting messages that a newer one about the same group and integration has replaced. */
  readonly superseded: number;
  /** Messages not taken because the outbox was full. */
  readonly full: number;
  readonly tooOld: number;
  readonly damaged: number;
  readonly unsaved: number;
}

export class Outbox {
  private readonly queue = new MessageQueue();
  private readonly messageFiles: MessageFiles;
  private readonly schedule: RetrySchedule;
  private readonly sender: OutboxSender;
  private merged = 0;
  private full = 0;
  private isFullLogged = false;

  constructor(private readonly options: OutboxOptions) {
    const { queue } = this;
    this.messageFiles = new MessageFiles(options);
    this.schedule = new RetrySchedule(options);
    const { messageFiles, schedule } = this;
    this.sender = new OutboxSender({ ...options, queue, messageFiles, schedule });
  }

  get counts(): OutboxCounts {
    const { superseded } = this.sender.counts;
    return {
      ...this.messageFiles.counts,
      ...this.sender.counts,
      superseded: superseded + this.merged,
      full: this.full,
    };
  }

  get size(): { messages: number; bytes: number } {
    return this.queue.size;
  }

  /** Age of the message that came first, or 0. A message that a newer one replaces starts anew. */
  get oldestAgeMs(): number {
    const [oldest] = this.queue;
    return oldest === undefined ? 0 : Math.max(0, this.options.clock.wallMs() - oldest.createdAtMs);
  }

  /** Undefined when the message is unknown or ended too long ago. */
  outcomeOf(id: string): MessageOutcome | undefined {
    return this.queue.outcomeOf(id);
  }

  /** Whether a message about this group and integration has not been delivered yet. */
  hasMessageAbout(recordId: string): boolean {
    return this.queue.newestAbout(recordId) !== undefined;
  }

  /**
   * Reads the messages of an earlier run. Of several about one group and integration, the newest
   * counts.
   *
   * @returns their notification records, for the notification log
   */
  async load(): Promise<NotificationRecord[]> {
    const records = new Map<string, NotificationRecord>();
    for await (const { id, message, sizeBytes } of this.messageFiles.load()) {
      const { record } = message;
      const older = this.queue.newestAbout(record.id);
      if (older !== undefined) await this.withdraw(older);
      this.schedule.add(this.queue.add(id, message, { sizeBytes, isReleased: true }));
      records.set(record.id, record);
    }
    return [...records.values()];
  }

  start(): void {
    this.sender.start();
  }

  /** Waits at most `graceMs` for deliveries under way. */
  async stop(graceMs: number): Promise<void> {
    await this.sender.stop(graceMs);
  }

  /**
   * Stores a message, which is sent after `release`. A waiting message about the same group and
   * integration is replaced: receivers are notified of the present state, not of past ones. Never
   * rejects: when the disk does not take the message, it is kept in memory.
   *
   * @param isEssential true for a message that comes once: the limits do not apply to it
   * @returns the id of the message; undefined when the outbox is full
   */
  async put(message: OutboxMessage, { isEssential = false } = {}): Promise<string | undefined> {
    const text = encodeOutboxMessage(message);
    const sizeBytes = Buffer.byteLength(text);
    const waiting = this.queue.newestAbout(message.record.id);
    if (waiting !== undefined && waiting.isReleased && !waiting.isUnderWay) {
      return this.merge(waiting, message, text);
    }
    if (!isEssential && this.queue.isFullFor(sizeBytes)) {
      this.countFull(message.receiver);
      return undefined;
    }
    this.isFullLogged = false;
    const id = this.messageFiles.newId(message.createdAtMs);
    const queued = this.queue.add(id, message, { sizeBytes, isReleased: false });
    if (!(await this.messageFiles.write(id, text))) queued.unsaved = message;
    return id;
  }

  release(id: string): void {
    const queued = this.queue.get(id);
    if (queued !== undefined && !queued.isReleased) {
      queued.isReleased = true;
      this.schedule.add(queued);
    }
    this.sender.wake();
  }

  /** Tries every message again immediately: a new configuration may have corrected the cause. */
  retryNow(): void {
    this.schedule.retryNow();
    this.sender.wake();
  }

  /** Gives the waiting message new content, in the same file and with the same delays. */
  private async merge(
    waiting: QueuedMessage,
    message: OutboxMessage,
    text: string,
  ): Promise<string> {
    this.schedule.remove(waiting);
    waiting.isReleased = false;
    waiting.createdAtMs = message.createdAtMs;
    this.merged++;
    this.queue.resize(waiting, Buffer.byteLength(text));
    const isSaved = await this.messageFiles.write(waiting.id, text);
    waiting.unsaved = isSaved ? undefined : message;
    return waiting.id;
  }

  /** Takes a waiting message back: what it says has ended, and nothing is to be said instead. */
  async withdrawAbout(recordId: string): Promise<void> {
    const waiting = this.queue.newestAbout(recordId);
    if (waiting?.isReleased === true && !waiting.isUnderWay) await this.withdraw(waiting);
  }

  private async withdraw(older: QueuedMessage): Promise<void> {
    this.merged++;
    this.schedule.remove(older);
    this.queue.settle(older, { state: "superseded", problem: older.problem });
    await this.messageFiles.remove(older.id);
  }

  private countFull(receiver: string): void {
    this.full++;
    if (this.isFullLogged) return;
    this.isFullLogged = true;
    this.options.log.error("Outbox full, groups are notified again at their next interval", {
      receiver,
      messages: this.size.messages,
      bytes: this.size.bytes,
    });
  }
}
