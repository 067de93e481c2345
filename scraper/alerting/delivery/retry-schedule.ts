import type { Clock } from "../../../exporter/shared/platform/clock.js";
import type { OutboxMessage } from "../messages/outbox-message.js";
import type { QueuedMessage } from "./message-queue.js";

/** Concurrent deliveries to all servers, and to one server. */
export const MAX_DELIVERIES = 6;
export const MAX_DELIVERIES_PER_SERVER = 2;

const FIRST_DELAY_MS = 5_000;
const LONGEST_DELAY_MS = 600_000;
const JITTER = 0.2;

/** Names the server that a message goes to. */
export type ServerOf = (message: Pick<OutboxMessage, "receiver" | "integration">) => string;

interface ScheduleOptions {
  readonly clock: Clock;
  /** From 0 to 1, for the jitter of retries. */
  readonly random: () => number;
  readonly serverOf: ServerOf;
}

interface ServerState {
  underWay: number;
  failures: number;
  notBeforeMs: number;
}

/**
 * Decides when a message may be tried. A server that fails holds up its own messages only, and each
 * server gets a bounded number of deliveries at a time.
 */
export class RetrySchedule {
  private readonly servers = new Map<string, ServerState>();
  private underWay = 0;

  constructor(private readonly options: ScheduleOptions) {}

  /** The earliest next attempt of a message, on the monotonic clock. */
  notBeforeMs(message: QueuedMessage): number {
    return Math.max(message.notBeforeMs, this.serverOf(message).notBeforeMs);
  }

  /** True when one more delivery may start to the server of the message. */
  hasRoomFor(message: QueuedMessage): boolean {
    return (
      this.underWay < MAX_DELIVERIES && this.serverOf(message).underWay < MAX_DELIVERIES_PER_SERVER
    );
  }

  /** Counts a delivery as under way. */
  begin(message: QueuedMessage): Delivery {
    const server = this.serverOf(message);
    message.isUnderWay = true;
    server.underWay++;
    this.underWay++;
    return {
      succeed: () => (server.failures = 0),
      fail: (isServerProblem) => this.delay(isServerProblem ? server : message),
      end: () => {
        message.isUnderWay = false;
        server.underWay--;
        this.underWay--;
      },
    };
  }

  /** Allows an attempt of every message immediately. */
  retryNow(messages: Iterable<QueuedMessage>): void {
    for (const message of messages) message.notBeforeMs = 0;
    for (const server of this.servers.values()) server.notBeforeMs = 0;
  }

  private delay(failing: { failures: number; notBeforeMs: number }): number {
    const { clock, random } = this.options;
    const delayMs = retryDelayMs(++failing.failures, random);
    failing.notBeforeMs = clock.monotonicMs() + delayMs;
    return delayMs;
  }

  private serverOf(message: QueuedMessage): ServerState {
    const name = this.options.serverOf(message);
    const known = this.servers.get(name);
    if (known !== undefined) return known;
    const state = { underWay: 0, failures: 0, notBeforeMs: 0 };
    this.servers.set(name, state);
    return state;
  }
}

/** One attempt to deliver a message, bound to the server it started with: a reload may change servers. */
export interface Delivery {
  /** The server took the message. */
  succeed(): void;
  /**
   * Delays the next attempt: of all messages to the server, or of this one.
   *
   * @returns the delay in milliseconds
   */
  fail(isServerProblem: boolean): number;
  end(): void;
}

/**
 * The delay after `failures` failed attempts in a row: 5 s, 10 s, 20 s and so on up to 10 min, each up
 * to a fifth shorter or longer, so that many masters do not return to one server at the same time.
 *
 * @param random from 0 to 1
 */
function retryDelayMs(failures: number, random: () => number): number {
  const delayMs = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(failures - 1, 20));
  return Math.round(delayMs * (1 - JITTER + 2 * JITTER * random()));
}
