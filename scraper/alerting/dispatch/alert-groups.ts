import type { Labels } from "../../../exporter/shared/model/labels.js";
import type { Logger } from "../../../exporter/shared/platform/logger.js";
import { DueHeap } from "../../base/due-heap.js";
import { isResolvedAt, type StoredAlert } from "../alerts/alert-store.js";
import { groupKeyOf, groupLabelsOf, routesFor, type Route } from "../config/route.js";
import { AlertGroup, groupIdOf } from "./alert-group.js";

export const MAX_ALERT_GROUPS = 10_000;

/** A group that a label set belongs to. */
interface GroupPlace {
  readonly route: Route;
  readonly labels: Labels;
  readonly id: string;
}

/** The present on both clocks. */
export interface Now {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

/** All alert groups of one routing tree. */
export class AlertGroups implements Iterable<AlertGroup> {
  private groups = new Map<string, AlertGroup>();
  /** May have more than one entry for a group; the one with its present time counts. */
  private readonly flushes = new DueHeap<AlertGroup>();
  private refused = 0;
  /** The groups of label sets that came before: rules send the same objects again and again. */
  private places = new WeakMap<Labels, readonly GroupPlace[]>();

  constructor(
    private root: Route,
    private readonly log: Logger,
    /** Whether the last notification of a group had the alert as firing. */
    private readonly wasNotified: (
      group: Pick<AlertGroup, "route" | "key">,
      fingerprint: string,
    ) => boolean = () => false,
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

  /**
   * Puts the alert into a group of every route that takes it. A resolved alert comes into a group only
   * if the group has it firing, or receivers were notified that it fires.
   */
  put(alert: StoredAlert, now: Now): void {
    const isResolved = isResolvedAt(alert, now.wallMs);
    for (const { route, labels, id } of this.placesOf(alert.labels)) {
      const known = this.groups.get(id);
      const isWanted =
        !isResolved ||
        known?.has(alert.fingerprint) === true ||
        this.wasNotified({ route, key: groupKeyOf(route, labels) }, alert.fingerprint);
      if (isWanted) this.groupFor(route, labels, now)?.put(alert, now);
    }
  }

  /**
   * Groups alerts anew along another routing tree. Groups that exist in both trees keep their timing.
   *
   * @param alerts firing alerts, and resolved ones that may still be in a group
   */
  reroute(root: Route, alerts: Iterable<StoredAlert>, now: Now): void {
    const previous = this.groups;
    this.places = new WeakMap();
    const grouped = new Set<string>();
    for (const group of previous.values()) {
      for (const { fingerprint } of group.members()) grouped.add(fingerprint);
    }
    this.root = root;
    this.groups = new Map();
    for (const alert of alerts) {
      if (!isResolvedAt(alert, now.wallMs) || grouped.has(alert.fingerprint)) this.put(alert, now);
    }
    const timings = byReceiverAndKey(previous.values());
    for (const group of this.groups.values()) {
      const before = timings.get(receiverAndKey(group))?.shift();
      if (before !== undefined) group.continueFrom(before);
    }
  }

  /** Takes groups that have waited long enough; each must begin a flush. */
  takeDue(nowMonotonicMs: number): AlertGroup[] {
    const due = new Set<AlertGroup>();
    for (;;) {
      const { first } = this.flushes;
      if (first === undefined || first.atMs > nowMonotonicMs) return [...due];
      this.flushes.pop();
      const { atMs, item: group } = first;
      if (group.nextFlush.atMs === atMs && this.groups.get(group.id) === group) due.add(group);
    }
  }

  /** When the next group is due, on the monotonic clock; infinity when there is none. */
  get nextFlushMs(): number {
    return this.flushes.first?.atMs ?? Number.POSITIVE_INFINITY;
  }

  /** @param isWaiting whether a message of the group has not been delivered yet */
  forgetEmpty(isWaiting: (group: AlertGroup) => boolean): void {
    for (const [id, group] of this.groups) {
      if (!isWaiting(group)) group.forgetFlushed();
      if (group.size === 0) this.groups.delete(id);
    }
  }

  private placesOf(labels: Labels): readonly GroupPlace[] {
    let places = this.places.get(labels);
    if (places === undefined) {
      places = routesFor(this.root, labels).map((route): GroupPlace => {
        const groupLabels = groupLabelsOf(route, labels);
        return { route, labels: groupLabels, id: groupIdOf(route, groupLabels) };
      });
      this.places.set(labels, places);
    }
    return places;
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
    const group = new AlertGroup(route, labels, now.monotonicMs, (changed) =>
      this.flushes.push(changed.nextFlush.atMs, changed),
    );
    this.groups.set(id, group);
    return group;
  }
}

/** Names a group across a reload, in which routes may move to other places. */
const receiverAndKey = ({ route, key }: AlertGroup): string => `${route.receiver}\n${key}`;

/** Sibling routes with the same receiver and matchers have groups of one name, in their order. */
function byReceiverAndKey(groups: Iterable<AlertGroup>): Map<string, AlertGroup[]> {
  const found = new Map<string, AlertGroup[]>();
  for (const group of groups) {
    const name = receiverAndKey(group);
    const others = found.get(name);
    if (others === undefined) found.set(name, [group]);
    else others.push(group);
  }
  return found;
}
