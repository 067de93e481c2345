import type { Clock } from "../../../exporter/shared/platform/clock.js";
import type { Logger } from "../../../exporter/shared/platform/logger.js";
import { WakeableSleep } from "../../../exporter/shared/platform/wakeable-sleep.js";
import {
  encodeOutboxMessage,
  type OutboxMessage,
  type OutboxPayload,
} from "../messages/outbox-message.js";
import type { MessageFiles, Refusal } from "./message-files.js";
import type { MessageOutcome, MessageQueue, QueuedMessage } from "./message-queue.js";
import type { Delivery, Fault, RetrySchedule } from "./retry-schedule.js";

/** A message that could not be delivered for this long is set aside: it is too late to act on it. */
export const MAX_MESSAGE_AGE_MS = 5 * 86_400_000;

/** The result of one attempt. */
export interface DeliveryOutcome {
  /** The part that must be tried again; undefined when nothing is left to do. */
  readonly rest: OutboxPayload | undefined;
  readonly refusals: readonly Refusal[];
  /** Why there is a rest. */
  readonly problem: string;
  /** What failed when there is a rest, and so what waits with it. */
  readonly fault: Fault;
}

/** Never rejects: every failure is an outcome. */
export type Deliver = (message: OutboxMessage, signal: AbortSignal) => Promise<DeliveryOutcome>;

interface SenderOptions {
  readonly queue: MessageQueue;
  readonly schedule: RetrySchedule;
  readonly messageFiles: MessageFiles;
  readonly clock: Clock;
  readonly log: Logger;
  readonly deliver: Deliver;
}

interface FailedAttempt {
  readonly problem: string;
  readonly fault: Fault;
  readonly delayMs: number;
  readonly failures: number;
}

/** The loop that tries the messages of the queue until each is delivered, superseded or given up. */
export class OutboxSender {
  readonly counts = {
    delivered: 0,
    failedAttempts: 0,
    refusedRecipients: 0,
    superseded: 0,
    tooOld: 0,
  };
  private readonly deliveries = new Set<Promise<void>>();
  private readonly stopLoop = new AbortController();
  private readonly cutDeliveries = new AbortController();
  private readonly sleep: WakeableSleep;
  private loop: Promise<void> | undefined;

  constructor(private readonly options: SenderOptions) {
    this.sleep = new WakeableSleep(options.clock, this.stopLoop.signal);
  }

  start(): void {
    this.loop ??= this.run();
  }

  /** Makes the loop look at the queue again. */
  wake(): void {
    this.sleep.wake();
  }

  /**
   * Waits at most `graceMs` for deliveries under way: a delivery that is cut may repeat its message
   * later.
   */
  async stop(graceMs: number): Promise<void> {
    this.stopLoop.abort();
    await this.loop;
    const timer = new AbortController();
    const grace = this.options.clock
      .sleep(graceMs, timer.signal)
      .then(() => this.cutDeliveries.abort());
    await Promise.allSettled([...this.deliveries]);
    timer.abort();
    await Promise.allSettled([grace]);
  }

  private async run(): Promise<void> {
    while (!this.stopLoop.signal.aborted) await this.sleep.sleepUntil(this.startDue());
  }

  /** Returns when the next message may be tried, on the monotonic clock; undefined: after a change. */
  private startDue(): number | undefined {
    const { schedule } = this.options;
    for (let queued = schedule.next(); queued !== undefined; queued = schedule.next()) {
      this.begin(queued);
    }
    return schedule.nextMs;
  }

  private begin(queued: QueuedMessage): void {
    const delivery = this.options.schedule.begin(queued);
    const attempt = this.attempt(queued, delivery).finally(() => {
      delivery.end();
      this.deliveries.delete(attempt);
      if (queued.isReleased) this.options.schedule.add(queued);
      this.sleep.wake();
    });
    this.deliveries.add(attempt);
  }

  private async attempt(queued: QueuedMessage, delivery: Delivery): Promise<void> {
    const { queue, messageFiles, deliver } = this.options;
    const message = queued.unsaved ?? (await messageFiles.read(queued.id));
    if (message === undefined) {
      queue.settle(queued, { state: "damaged", problem: undefined });
      return;
    }
    const outcome = await deliver(message, this.cutDeliveries.signal);
    if (outcome.refusals.length > 0) await this.reject(queued, message, outcome.refusals);
    if (outcome.rest !== undefined) {
      await this.retryLater(queued, delivery, message, outcome);
      return;
    }
    if (delivery.succeed()) {
      this.options.log.info("Receiver recovered", { receiver: queued.receiver });
    }
    if (outcome.refusals.length === 0) this.counts.delivered++;
    const state = queued.refusal === undefined ? "delivered" : "refused";
    await this.finish(queued, { state, problem: queued.refusal });
  }

  private async reject(
    queued: QueuedMessage,
    message: OutboxMessage,
    refusals: readonly Refusal[],
  ): Promise<void> {
    const { id, receiver } = queued;
    this.counts.refusedRecipients += refusals.length;
    for (const { recipient, reply } of refusals) {
      queued.refusal ??= reply;
      this.options.log.error("Message refused", { id, receiver, recipient, reply });
    }
    await this.options.messageFiles.keepRejected(id, message, refusals);
  }

  private async retryLater(
    queued: QueuedMessage,
    delivery: Delivery,
    message: OutboxMessage,
    { rest, problem, fault }: DeliveryOutcome,
  ): Promise<void> {
    if (this.cutDeliveries.signal.aborted) return; // The stop cut it, the server did not fail.
    queued.problem = problem;
    this.counts.failedAttempts++;
    const { delayMs, failures } = delivery.fail(fault);
    this.logFailure(queued, { problem, fault, delayMs, failures });
    if (this.options.queue.newestAbout(queued.about) !== queued) {
      this.counts.superseded++;
      await this.finish(queued, { state: "superseded", problem });
      return;
    }
    if (this.options.clock.wallMs() - queued.createdAtMs > MAX_MESSAGE_AGE_MS) {
      await this.giveUp(queued, message, problem);
      return;
    }
    if (rest !== undefined && rest !== message.payload) {
      await this.replace(queued, { ...message, payload: rest });
    }
  }

  /** Logs the first, second, fourth, eighth failure in a row and so on. */
  private logFailure(
    { id, receiver }: QueuedMessage,
    { problem, fault, delayMs, failures }: FailedAttempt,
  ): void {
    const isPowerOfTwo = (failures & (failures - 1)) === 0;
    this.options.log[isPowerOfTwo ? "warn" : "debug"]("Cannot deliver message, it is tried again", {
      id,
      receiver,
      problem,
      fault,
      failures,
      retry_in_ms: delayMs,
    });
  }

  private async giveUp(
    queued: QueuedMessage,
    message: OutboxMessage,
    problem: string,
  ): Promise<void> {
    const { log, messageFiles } = this.options;
    const { id, receiver } = queued;
    this.counts.tooOld++;
    log.error("Cannot deliver message for 5 days, it is set aside", { id, problem });
    await messageFiles.keepRejected(id, message, [{ recipient: receiver, reply: problem }]);
    await this.finish(queued, { state: "too_old", problem });
  }

  /**
   * Stores the rest of a message that some recipients have, so that they do not get it again after a
   * restart.
   */
  private async replace(queued: QueuedMessage, rest: OutboxMessage): Promise<void> {
    const text = encodeOutboxMessage(rest);
    this.options.queue.resize(queued, Buffer.byteLength(text));
    const isSaved = await this.options.messageFiles.write(queued.id, text);
    queued.unsaved = isSaved ? undefined : rest;
  }

  private async finish(queued: QueuedMessage, outcome: MessageOutcome): Promise<void> {
    this.options.queue.settle(queued, outcome);
    await this.options.messageFiles.remove(queued.id);
  }
}
