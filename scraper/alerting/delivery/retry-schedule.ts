import type { Clock } from "../../../exporter/shared/platform/clock.js";
import { DeliveryLane, FaultState } from "./delivery-lane.js";
import type { QueuedMessage } from "./message-queue.js";

/** Concurrent deliveries: in all, to one server, of one integration. */
export const MAX_DELIVERIES = 24;
export const MAX_DELIVERIES_PER_SERVER = 4;
export const MAX_DELIVERIES_PER_INTEGRATION = 2;
/** Deliveries of integrations that failed last time; the others are left to those that work. */
const MAX_FAILING_DELIVERIES = MAX_DELIVERIES / 2;

/**
 * What an attempt failed at, and so what waits before the next one:
 *
 * - `connection`: the server cannot be reached; every message to it waits
 * - `unavailable`: the server answers, but not for this integration now (5xx, 404, a stall)
 * - `denied`: the integration must be corrected (wrong password) or slow down (429)
 * - `message`: other messages of the integration may pass
 */
export type Fault = "connection" | "unavailable" | "denied" | "message";

/** Each delay is twice the one before, from the first to the longest. */
export const RETRY_DELAYS_MS: Readonly<Record<Fault, { first: number; longest: number }>> = {
  // One attempt at a time, so that groups are notified seconds after the server has come back.
  connection: { first: 1_000, longest: 10_000 },
  unavailable: { first: 5_000, longest: 60_000 },
  denied: { first: 5_000, longest: 600_000 },
  message: { first: 5_000, longest: 600_000 },
};
const JITTER = 0.2;

/** Names the server that a message goes to. */
export type ServerOf = (message: Pick<QueuedMessage, "receiver" | "integration">) => string;

interface ScheduleOptions {
  readonly clock: Clock;
  /** From 0 to 1, for the jitter of retries. */
  readonly random: () => number;
  readonly serverOf: ServerOf;
}

/**
 * Decides which message is tried next. Each integration has a lane: one that fails holds up its own
 * messages only. A server that cannot be reached holds up all lanes to it and gets one attempt at a
 * time.
 */
export class RetrySchedule {
  private readonly lanes = new Map<string, DeliveryLane>();
  private servers = new Map<string, FaultState>();
  /** Groups and integrations with a delivery under way: a newer message waits for its end. */
  private readonly aboutUnderWay = new Set<string>();
  private underWay = 0;
  private failingUnderWay = 0;

  constructor(private readonly options: ScheduleOptions) {}

  add(message: QueuedMessage): void {
    this.laneOf(message).add(message, this.options.clock.monotonicMs());
  }

  remove(message: QueuedMessage): void {
    this.laneOf(message).remove(message);
  }

  /** Takes the next message that may be tried now; undefined when there is none. */
  next(): QueuedMessage | undefined {
    const nowMs = this.options.clock.monotonicMs();
    for (const [name, lane] of this.lanes) {
      if (!this.hasRoomFor(lane) || (lane.nextMs(nowMs) ?? Number.POSITIVE_INFINITY) > nowMs) {
        continue;
      }
      const message = lane.take(nowMs, ({ about }) => this.aboutUnderWay.has(about));
      if (message === undefined) continue;
      this.lanes.delete(name); // To the end: every lane has its turn.
      this.lanes.set(name, lane);
      return message;
    }
    return undefined;
  }

  /** When a message that has to wait may be tried, on the monotonic clock. */
  get nextMs(): number | undefined {
    const nowMs = this.options.clock.monotonicMs();
    let earliestMs: number | undefined;
    for (const lane of this.lanes.values()) {
      const nextMs = lane.nextMs(nowMs);
      // The end of a delivery wakes the loop for the others.
      if (nextMs === undefined || nextMs <= nowMs) continue;
      earliestMs = Math.min(earliestMs ?? nextMs, nextMs);
    }
    return earliestMs;
  }

  /** Counts a delivery as under way. */
  begin(message: QueuedMessage): Delivery {
    const lane = this.laneOf(message);
    const { receiver, server } = lane;
    const rounds = { receiver: receiver.round, server: server.round };
    const isFailing = receiver.failures > 0;
    message.isUnderWay = true;
    this.aboutUnderWay.add(message.about);
    this.countUnderWay(lane.receiver, server, isFailing, 1);
    return {
      succeed: () => [receiver.succeed(), server.succeed()].includes(true),
      fail: (fault) => {
        const nowMs = this.options.clock.monotonicMs();
        const delayOf = (failures: number): number => this.delayMs(fault, failures);
        if (fault === "message") {
          message.notBeforeMs = nowMs + delayOf(++message.failures);
          return { delayMs: message.notBeforeMs - nowMs, failures: message.failures };
        }
        const failing = fault === "connection" ? server : receiver;
        if (fault !== "connection") server.succeed();
        failing.fail(rounds[fault === "connection" ? "server" : "receiver"], nowMs, delayOf);
        return {
          delayMs: Math.max(0, failing.notBeforeMs - nowMs),
          failures: failing.failures,
        };
      },
      end: () => {
        message.isUnderWay = false;
        this.aboutUnderWay.delete(message.about);
        this.countUnderWay(receiver, server, isFailing, -1);
      },
    };
  }

  /** Allows an attempt of every message immediately, to the servers of the present configuration. */
  retryNow(): void {
    this.servers = new Map();
    for (const [name, lane] of this.lanes) {
      lane.retryNow();
      if (lane.isIdle) {
        this.lanes.delete(name);
        continue;
      }
      const { receiver, integration } = placeOf(name);
      lane.server = this.serverNamed(this.options.serverOf({ receiver, integration }));
    }
  }

  private hasRoomFor({ receiver, server }: DeliveryLane): boolean {
    if (this.underWay >= MAX_DELIVERIES) return false;
    if (server.underWay >= (server.failures > 0 ? 1 : MAX_DELIVERIES_PER_SERVER)) return false;
    if (receiver.failures === 0) return receiver.underWay < MAX_DELIVERIES_PER_INTEGRATION;
    // The last place at a server is not for integrations that fail.
    return (
      receiver.underWay === 0 &&
      this.failingUnderWay < MAX_FAILING_DELIVERIES &&
      server.underWay < MAX_DELIVERIES_PER_SERVER - 1
    );
  }

  private countUnderWay(
    receiver: FaultState,
    server: FaultState,
    isFailing: boolean,
    change: 1 | -1,
  ): void {
    receiver.underWay += change;
    server.underWay += change;
    this.underWay += change;
    if (isFailing) this.failingUnderWay += change;
  }

  private laneOf(message: Pick<QueuedMessage, "receiver" | "integration">): DeliveryLane {
    const name = laneName(message);
    const known = this.lanes.get(name);
    if (known !== undefined) return known;
    const lane = new DeliveryLane(this.serverNamed(this.options.serverOf(message)));
    this.lanes.set(name, lane);
    return lane;
  }

  private serverNamed(name: string): FaultState {
    const known = this.servers.get(name);
    if (known !== undefined) return known;
    const state = new FaultState();
    this.servers.set(name, state);
    return state;
  }

  /**
   * The delay after `failures` failures in a row, up to a fifth shorter or longer, so that many
   * masters do not return to one server at the same time.
   */
  private delayMs(fault: Fault, failures: number): number {
    const { first, longest } = RETRY_DELAYS_MS[fault];
    const delayMs = Math.min(longest, first * 2 ** Math.min(failures - 1, 20));
    return Math.round(delayMs * (1 - JITTER + 2 * JITTER * this.options.random()));
  }
}

const laneName = ({ receiver, integration }: Pick<QueuedMessage, "receiver" | "integration">) =>
  `${integration}/${receiver}`;

function placeOf(name: string): Pick<QueuedMessage, "receiver" | "integration"> {
  const slash = name.indexOf("/");
  return { integration: Number(name.slice(0, slash)), receiver: name.slice(slash + 1) };
}

/** One attempt to deliver a message, bound to the server it started with: a reload may change servers. */
export interface Delivery {
  /**
   * The server took the message.
   *
   * @returns whether the integration or its server had failed before
   */
  succeed(): boolean;
  /** Delays the next attempt of everything that the fault concerns. */
  fail(fault: Fault): { readonly delayMs: number; readonly failures: number };
  end(): void;
}
