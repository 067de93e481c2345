import type { Labels } from "../../../exporter/shared/model/labels.js";
import type { Logger } from "../../../exporter/shared/platform/logger.js";
import { isResolvedAt, type StoredAlert } from "../alerts/alert-store.js";
import { groupLabelsOf, routesFor, type Route } from "../config/route.js";
import { AlertGroup, groupIdOf } from "./alert-group.js";

export const MAX_ALERT_GROUPS = 10_000;

/** The present on both clocks. */
export interface Now {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

/** All alert groups of one routing tree. */
export class AlertGroups implements Iterable<AlertGroup> {
  private groups = new Map<string, AlertGroup>();
  private refused = 0;

  constructor(
    private root: Route,
    private readonly log: Logger,
  ) {}

  get count(): number {
    return this.groups.size;
  }

  /** Alerts that got no group because there were too many. */
  get refusedCount(): number {
    return this.refused;
  }

  [Symbol.iterator](): Iterator<AlertGroup> {
    return this.groups.values();
  }

  /** Puts the alert into a group of every route that takes it. */
  put(alert: StoredAlert, now: Now): void {
    for (const route of routesFor(this.root, alert.labels)) {
      this.groupFor(route, groupLabelsOf(route, alert.labels), now)?.put(alert, now);
    }
  }

  /**
   * Groups alerts anew along another routing tree. Groups that exist in both trees keep their timing.
   *
   * @param alerts firing alerts, and resolved ones that may still be in a group
   */
  reroute(root: Route, alerts: Iterable<StoredAlert>, now: Now): void {
    const previous = this.groups;
    const grouped = new Set<string>();
    for (const group of previous.values()) {
      for (const { fingerprint } of group.members()) grouped.add(fingerprint);
    }
    this.root = root;
    this.groups = new Map();
    for (const alert of alerts) {
      if (!isResolvedAt(alert, now.wallMs) || grouped.has(alert.fingerprint)) this.put(alert, now);
    }
    for (const [id, group] of this.groups) {
      const before = previous.get(id);
      if (before !== undefined) group.continueFrom(before);
    }
  }

  /** Groups that have waited long enough. */
  due(nowMonotonicMs: number): AlertGroup[] {
    return [...this.groups.values()].filter(({ nextFlush }) => nextFlush.atMs <= nowMonotonicMs);
  }

  /** When the next group is due, on the monotonic clock; infinity when there is none. */
  get nextFlushMs(): number {
    let nextMs = Number.POSITIVE_INFINITY;
    for (const { nextFlush } of this.groups.values()) nextMs = Math.min(nextMs, nextFlush.atMs);
    return nextMs;
  }

  forgetEmpty(): void {
    for (const [id, group] of this.groups) if (group.size === 0) this.groups.delete(id);
  }

  private groupFor(route: Route, labels: Labels, now: Now): AlertGroup | undefined {
    const id = groupIdOf(route, labels);
    const known = this.groups.get(id);
    if (known !== undefined) return known;
    if (this.groups.size >= MAX_ALERT_GROUPS) {
      if (this.refused++ === 0) {
        this.log.error("Alert group refused, later ones are only counted", {
          limit: MAX_ALERT_GROUPS,
        });
      }
      return undefined;
    }
    const group = new AlertGroup(route, labels, now.monotonicMs);
    this.groups.set(id, group);
    return group;
  }
}
