/**
 * Messages between the notification pipeline and the servers. Rendered messages come in (`put`,
 * `release`) and stay on disk until a server has taken them. The parts: `MessageFiles` is the disk,
 * `MessageQueue` the memory and its limits, `RetrySchedule` decides when a message is tried, and the
 * loop of `OutboxSender` tries it.
 */
import type { Clock } from "../../../exporter/shared/platform/clock.js";
import type { Files } from "../../../exporter/shared/platform/files.js";
import type { Logger } from "../../../exporter/shared/platform/logger.js";
import type { NotificationRecord } from "../alerts/notification-log.js";
import { encodeOutboxMessage, type OutboxMessage } from "../messages/outbox-message.js";
import { MessageFiles } from "./message-files.js";
import { MessageQueue, type MessageOutcome } from "./message-queue.js";
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
  readonly dropped: number;
  readonly tooOld: number;
  readonly damaged: number;
  readonly unsaved: number;
}

export class Outbox {
  private readonly queue = new MessageQueue();
  private readonly messageFiles: MessageFiles;
  private readonly schedule: RetrySchedule;
  private readonly sender: OutboxSender;
  private dropped = 0;

  constructor(private readonly options: OutboxOptions) {
    const { queue } = this;
    this.messageFiles = new MessageFiles(options);
    this.schedule = new RetrySchedule(options);
    const { messageFiles, schedule } = this;
    this.sender = new OutboxSender({ ...options, queue, messageFiles, schedule });
  }

  get counts(): OutboxCounts {
    return { ...this.messageFiles.counts, ...this.sender.counts, dropped: this.dropped };
  }

  get size(): { messages: number; bytes: number } {
    return this.queue.size;
  }

  /** Age of the oldest message, or 0. */
  get oldestAgeMs(): number {
    const [oldest] = this.queue;
    return oldest === undefined ? 0 : Math.max(0, this.options.clock.wallMs() - oldest.createdAtMs);
  }

  /** Undefined when the message is unknown or ended too long ago. */
  outcomeOf(id: string): MessageOutcome | undefined {
    return this.queue.outcomeOf(id);
  }

  /**
   * Reads the messages of an earlier run.
   *
   * @returns their notification records, for the notification log
   */
  async load(): Promise<NotificationRecord[]> {
    const records: NotificationRecord[] = [];
    for await (const { id, message, sizeBytes } of this.messageFiles.load()) {
      this.queue.add(id, message, { sizeBytes, isReleased: true });
      records.push(message.record);
    }
    return records;
  }

  start(): void {
    this.sender.start();
  }

  /** Waits at most `graceMs` for deliveries under way. */
  async stop(graceMs: number): Promise<void> {
    await this.sender.stop(graceMs);
  }

  /**
   * Stores a message, which is sent after `release`. Never rejects: when the disk does not take the
   * message, it is kept in memory.
   *
   * @returns the id of the message
   */
  async put(message: OutboxMessage): Promise<string> {
    const text = encodeOutboxMessage(message);
    const id = this.messageFiles.newId(message.createdAtMs);
    const sizeBytes = Buffer.byteLength(text);
    const queued = this.queue.add(id, message, { sizeBytes, isReleased: false });
    if (!(await this.messageFiles.write(id, text))) queued.unsaved = message;
    await this.makeRoom();
    return id;
  }

  release(id: string): void {
    const queued = this.queue.get(id);
    if (queued !== undefined) queued.isReleased = true;
    this.sender.wake();
  }

  /** Tries every message again immediately: a new configuration may have corrected the cause. */
  retryNow(): void {
    this.schedule.retryNow(this.queue);
    this.sender.wake();
  }

  private async makeRoom(): Promise<void> {
    for (const queued of this.queue) {
      if (!this.queue.isFull) return;
      if (queued.isUnderWay) continue;
      const { id, receiver, problem } = queued;
      this.dropped++;
      this.options.log.error("Outbox full, oldest message dropped", { id, receiver });
      this.queue.settle(queued, { state: "dropped", problem });
      await this.messageFiles.remove(id);
    }
  }
}
