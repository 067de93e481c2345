import type { Labels } from "../../../exporter/shared/model/labels.js";
import { isResolvedAt, type StoredAlert } from "./alert-store.js";
import { groupKeyOf, type Route } from "../config/route.js";

/**
 * An alarm mails its group at once, but a group is not mailed more often than this for new alarms.
 */
export const MIN_ALARM_SPACING_MS = 10_000;

/** Alerts that one route told together, and when to tell of them next. */
export class AlertGroup {
  readonly key: string;
  private readonly alerts = new Map<string, StoredAlert>();
  private flushAtMs: number;
  private lastFlushMs: number | undefined;

  /** @param nowMonotonicMs when the first alert came */
  constructor(
    readonly route: Route,
    readonly labels: Labels,
    nowMonotonicMs: number,
  ) {
    this.key = groupKeyOf(route, labels);
    this.flushAtMs = nowMonotonicMs + route.groupWaitMs;
  }

  get size(): number {
    return this.alerts.size;
  }

  /** On the monotonic clock. */
  get nextFlushMs(): number {
    return this.flushAtMs;
  }

  /** Oldest first, then by fingerprint. */
  members(): StoredAlert[] {
    return [...this.alerts.values()].sort(
      (left, right) =>
        left.startsAtMs - right.startsAtMs || (left.fingerprint < right.fingerprint ? -1 : 1),
    );
  }

  put(alert: StoredAlert, now: { wallMs: number; monotonicMs: number }): void {
    const previous = this.alerts.get(alert.fingerprint);
    const isNew = previous === undefined || isResolvedAt(previous, now.wallMs);
    this.alerts.set(alert.fingerprint, alert);
    const waitsNoMore =
      this.lastFlushMs === undefined && alert.startsAtMs + this.route.groupWaitMs < now.wallMs;
    if (waitsNoMore) this.flushAtMs = Math.min(this.flushAtMs, now.monotonicMs);
    const isAlarm =
      isNew && alert.isImmediate && !this.route.delaysAlarms && !isResolvedAt(alert, now.wallMs);
    if (isAlarm) this.flushAtMs = Math.min(this.flushAtMs, this.earliestAlarmMs(now.monotonicMs));
  }

  /** Takes over timing from the group of the same key before a reload. */
  continueFrom(previous: AlertGroup): void {
    this.lastFlushMs = previous.lastFlushMs;
    if (previous.lastFlushMs === undefined) return;
    this.flushAtMs = Math.min(
      previous.flushAtMs,
      previous.lastFlushMs + this.route.groupIntervalMs,
    );
  }

  beginFlush(nowMonotonicMs: number): void {
    this.lastFlushMs = nowMonotonicMs;
    this.flushAtMs = nowMonotonicMs + this.route.groupIntervalMs;
  }

  /** Leaves out resolved alerts that were told of, unless they have changed since. */
  forget(toldResolved: readonly StoredAlert[]): void {
    for (const alert of toldResolved) {
      if (this.alerts.get(alert.fingerprint) === alert) this.alerts.delete(alert.fingerprint);
    }
  }

  private earliestAlarmMs(nowMonotonicMs: number): number {
    return this.lastFlushMs === undefined
      ? nowMonotonicMs
      : Math.max(nowMonotonicMs, this.lastFlushMs + MIN_ALARM_SPACING_MS);
  }
}
