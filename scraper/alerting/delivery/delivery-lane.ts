import { DueHeap } from "../../base/due-heap.js";
import type { QueuedMessage } from "./message-queue.js";

/** Something that fails as a whole: a server, or one integration of a receiver. */
export class FaultState {
  underWay = 0;
  failures = 0;
  /** The earliest next attempt, on the monotonic clock. */
  notBeforeMs = 0;
  private generation = 0;

  /** A number that tells whether a failure is the first since an attempt began. */
  get round(): number {
    return this.generation;
  }

  /**
   * Counts a failure. Attempts that were under way together fail together, so only the first one
   * counts.
   */
  fail(round: number, nowMs: number, delayOf: (failures: number) => number): void {
    if (round !== this.generation) return;
    this.generation++;
    this.notBeforeMs = nowMs + delayOf(++this.failures);
  }

  /** @returns whether it had failed before */
  succeed(): boolean {
    const hadFailed = this.failures > 0;
    this.clear();
    return hadFailed;
  }

  clear(): void {
    this.failures = 0;
    this.notBeforeMs = 0;
  }
}

/** The messages of one integration, and the state of its retries. */
export class DeliveryLane {
  readonly receiver = new FaultState();
  /** Messages that may be tried at once, the one tried longest ago first. */
  private readonly ready = new Map<string, QueuedMessage>();
  private readonly deferred = new DueHeap<QueuedMessage>();

  /** @param server shared by all lanes to it */
  constructor(public server: FaultState) {}

  add(message: QueuedMessage, nowMs: number): void {
    if (message.notBeforeMs > nowMs) this.deferred.push(message.notBeforeMs, message);
    else this.ready.set(message.id, message);
  }

  remove(message: QueuedMessage): void {
    this.ready.delete(message.id);
  }

  get isIdle(): boolean {
    return (
      this.ready.size === 0 && this.deferred.first === undefined && this.receiver.underWay === 0
    );
  }

  /** Takes the next message that may be tried; `isBlocked` says that an older one is under way. */
  take(nowMs: number, isBlocked: (message: QueuedMessage) => boolean): QueuedMessage | undefined {
    this.admitDeferred(nowMs);
    for (const message of this.ready.values()) {
      if (isBlocked(message)) continue;
      this.ready.delete(message.id);
      return message;
    }
    return undefined;
  }

  /** When a message may be tried next, on the monotonic clock; undefined when there is none. */
  nextMs(nowMs: number): number | undefined {
    this.admitDeferred(nowMs);
    const nextMs = this.ready.size > 0 ? nowMs : this.deferred.first?.atMs;
    if (nextMs === undefined) return undefined;
    return Math.max(nextMs, this.receiver.notBeforeMs, this.server.notBeforeMs);
  }

  /** Allows an attempt of every message immediately. */
  retryNow(): void {
    this.receiver.clear();
    for (let message = this.deferred.pop(); message; message = this.deferred.pop()) {
      if (!isWaiting(message)) continue;
      message.notBeforeMs = 0;
      this.ready.set(message.id, message);
    }
  }

  private admitDeferred(nowMs: number): void {
    for (;;) {
      const message = this.deferred.popDue(nowMs);
      if (message === undefined) return;
      if (isWaiting(message)) this.ready.set(message.id, message);
    }
  }
}

/** False for a message that has been settled or withdrawn while it was deferred. */
const isWaiting = (message: QueuedMessage): boolean => message.isReleased && !message.isUnderWay;
