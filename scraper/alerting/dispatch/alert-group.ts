import type { Labels } from "../../../exporter/shared/model/labels.js";
import { compareAlerts } from "../alerts/alert-order.js";
import { isResolvedAt, type StoredAlert } from "../alerts/alert-store.js";
import { groupKeyOf, type Route } from "../config/route.js";
import type { Reason } from "./decision.js";

/** Resolved alerts that a group keeps while receivers have not been notified of their end. */
export const MAX_KEPT_RESOLVED = 1000;
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
  /** Resolved alerts that went through a flush: their notification may still wait for a server. */
  private readonly flushedResolved = new Map<string, StoredAlert>();
  private next: NextFlush;
  private lastFlushMs: number | undefined;

  /**
   * @param nowMonotonicMs arrival of the first alert
   * @param onNextFlush is called whenever the time of the next flush changes
   */
  constructor(
    readonly route: Route,
    readonly labels: Labels,
    nowMonotonicMs: number,
    private readonly onNextFlush: (group: AlertGroup) => void = () => undefined,
  ) {
    this.key = groupKeyOf(route, labels);
    this.next = { atMs: nowMonotonicMs + route.groupWaitMs, reason: "group_wait" };
    onNextFlush(this);
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

  /** In the order of a notification. */
  members(): StoredAlert[] {
    return [...this.alerts.values()].sort(compareAlerts);
  }

  put(alert: StoredAlert, now: { wallMs: number; monotonicMs: number }): void {
    const { groupWaitMs, delaysAlarms } = this.route;
    const previous = this.alerts.get(alert.fingerprint);
    // Rules send a resolved alert again for a while; it leaves with the one that was flushed.
    if (this.flushedResolved.has(alert.fingerprint) && isResolvedAt(alert, now.wallMs)) {
      this.flushedResolved.set(alert.fingerprint, alert);
    }
    const isNew = previous === undefined || isResolvedAt(previous, now.wallMs);
    this.alerts.set(alert.fingerprint, alert);
    if (this.lastFlushMs === undefined && alert.startsAtMs + groupWaitMs < now.wallMs) {
      this.flushBy({ atMs: now.monotonicMs, reason: "fired_for_group_wait" });
    }
    if (isNew && alert.isImmediate && !delaysAlarms && !isResolvedAt(alert, now.wallMs)) {
      this.flushBy({ atMs: this.earliestAlarmMs(now.monotonicMs), reason: "pushed_alarm" });
    }
  }

  /** Takes over the timing of the same group in the configuration before a reload. */
  continueFrom({ lastFlushMs, next }: AlertGroup): void {
    this.lastFlushMs = lastFlushMs;
    if (lastFlushMs === undefined) return;
    this.setNext({ atMs: lastFlushMs + this.route.groupIntervalMs, reason: "group_interval" });
    this.flushBy(next);
  }

  beginFlush(nowMonotonicMs: number): void {
    this.lastFlushMs = nowMonotonicMs;
    this.setNext({
      atMs: nowMonotonicMs + this.route.groupIntervalMs,
      reason: "group_interval",
    });
  }

  /**
   * Marks resolved alerts as flushed. They stay in the group, and so in its next notification, until
   * `forgetFlushed` says that receivers know of their end.
   */
  markFlushed(resolved: readonly StoredAlert[]): void {
    for (const alert of resolved) this.flushedResolved.set(alert.fingerprint, alert);
    this.forgetOldest(this.flushedResolved.size - MAX_KEPT_RESOLVED);
  }

  /** Forgets the resolved alerts of past flushes, unless they have changed since. */
  forgetFlushed(): void {
    this.forgetOldest(this.flushedResolved.size);
  }

  private forgetOldest(count: number): void {
    for (const [fingerprint, alert] of this.flushedResolved) {
      if (count-- <= 0) return;
      this.flushedResolved.delete(fingerprint);
      if (this.alerts.get(fingerprint) === alert) this.alerts.delete(fingerprint);
    }
  }

  private setNext(next: NextFlush): void {
    this.next = next;
    this.onNextFlush(this);
  }

  private flushBy(earlier: NextFlush): void {
    if (earlier.atMs < this.next.atMs) this.setNext(earlier);
  }

  private earliestAlarmMs(nowMonotonicMs: number): number {
    return this.lastFlushMs === undefined
      ? nowMonotonicMs
      : Math.max(nowMonotonicMs, this.lastFlushMs + MIN_ALARM_SPACING_MS);
  }
}

export const groupIdOf = (route: Route, labels: Labels): string => `${route.place}\n${labels.key}`;
