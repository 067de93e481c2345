import { randomBytes } from "node:crypto";
import path from "node:path";
import { messageOf } from "../../../exporter/shared/model/errors.js";
import type { Clock } from "../../../exporter/shared/platform/clock.js";
import { TEMPORARY_SUFFIX, type Files } from "../../../exporter/shared/platform/files.js";
import type { Logger } from "../../../exporter/shared/platform/logger.js";
import { retryDelayMs } from "./backoff.js";
import type { NotificationRecord } from "../alerts/notification-log.js";
import {
  decodeOutboxMessage,
  encodeOutboxMessage,
  type OutboxMessage,
  type OutboxPayload,
} from "../messages/outbox-message.js";
import { RejectedMessages } from "./rejected-messages.js";
import { WakeableSleep } from "../../../exporter/shared/platform/wakeable-sleep.js";

export const MAX_OUTBOX_MESSAGES = 1000;
export const MAX_OUTBOX_BYTES = 32 * 1024 * 1024;
/** A message that could not be delivered for this long is set aside: nobody acts on it any more. */
export const MAX_MESSAGE_AGE_MS = 5 * 86_400_000;
/** Deliveries at a time: to all servers, and to one. */
export const MAX_DELIVERIES = 6;
export const MAX_DELIVERIES_PER_SERVER = 2;

/** What became of one attempt. */
export interface DeliveryOutcome {
  /** What must be tried again; undefined when nothing is left to do. */
  readonly rest: OutboxPayload | undefined;
  /** Who will never get it, and what the server said. */
  readonly refusals: readonly { readonly recipient: string; readonly reply: string }[];
  /** Why there is a rest. */
  readonly problem: string;
  /**
   * The server as a whole is the problem, so that other messages need not be tried before it
   * recovers.
   */
  readonly isServerProblem: boolean;
}

/** Never rejects: every failure is an outcome. */
export type Deliver = (message: OutboxMessage, signal: AbortSignal) => Promise<DeliveryOutcome>;

interface OutboxOptions {
  readonly files: Files;
  readonly folder: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** From 0 to 1, for the jitter of retries. */
  readonly random: () => number;
  readonly deliver: Deliver;
  /** Names the server a message goes to: servers must not wait for each other. */
  readonly serverOf: (message: Pick<OutboxMessage, "receiver" | "integration">) => string;
}

interface Waiting {
  readonly id: string;
  readonly receiver: string;
  readonly integration: number;
  readonly createdAtMs: number;
  sizeBytes: number;
  /** Kept here too when the disk did not take it. */
  unsaved: OutboxMessage | undefined;
  isReleased: boolean;
  isUnderWay: boolean;
  failures: number;
  notBeforeMs: number;
}

interface ServerState {
  underWay: number;
  failures: number;
  notBeforeMs: number;
}

export interface OutboxCounts {
  delivered: number;
  failedAttempts: number;
  refusedRecipients: number;
  dropped: number;
  tooOld: number;
  damaged: number;
  unsaved: number;
}

/**
 * Messages on disk until a server has taken them. One file each, named so that the oldest sorts
 * first.
 */
export class Outbox {
  readonly counts: OutboxCounts = {
    delivered: 0,
    failedAttempts: 0,
    refusedRecipients: 0,
    dropped: 0,
    tooOld: 0,
    damaged: 0,
    unsaved: 0,
  };
  private readonly waiting = new Map<string, Waiting>();
  private readonly servers = new Map<string, ServerState>();
  private readonly deliveries = new Set<Promise<void>>();
  private readonly stopLoop = new AbortController();
  private readonly cutDeliveries = new AbortController();
  private readonly sleep: WakeableSleep;
  private readonly rejected: RejectedMessages;
  private totalBytes = 0;
  private sequence = 0;
  private loop: Promise<void> | undefined;

  constructor(private readonly options: OutboxOptions) {
    this.sleep = new WakeableSleep(options.clock, this.stopLoop.signal);
    this.rejected = new RejectedMessages(options.files, path.join(options.folder, "rejected"));
  }

  get size(): { messages: number; bytes: number } {
    return { messages: this.waiting.size, bytes: this.totalBytes };
  }

  /** Age of the oldest message, or 0. */
  get oldestAgeMs(): number {
    const [oldest] = this.waiting.values();
    return oldest === undefined ? 0 : Math.max(0, this.options.clock.wallMs() - oldest.createdAtMs);
  }

  /**
   * Reads what an earlier run left.
   *
   * @returns its notification records, for the log
   */
  async load(): Promise<NotificationRecord[]> {
    const { files, folder } = this.options;
    await files.makeFolder(path.join(folder, "rejected"));
    const records: NotificationRecord[] = [];
    for (const { name, isFolder } of await files.list(folder)) {
      if (isFolder) continue;
      if (name.endsWith(TEMPORARY_SUFFIX)) await files.remove(path.join(folder, name));
      else if (name.endsWith(".json")) records.push(...(await this.adopt(name)));
    }
    return records;
  }

  start(): void {
    this.loop ??= this.run();
  }

  /**
   * Lets deliveries under way end for at most `graceMs`: cutting one may repeat its message later.
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

  /**
   * Stores a message; it is sent after `release`. Never rejects: when the disk does not take it,
   * memory does.
   */
  async put(message: OutboxMessage): Promise<string> {
    const text = encodeOutboxMessage(message);
    const id = this.newId(message.createdAtMs);
    const entry = this.remember(id, message, Buffer.byteLength(text), false);
    try {
      await this.options.files.replace(this.pathOf(id), text);
    } catch (error) {
      entry.unsaved = message;
      this.counts.unsaved++;
      this.options.log.warn("cannot store message, it is kept in memory", {
        id,
        error: messageOf(error),
      });
    }
    await this.makeRoom();
    return id;
  }

  release(id: string): void {
    const entry = this.waiting.get(id);
    if (entry !== undefined) entry.isReleased = true;
    this.sleep.wake();
  }

  /** Tries everything again at once: a new configuration may have corrected the cause. */
  retryNow(): void {
    for (const entry of this.waiting.values()) entry.notBeforeMs = 0;
    this.servers.forEach((server) => (server.notBeforeMs = 0));
    this.sleep.wake();
  }

  private newId(createdAtMs: number): string {
    const order = String(Math.max(0, createdAtMs)).padStart(15, "0");
    return `${order}-${String(this.sequence++ % 1_000_000).padStart(6, "0")}-${randomBytes(4).toString("hex")}`;
  }

  private pathOf(id: string): string {
    return path.join(this.options.folder, `${id}.json`);
  }

  private async adopt(name: string): Promise<NotificationRecord[]> {
    const { files, folder } = this.options;
    try {
      const text = await files.readText(path.join(folder, name));
      const message = decodeOutboxMessage(text);
      this.remember(name.slice(0, -".json".length), message, Buffer.byteLength(text), true);
      return [message.record];
    } catch (error) {
      await this.setAside(name, error);
      return [];
    }
  }

  private async setAside(name: string, problem: unknown): Promise<void> {
    const { folder, log } = this.options;
    this.counts.damaged++;
    log.error("cannot read stored message, it is set aside", {
      file: name,
      error: messageOf(problem),
    });
    try {
      await this.rejected.setAside(path.join(folder, name), name);
    } catch (error) {
      log.error("cannot set message aside", { file: name, error: messageOf(error) });
    }
  }

  private remember(
    id: string,
    message: OutboxMessage,
    sizeBytes: number,
    isReleased: boolean,
  ): Waiting {
    const { receiver, integration, createdAtMs } = message;
    const entry = {
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
    };
    this.waiting.set(id, entry);
    this.totalBytes += sizeBytes;
    return entry;
  }

  private async makeRoom(): Promise<void> {
    for (const entry of this.waiting.values()) {
      if (this.waiting.size <= MAX_OUTBOX_MESSAGES && this.totalBytes <= MAX_OUTBOX_BYTES) return;
      if (entry.isUnderWay) continue;
      this.counts.dropped++;
      const { id, receiver } = entry;
      this.options.log.error("Outbox is full, its oldest message is dropped", { id, receiver });
      await this.remove(entry);
    }
  }

  private async run(): Promise<void> {
    while (!this.stopLoop.signal.aborted) await this.sleep.sleepUntil(this.startDue());
  }

  /**
   * @returns when the next message may be tried, on the monotonic clock; undefined: when something
   * changes
   */
  private startDue(): number | undefined {
    const nowMs = this.options.clock.monotonicMs();
    let nextMs: number | undefined;
    for (const entry of this.waiting.values()) {
      if (!entry.isReleased || entry.isUnderWay) continue;
      const server = this.serverStateOf(entry);
      const notBeforeMs = Math.max(entry.notBeforeMs, server.notBeforeMs);
      if (notBeforeMs > nowMs) nextMs = Math.min(nextMs ?? notBeforeMs, notBeforeMs);
      else if (
        this.deliveries.size < MAX_DELIVERIES &&
        server.underWay < MAX_DELIVERIES_PER_SERVER
      ) {
        this.begin(entry, server);
      }
    }
    return nextMs;
  }

  private serverStateOf(entry: Waiting): ServerState {
    const name = this.options.serverOf(entry);
    const known = this.servers.get(name);
    if (known !== undefined) return known;
    const state = { underWay: 0, failures: 0, notBeforeMs: 0 };
    this.servers.set(name, state);
    return state;
  }

  private begin(entry: Waiting, server: ServerState): void {
    entry.isUnderWay = true;
    server.underWay++;
    const delivery = this.attempt(entry, server).finally(() => {
      entry.isUnderWay = false;
      server.underWay--;
      this.deliveries.delete(delivery);
      this.sleep.wake();
    });
    this.deliveries.add(delivery);
  }

  private async attempt(entry: Waiting, server: ServerState): Promise<void> {
    const message = await this.read(entry);
    if (message === undefined) return;
    const outcome = await this.options.deliver(message, this.cutDeliveries.signal);
    if (outcome.refusals.length > 0) await this.reject(entry, message, outcome);
    if (outcome.rest === undefined) {
      server.failures = 0;
      if (outcome.refusals.length === 0) this.counts.delivered++;
      await this.remove(entry);
    } else await this.retryLater(entry, server, message, outcome);
  }

  private async read(entry: Waiting): Promise<OutboxMessage | undefined> {
    if (entry.unsaved !== undefined) return entry.unsaved;
    try {
      return decodeOutboxMessage(await this.options.files.readText(this.pathOf(entry.id)));
    } catch (error) {
      await this.setAside(`${entry.id}.json`, error);
      this.forget(entry);
      return undefined;
    }
  }

  private async reject(
    entry: Waiting,
    message: OutboxMessage,
    outcome: DeliveryOutcome,
  ): Promise<void> {
    const { refusals } = outcome;
    this.counts.refusedRecipients += refusals.length;
    for (const { recipient, reply } of refusals) {
      this.options.log.error("message refused for good", {
        id: entry.id,
        receiver: entry.receiver,
        recipient,
        reply,
      });
    }
    await this.keepRejected(entry.id, message, refusals);
  }

  private async keepRejected(
    id: string,
    message: OutboxMessage,
    refusals: DeliveryOutcome["refusals"],
  ): Promise<void> {
    try {
      await this.rejected.keep(id, message, refusals);
    } catch (error) {
      this.options.log.warn("cannot store refused message", { id, error: messageOf(error) });
    }
  }

  private async retryLater(
    entry: Waiting,
    server: ServerState,
    message: OutboxMessage,
    { rest, problem, isServerProblem }: DeliveryOutcome,
  ): Promise<void> {
    const { clock, log, random } = this.options;
    if (this.cutDeliveries.signal.aborted) return; // Stopping is nobody's failure.
    this.counts.failedAttempts++;
    if (clock.wallMs() - entry.createdAtMs > MAX_MESSAGE_AGE_MS) {
      this.counts.tooOld++;
      log.error("message could not be delivered for 5 days, it is set aside", {
        id: entry.id,
        problem,
      });
      await this.keepRejected(entry.id, message, [{ recipient: entry.receiver, reply: problem }]);
      await this.remove(entry);
      return;
    }
    if (rest !== undefined && rest !== message.payload)
      await this.shrink(entry, { ...message, payload: rest });
    const failures = isServerProblem ? ++server.failures : ++entry.failures;
    const delayMs = retryDelayMs(failures, random);
    const notBeforeMs = clock.monotonicMs() + delayMs;
    if (isServerProblem) server.notBeforeMs = notBeforeMs;
    else entry.notBeforeMs = notBeforeMs;
    log.warn("message not delivered, will be tried again", {
      id: entry.id,
      problem,
      retry_in_ms: delayMs,
    });
  }

  /**
   * Stores what is left after some recipients were served, so that a restart does not serve them
   * again.
   */
  private async shrink(entry: Waiting, message: OutboxMessage): Promise<void> {
    const text = encodeOutboxMessage(message);
    this.totalBytes += Buffer.byteLength(text) - entry.sizeBytes;
    entry.sizeBytes = Buffer.byteLength(text);
    try {
      await this.options.files.replace(this.pathOf(entry.id), text);
      entry.unsaved = undefined;
    } catch (error) {
      entry.unsaved = message;
      this.counts.unsaved++;
      this.options.log.warn("cannot store message, it is kept in memory", {
        id: entry.id,
        error: messageOf(error),
      });
    }
  }

  private forget(entry: Waiting): void {
    if (this.waiting.delete(entry.id)) this.totalBytes -= entry.sizeBytes;
  }

  private async remove(entry: Waiting): Promise<void> {
    this.forget(entry);
    try {
      await this.options.files.remove(this.pathOf(entry.id));
      await this.options.files.syncFolder(this.options.folder);
    } catch (error) {
      const detail = "cannot remove delivered message, it may be sent again after a restart";
      this.options.log.error(detail, { id: entry.id, error: messageOf(error) });
    }
  }
}
