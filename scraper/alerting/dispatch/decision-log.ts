import type { Labels } from "../../../exporter/shared/model/labels.js";
import type { AlertGroup } from "./alert-group.js";
import type { Decision } from "./decision.js";

/** Alerts whose last decisions are kept. The newest flush stays even when it alone has more. */
export const MAX_LOGGED_ALERTS = 20_000;

export interface TimedDecision extends Decision {
  /** On the wall clock. */
  readonly atMs: number;
}

/** The decisions about one alert on its way to one integration, in the order of the stages. */
export interface NotificationPath {
  readonly receiver: string;
  readonly groupLabels: Labels;
  /** Kind and position in the receiver: `email/0`. Undefined when no integration was reached. */
  readonly integration: string | undefined;
  readonly decisions: readonly TimedDecision[];
}

export interface IntegrationDecisions {
  /** Undefined for a receiver without integrations. */
  readonly integration: string | undefined;
  readonly decisions: readonly Decision[];
}

/** The decisions of one flush of a group. */
export interface FlushDecisions {
  readonly atMs: number;
  readonly wait: Decision;
  /** By fingerprint: the decisions of the alert stages, up to the first that stopped the alert. */
  readonly alerts: ReadonlyMap<string, readonly Decision[]>;
  /** Empty when every alert was stopped. */
  readonly integrations: readonly IntegrationDecisions[];
}

interface LoggedFlush {
  readonly atMs: number;
  readonly receiver: string;
  readonly groupLabels: Labels;
  readonly wait: Decision;
  readonly alerts: FlushDecisions["alerts"];
  /** By integration. A delivery is kept while later flushes have nothing new to deliver. */
  readonly integrations: ReadonlyMap<string | undefined, readonly TimedDecision[]>;
}

/**
 * The last decision of every stage for each group and integration, in memory. It answers why a
 * receiver was notified or not, for groups that are gone as well until newer ones need the room.
 */
export class DecisionLog {
  private readonly flushes = new Map<string, LoggedFlush>();
  private alertCount = 0;

  record(group: AlertGroup, flush: FlushDecisions): void {
    const previous = this.flushes.get(group.id);
    this.drop(group.id);
    const { atMs, wait, alerts } = flush;
    const integrations = new Map(previous?.integrations ?? []);
    for (const { integration, decisions } of flush.integrations) {
      const timed = decisions.map((decision) => ({ ...decision, atMs }));
      const replaced = new Set(decisions.map(({ stage }) => stage));
      const kept = (integrations.get(integration) ?? []).filter(
        ({ stage }) => !replaced.has(stage),
      );
      integrations.set(integration, [...timed, ...kept]);
    }
    const { receiver } = group.route;
    const logged = { atMs, receiver, groupLabels: group.labels, wait, alerts, integrations };
    this.flushes.set(group.id, logged);
    this.alertCount += alerts.size;
    this.makeRoom();
  }

  /** When the group last went through the stages with the alert, on the wall clock. */
  lastFlushMs(groupId: string, fingerprint: string): number | undefined {
    const flush = this.flushes.get(groupId);
    return flush?.alerts.has(fingerprint) === true ? flush.atMs : undefined;
  }

  /** The paths of an alert in its groups, one for every integration that it reached. */
  pathsOf(fingerprint: string, isRelevant: (groupId: string) => boolean): NotificationPath[] {
    const paths: NotificationPath[] = [];
    for (const [groupId, flush] of this.flushes) {
      const decided = flush.alerts.get(fingerprint);
      if (decided !== undefined && isRelevant(groupId)) paths.push(...pathsOfFlush(flush, decided));
    }
    return paths;
  }

  private drop(groupId: string): void {
    this.alertCount -= this.flushes.get(groupId)?.alerts.size ?? 0;
    this.flushes.delete(groupId);
  }

  /** The oldest flush is the first of the map. */
  private makeRoom(): void {
    for (const groupId of this.flushes.keys()) {
      if (this.alertCount <= MAX_LOGGED_ALERTS || this.flushes.size === 1) return;
      this.drop(groupId);
    }
  }
}

function pathsOfFlush(flush: LoggedFlush, decided: readonly Decision[]): NotificationPath[] {
  const { atMs, receiver, groupLabels, wait, integrations } = flush;
  const common = [wait, ...decided].map((decision) => ({ ...decision, atMs }));
  const isStopped = decided.some(({ passed }) => !passed);
  if (isStopped || integrations.size === 0) {
    return [{ receiver, groupLabels, integration: undefined, decisions: common }];
  }
  return [...integrations].map(([integration, decisions]) => ({
    receiver,
    groupLabels,
    integration,
    decisions: [...common, ...decisions],
  }));
}
