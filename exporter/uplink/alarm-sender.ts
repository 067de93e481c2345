import type { AlarmReceiver } from "../alarms/alarm-board.js";
import { Labels } from "../shared/model/labels.js";
import { counter, gauge, type MetricsSource, type Sample } from "../shared/model/metric.js";
import type { Clock } from "../shared/platform/clock.js";
import type { Logger } from "../shared/platform/logger.js";
import { WakeableSleep } from "../shared/platform/wakeable-sleep.js";
import { ALERTS_PATH, encodeAlarms, type Alarm } from "../shared/protocol/pushed-alarm.js";
import type { AlarmOutbox, OutboxEntry } from "./alarm-outbox.js";
import { MASTER_OUTCOMES, type MasterClient, type MasterOutcome } from "./master-client.js";
import { MasterLog } from "./master-log.js";
import { RetryDelay } from "./retry-delay.js";

export const ALARM_SENDER_METRICS = {
  deliveries: counter({
    name: "pihealth_alarm_deliveries_total",
    help: "Alarm messages sent to a master, by outcome.",
    labels: ["master", "outcome"],
  }),
  outboxEntries: gauge({
    name: "pihealth_alarm_outbox_entries",
    help: "Alarms in the outbox: active ones, and ended ones that some master has not accepted yet.",
  }),
  dropped: counter({
    name: "pihealth_alarms_dropped_total",
    help: "Alarms dropped before delivery because the outbox was full or a stored alarm was unreadable.",
  }),
};

const MAX_ALARMS_PER_MESSAGE = 64;
const FIRST_RETRY_MS = 1000;
/** An alarm reaches a master within 5 s of its return. */
const MAX_RETRY_MS = 4000;
/** A master that refuses the token waits for a person. */
const MAX_RETRY_AFTER_REFUSAL_MS = 60_000;
/** An alarm that every master accepts within this time is not written to disk. */
const KEEP_AFTER_MS = 1000;
/** Masters consider an alarm ended after this many missing repetitions. */
const REPETITIONS_UNTIL_OVER = 4;

interface AlarmSenderParts {
  readonly masters: readonly string[];
  readonly resendIntervalMs: number;
  readonly outbox: AlarmOutbox;
  readonly client: MasterClient;
  readonly clock: Clock;
  readonly log: Logger;
  /** 0 to below 1. */
  readonly random: () => number;
}

/** The state of an entry that one master has accepted. */
interface Taken {
  readonly isOver: boolean;
  readonly monotonicMs: number;
}

interface MasterState {
  readonly taken: WeakMap<OutboxEntry, Taken>;
  readonly counts: Map<MasterOutcome, number>;
  readonly pause: WakeableSleep;
  readonly log: MasterLog;
}

/**
 * Sends every alarm to every master: at once, repeatedly while it lasts, and when it has ended,
 * until the master has accepted it. A master that is away delays no other. Each master has a loop
 * of its own.
 */
export class AlarmSender implements AlarmReceiver, MetricsSource {
  readonly metrics = Object.values(ALARM_SENDER_METRICS);
  private readonly stopping = new AbortController();
  private readonly masters: ReadonlyMap<string, MasterState>;
  private readonly lasting = new Map<string, OutboxEntry>();
  private readonly keeping = new Set<Promise<void>>();
  private loops: Promise<void>[] = [];

  constructor(private readonly parts: AlarmSenderParts) {
    this.masters = new Map(
      parts.masters.map((master) => [master, newMasterState(master, parts, this.stopping.signal)]),
    );
    for (const entry of parts.outbox.entries) {
      if (entry.alarm.endsAtMs === undefined) this.lasting.set(keyOf(entry.alarm), entry);
    }
  }

  start(): void {
    this.loops = [...this.masters].map(([master, state]) => this.deliver(master, state));
  }

  /** When this returns, every alarm that is active or not accepted by all masters is on disk. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all([...this.loops, ...this.keeping]);
    await Promise.all(this.parts.outbox.entries.map((entry) => this.parts.outbox.save(entry)));
  }

  raise(alarm: Alarm, collector: string): void {
    const entry = this.parts.outbox.add(alarm, collector);
    this.lasting.set(keyOf(alarm), entry);
    this.announce(entry);
  }

  renew(alarm: Alarm): void {
    const entry = this.lasting.get(keyOf(alarm));
    if (entry !== undefined) entry.alarm = alarm;
  }

  clear(alarm: Alarm): void {
    const entry = this.lasting.get(keyOf(alarm));
    if (entry === undefined) return;
    this.lasting.delete(keyOf(alarm));
    entry.alarm = alarm;
    this.announce(entry);
  }

  readMetrics(): Sample[] {
    const { outbox } = this.parts;
    const deliveries = [...this.masters].flatMap(([master, { counts }]) =>
      MASTER_OUTCOMES.map((outcome) =>
        ALARM_SENDER_METRICS.deliveries.sample(counts.get(outcome) ?? 0, { master, outcome }),
      ),
    );
    return [
      ...deliveries,
      ALARM_SENDER_METRICS.outboxEntries.sample(outbox.entries.length),
      ALARM_SENDER_METRICS.dropped.sample(outbox.droppedCount),
    ];
  }

  private announce(entry: OutboxEntry): void {
    for (const { pause } of this.masters.values()) pause.wake();
    const kept = this.keepUnlessTaken(entry).finally(() => this.keeping.delete(kept));
    this.keeping.add(kept);
  }

  private async keepUnlessTaken(entry: OutboxEntry): Promise<void> {
    // stop() saves all alarms.
    await this.parts.clock.sleep(KEEP_AFTER_MS, this.stopping.signal).catch(() => undefined);
    if (!this.isTakenByAll(entry)) await this.parts.outbox.save(entry);
  }

  private isTakenByAll(entry: OutboxEntry): boolean {
    const isOver = entry.alarm.endsAtMs !== undefined;
    return [...this.masters.values()].every(({ taken }) => taken.get(entry)?.isOver === isOver);
  }

  private async deliver(master: string, state: MasterState): Promise<void> {
    const { random } = this.parts;
    const delayUpTo = (maxMs: number): RetryDelay =>
      new RetryDelay({ firstMs: FIRST_RETRY_MS, maxMs, random });
    const away = delayUpTo(MAX_RETRY_MS);
    const refusing = delayUpTo(MAX_RETRY_AFTER_REFUSAL_MS);
    while (!this.stopping.signal.aborted) {
      const due = this.dueFor(state);
      if (due.length === 0) {
        await state.pause.sleep(this.untilNextDueMs(state));
        continue;
      }
      const outcome = await this.send(master, state, due);
      if (outcome !== "refused") refusing.reset();
      if (isDone(outcome) || outcome === "timeout") away.reset();
      // A connection that gets no answer has waited long enough: it is tried again after 1 s.
      if (!isDone(outcome)) {
        await state.pause.sleep((outcome === "refused" ? refusing : away).nextMs());
      }
    }
  }

  private dueFor(state: MasterState): OutboxEntry[] {
    const due = this.parts.outbox.entries.filter((entry) => this.waitMs(state, entry) <= 0);
    return due.slice(0, MAX_ALARMS_PER_MESSAGE);
  }

  private untilNextDueMs(state: MasterState): number {
    const waits = this.parts.outbox.entries.map((entry) => this.waitMs(state, entry));
    return Math.min(this.parts.resendIntervalMs, ...waits);
  }

  /**
   * Time until the entry has to be sent; Infinity when it does not have to be sent in its present
   * state.
   */
  private waitMs({ taken }: MasterState, entry: OutboxEntry): number {
    const before = taken.get(entry);
    const isOver = entry.alarm.endsAtMs !== undefined;
    if (before === undefined || before.isOver !== isOver) return 0;
    if (isOver) return Number.POSITIVE_INFINITY;
    return before.monotonicMs + this.parts.resendIntervalMs - this.parts.clock.monotonicMs();
  }

  private async send(
    master: string,
    state: MasterState,
    entries: readonly OutboxEntry[],
  ): Promise<MasterOutcome> {
    const { clock, client, resendIntervalMs } = this.parts;
    const sent = entries.map((entry) => ({ entry, alarm: entry.alarm }));
    const lastingUntilMs = clock.wallMs() + REPETITIONS_UNTIL_OVER * resendIntervalMs;
    const body = encodeAlarms(
      sent.map(({ alarm }) => alarm),
      lastingUntilMs,
    );
    const reply = await client.post(`${master}${ALERTS_PATH}`, body, this.stopping.signal);
    if (this.stopping.signal.aborted && reply.outcome !== "ok") return reply.outcome;
    state.counts.set(reply.outcome, (state.counts.get(reply.outcome) ?? 0) + 1);
    state.log.logChange(reply);
    if (reply.outcome === "rejected" && entries.length > 1)
      return this.sendSingly(master, state, entries);
    if (isDone(reply.outcome))
      await Promise.all(sent.map(({ entry, alarm }) => this.markTaken(state, entry, alarm)));
    return reply.outcome;
  }

  /** Sends alarms one by one, so that one that the master rejects does not block the others. */
  private async sendSingly(
    master: string,
    state: MasterState,
    entries: readonly OutboxEntry[],
  ): Promise<MasterOutcome> {
    for (const entry of entries) {
      const outcome = await this.send(master, state, [entry]);
      if (!isDone(outcome)) return outcome;
    }
    return "ok";
  }

  /** @param sent the alarm as it was sent; it may have ended since */
  private async markTaken(state: MasterState, entry: OutboxEntry, sent: Alarm): Promise<void> {
    const { clock, outbox } = this.parts;
    const isRepetition = state.taken.has(entry);
    state.taken.set(entry, {
      isOver: sent.endsAtMs !== undefined,
      monotonicMs: clock.monotonicMs(),
    });
    if (entry.alarm.endsAtMs === undefined) {
      if (isRepetition) await outbox.save(entry);
    } else if (this.isTakenByAll(entry)) {
      for (const { taken } of this.masters.values()) taken.delete(entry);
      await outbox.remove(entry);
    }
  }
}

/** A rejected alarm would be rejected again. */
const isDone = (outcome: MasterOutcome): boolean => outcome === "ok" || outcome === "rejected";

function newMasterState(
  master: string,
  { clock, log }: AlarmSenderParts,
  stop: AbortSignal,
): MasterState {
  return {
    taken: new WeakMap(),
    counts: new Map(),
    pause: new WakeableSleep(clock, stop),
    log: new MasterLog({ master, what: "alarms", clock, log }),
  };
}

function keyOf({ labels }: Alarm): string {
  return Labels.of(labels).key;
}
