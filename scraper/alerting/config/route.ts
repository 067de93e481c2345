import type { Labels } from "../../../exporter/shared/model/labels.js";
import { matchesAll, type Matcher } from "./matchers.js";

/** A node of the routing tree with all inherited values. */
export interface Route {
  readonly receiver: string;
  /**
   * Labels that alerts of a group have in common, or `all` (`group_by: ['...']`) for one group per
   * alert.
   */
  readonly groupBy: readonly string[] | "all";
  readonly matchers: readonly Matcher[];
  /** Whether matching continues with the next sibling after this route has matched. */
  readonly continues: boolean;
  readonly groupWaitMs: number;
  /**
   * Whether pushed alarms wait `groupWaitMs`, too: true when a route below the root sets
   * group_wait.
   */
  readonly delaysAlarms: boolean;
  readonly groupIntervalMs: number;
  readonly repeatIntervalMs: number;
  /** Names of time intervals. */
  readonly muteTimeIntervals: readonly string[];
  readonly activeTimeIntervals: readonly string[];
  readonly routes: readonly Route[];
  /** Matchers of this route and all routes above it: `{}/{severity="critical"}`. */
  readonly key: string;
  /**
   * Place in the tree, unique among all routes: `0` is the first route, `0/2` its third child. Two
   * siblings may have the same receiver and the same matchers.
   */
  readonly place: string;
}

export const ROOT_PLACE = "0";

/**
 * The deepest routes that match the alert, in the order of the tree. The root takes alerts that no
 * child matches.
 */
export function routesFor(route: Route, labels: Labels): Route[] {
  if (!matchesAll(route.matchers, labels)) return [];
  const found: Route[] = [];
  for (const child of route.routes) {
    const matching = routesFor(child, labels);
    found.push(...matching);
    if (matching.length > 0 && !child.continues) break;
  }
  return found.length === 0 ? [route] : found;
}

/** The labels that all alerts of a group share. */
export function groupLabelsOf(route: Route, labels: Labels): Labels {
  return route.groupBy === "all" ? labels : labels.only(route.groupBy);
}

/**
 * Identity of a group in the notification log. Restarts and changes to other routes do not change
 * it.
 */
export function groupKeyOf(route: Route, groupLabels: Labels): string {
  return `${route.key}:${groupLabels.toString()}`;
}

export function routeKeyOf(parentKey: string | undefined, matchers: readonly Matcher[]): string {
  const sorted = matchers.map(String).sort();
  const own = `{${sorted.join(",")}}`;
  return parentKey === undefined ? own : `${parentKey}/${own}`;
}
