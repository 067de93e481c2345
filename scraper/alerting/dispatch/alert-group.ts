import type { Labels } from "../../../exporter/shared/model/labels.js";
import { isResolvedAt, type StoredAlert } from "../alerts/alert-store.js";
import { groupKeyOf, type Route } from "../config/route.js";
import type { Reason } from "./decision.js";

/** The shortest time between two notifications of one group that pushed alarms cause. */
export const MIN_ALARM_SPACING_MS = 10_000;

export interface NextFlush {
  /** On the monotonic clock. */
  readonly atMs: number;
  /** Why then: `group_wait`, `group_interval` or an exception to them. */
  readonly reason: Reason;
}

/** The alerts that one route notifies together, and when the group goes through the stages next. */
export class AlertGroup {
  readonly key: string;
  private readonly alerts = new Map<string, StoredAlert>();
  private next: NextFlush;
  private lastFlushMs: number | undefined;

  /** @param nowMonotonicMs arrival of the first alert */
  constructor(
    readonly route: Route,
    readonly labels: Labels,
    nowMonotonicMs: number,
  ) {
    this.key = groupKeyOf(route, labels);
    this.next = { atMs: nowMonotonicMs + route.groupWaitMs, reason: "group_wait" };
  }

  /** Unique among the groups of one configuration. */
  get id(): string {
    return groupIdOf(this.route, this.labels);
  }

  get size(): number {
    return this.alerts.size;
  }

  get nextFlush(): NextFlush {
    return this.next;
  }

  has(fingerprint: string): boolean {
    return this.alerts.has(fingerprint);
  }

  /** Oldest first, then by fingerprint. */
  members(): StoredAlert[] {
    return [...this.alerts.values()].sort(
      (left, right) =>
        left.startsAtMs - right.startsAtMs || (left.fingerprint < right.fingerprint ? -1 : 1),
    );
  }

  put(alert: StoredAlert, now: { wallMs: number; monotonicMs: number }): void {
    const { groupWaitMs, delaysAlarms } = this.route;
    const previous = this.alerts.get(alert.fingerprint);
    const isNew = previous === undefined || isResolvedAt(previous, now.wallMs);
    this.alerts.set(alert.fingerprint, alert);
    if (this.lastFlushMs === undefined && alert.startsAtMs + groupWaitMs < now.wallMs) {
      this.flushBy({ atMs: now.monotonicMs, reason: "fired_for_group_wait" });
    }
    if (isNew && alert.isImmediate && !delaysAlarms && !isResolvedAt(alert, now.wallMs)) {
      this.flushBy({ atMs: this.earliestAlarmMs(now.monotonicMs), reason: "pushed_alarm" });
    }
  }

  /** Takes over the timing of the group with the same key in the configuration before a reload. */
  continueFrom({ lastFlushMs, next }: AlertGroup): void {
    this.lastFlushMs = lastFlushMs;
    if (lastFlushMs === undefined) return;
    this.next = { atMs: lastFlushMs + this.route.groupIntervalMs, reason: "group_interval" };
    this.flushBy(next);
  }

  beginFlush(nowMonotonicMs: number): void {
    this.lastFlushMs = nowMonotonicMs;
    this.next = {
      atMs: nowMonotonicMs + this.route.groupIntervalMs,
      reason: "group_interval",
    };
  }

  /** Forgets resolved alerts after a flush, unless they have changed since. */
  forget(flushed: readonly StoredAlert[]): void {
    for (const alert of flushed) {
      if (this.alerts.get(alert.fingerprint) === alert) this.alerts.delete(alert.fingerprint);
    }
  }

  private flushBy(earlier: NextFlush): void {
    if (earlier.atMs < this.next.atMs) this.next = earlier;
  }

  private earliestAlarmMs(nowMonotonicMs: number): number {
    return this.lastFlushMs === undefined
      ? nowMonotonicMs
      : Math.max(nowMonotonicMs, this.lastFlushMs + MIN_ALARM_SPACING_MS);
  }
}

export const groupIdOf = (route: Route, labels: Labels): string =>
  `${route.receiver}\n${groupKeyOf(route, labels)}`;
