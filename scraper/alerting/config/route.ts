import type { Labels } from "../../../exporter/shared/model/labels.js";
import { matchesAll, type Matcher } from "./matchers.js";

/** A node of the routing tree, with everything it inherits filled in. */
export interface Route {
  readonly receiver: string;
  /** Labels whose values make a group, or `all` (`group_by: ['...']`) for one group per alert. */
  readonly groupBy: readonly string[] | "all";
  readonly matchers: readonly Matcher[];
  /** Whether the siblings after this route are asked as well when it matches. */
  readonly continues: boolean;
  readonly groupWaitMs: number;
  /**
   * Whether an alarm that is pushed waits `groupWaitMs` too: a route below the root asked for it by
   * name.
   */
  readonly delaysAlarms: boolean;
  readonly groupIntervalMs: number;
  readonly repeatIntervalMs: number;
  /** Names of time intervals. */
  readonly muteTimeIntervals: readonly string[];
  readonly activeTimeIntervals: readonly string[];
  readonly routes: readonly Route[];
  /** Matchers of this route and of all above it: `{}/{severity="critical"}`. */
  readonly key: string;
}

/**
 * The deepest routes that take the alert, in the order of the tree; the root takes what no child
 * does.
 */
export function routesFor(route: Route, labels: Labels): Route[] {
  if (!matchesAll(route.matchers, labels)) return [];
  const found: Route[] = [];
  for (const child of route.routes) {
    const taking = routesFor(child, labels);
    found.push(...taking);
    if (taking.length > 0 && !child.continues) break;
  }
  return found.length === 0 ? [route] : found;
}

/** The labels all alerts of a group share. */
export function groupLabelsOf(route: Route, labels: Labels): Labels {
  return route.groupBy === "all" ? labels : labels.only(route.groupBy);
}

/**
 * Identity of a group in the notification log: stable over restarts, and over changes to unrelated
 * routes.
 */
export function groupKeyOf(route: Route, groupLabels: Labels): string {
  return `${route.key}:${groupLabels.toString()}`;
}

export function routeKeyOf(parentKey: string | undefined, matchers: readonly Matcher[]): string {
  const sorted = matchers.map(String).sort();
  const own = `{${sorted.join(",")}}`;
  return parentKey === undefined ? own : `${parentKey}/${own}`;
}
