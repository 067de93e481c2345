/**
 * The stages that decide whether a notification is sent, in Alertmanager's vocabulary. Each takes what
 * it decides about and returns a decision with its reason; none has an effect. The pipeline runs them
 * in this order:
 *
 * 1. `wait`, once for a group: group_wait and group_interval
 * 2. `inhibit`, `silence`, `mute`, for each alert of the group
 * 3. `deduplicate`, for each integration of the receiver
 *
 * `deliver`, the stage after these, is the pipeline's own.
 */
import type { Inhibitor } from "../alerts/inhibition.js";
import type { NotificationRecord } from "../alerts/notification-log.js";
import type { Silences } from "../alerts/silences.js";
import type { StoredAlert } from "../alerts/alert-store.js";
import type { NotificationConfig } from "../config/notification-config.js";
import type { Route } from "../config/route.js";
import { containsMoment } from "../config/time-interval.js";
import type { AlertGroup } from "./alert-group.js";
import type { Decision } from "./decision.js";

/** Whether the group is due. */
export function wait(group: AlertGroup, nowMonotonicMs: number): Decision {
  const { atMs, reason } = group.nextFlush;
  if (atMs <= nowMonotonicMs) return { stage: "wait", passed: true, reason };
  return { stage: "wait", passed: false, reason, remainingMs: atMs - nowMonotonicMs };
}

/** Fixed for one run of the alert stages. */
export interface AlertStageContext {
  readonly route: Route;
  readonly config: NotificationConfig;
  readonly inhibitor: Inhibitor;
  readonly silences: Silences;
  readonly nowMs: number;
}

/** Prepares a stage for a group; the function returned decides about each of its alerts. */
type AlertStage = (context: AlertStageContext) => (alert: StoredAlert) => Decision;

const NOT_INHIBITED: Decision = { stage: "inhibit", passed: true, reason: "not_inhibited" };
const NOT_SILENCED: Decision = { stage: "silence", passed: true, reason: "not_silenced" };

const inhibit: AlertStage =
  ({ inhibitor }) =>
  ({ labels }) => {
    const by = inhibitor.inhibitorsOf(labels);
    if (by.length === 0) return NOT_INHIBITED;
    return { stage: "inhibit", passed: false, reason: "inhibited", by };
  };

const silence: AlertStage =
  ({ silences }) =>
  ({ labels }) => {
    const by = silences.silencing(labels);
    if (by.length === 0) return NOT_SILENCED;
    return { stage: "silence", passed: false, reason: "silenced", by };
  };

const mute: AlertStage = ({ route, config, nowMs }) => {
  const decision = decideByTime(route, config, nowMs);
  return () => decision;
};

export const ALERT_STAGES: readonly AlertStage[] = [inhibit, silence, mute];

/** Whether time intervals let the route notify at `atMs`, on the wall clock. */
export function decideByTime(
  { activeTimeIntervals, muteTimeIntervals }: Route,
  { timeIntervals }: NotificationConfig,
  atMs: number,
): Decision {
  const containing = (names: readonly string[]): string[] =>
    names.filter((name) =>
      (timeIntervals.get(name) ?? []).some((interval) => containsMoment(interval, atMs)),
    );
  if (activeTimeIntervals.length > 0 && containing(activeTimeIntervals).length === 0) {
    return { stage: "mute", passed: false, reason: "not_active", by: activeTimeIntervals };
  }
  const by = containing(muteTimeIntervals);
  if (by.length > 0) return { stage: "mute", passed: false, reason: "muted", by };
  return { stage: "mute", passed: true, reason: "not_muted" };
}

/** The alerts of a group by state, and what the integration was last notified about. */
export interface DeduplicateInput {
  readonly previous: NotificationRecord | undefined;
  /** Whether the message about `previous` still waits for its server. */
  readonly isWaiting: boolean;
  /** Fingerprints. */
  readonly firing: readonly string[];
  readonly resolved: readonly string[];
  readonly sendResolved: boolean;
  readonly repeatIntervalMs: number;
  readonly nowMs: number;
}

/** Whether a notification says anything new to an integration, by Alertmanager's rules. */
export function deduplicate(input: DeduplicateInput): Decision {
  const { previous, isWaiting, firing, resolved, sendResolved, repeatIntervalMs, nowMs } = input;
  const notify = (reason: Decision["reason"]): Decision => ({
    stage: "deduplicate",
    passed: true,
    reason,
  });
  const skip = (reason: Decision["reason"]): Decision => ({ ...notify(reason), passed: false });
  if (previous === undefined) {
    return firing.length > 0 ? notify("first_notification") : skip("never_fired");
  }
  if (!isSubset(firing, previous.firing)) return notify("new_firing_alerts");
  if (firing.length === 0) {
    // This passes once with send_resolved off, too: the log must show that nothing fires any more.
    return previous.firing.length > 0 ? notify("all_resolved") : skip("unchanged");
  }
  if (sendResolved && !isSubset(resolved, previous.resolved)) return notify("newly_resolved");
  if (isWaiting && firing.length < previous.firing.length) return notify("outdated");
  const isRepeatDue = previous.timestampMs <= nowMs - repeatIntervalMs;
  return isRepeatDue ? notify("repeat_interval") : skip("unchanged");
}

function isSubset(part: readonly string[], whole: readonly string[]): boolean {
  const known = new Set(whole);
  return part.every((item) => known.has(item));
}
