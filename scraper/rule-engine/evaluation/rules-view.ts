/** Rules and alerts in the format of Prometheus' HTTP API (`/api/v1/rules`, `/api/v1/alerts`). */
import { formatFloat } from "../../templates/go-float.js";
import type { ActiveAlert } from "./active-alert.js";
import type { GroupEvaluator, RuleStatus } from "./group-evaluator.js";

export interface AlertView {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly state: "pending" | "firing";
  /** RFC 3339. */
  readonly activeAt: string;
  readonly keepFiringSince?: string;
  /** Decimal with exponent, as in Prometheus: `1e+00`. */
  readonly value: string;
  /** Not in Prometheus: present while the target is silent and the alert keeps its state. */
  readonly unknown?: true;
}

interface CommonRuleView {
  readonly name: string;
  readonly query: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly health: "unknown" | "ok" | "err";
  readonly lastError?: string;
  /** Seconds. */
  readonly evaluationTime: number;
  /** RFC 3339; Go's zero time before the first evaluation. */
  readonly lastEvaluation: string;
}

export interface AlertingRuleView extends CommonRuleView {
  readonly type: "alerting";
  readonly state: "inactive" | "pending" | "firing";
  /** Seconds. */
  readonly duration: number;
  /** Seconds. */
  readonly keepFiringFor: number;
  readonly annotations: Readonly<Record<string, string>>;
  /** Made while it is read: there may be very many. */
  readonly alerts: Iterable<AlertView>;
}

export interface RecordingRuleView extends CommonRuleView {
  readonly type: "recording";
}

export type RuleView = AlertingRuleView | RecordingRuleView;

export interface RuleGroupView {
  readonly name: string;
  readonly file: string;
  /** Seconds. */
  readonly interval: number;
  readonly limit: number;
  readonly rules: readonly RuleView[];
  /** Seconds. */
  readonly evaluationTime: number;
  readonly lastEvaluation: string;
}

const NEVER = "0001-01-01T00:00:00Z";

export function viewGroup(evaluator: GroupEvaluator): RuleGroupView {
  const { group } = evaluator;
  return {
    name: group.name,
    file: group.file,
    interval: group.intervalMs / 1000,
    limit: group.limit,
    rules: evaluator.statuses.map(viewRule),
    evaluationTime: evaluator.evaluationSeconds,
    lastEvaluation: timeText(evaluator.lastEvaluationMs),
  };
}

function viewRule(status: RuleStatus): RuleView {
  const { rule, alerting, health, lastError, evaluationSeconds, lastEvaluationMs } = status;
  const common = {
    name: rule.name,
    query: rule.expression,
    labels: rule.labels,
    health,
    ...(lastError === "" ? {} : { lastError }),
    evaluationTime: evaluationSeconds,
    lastEvaluation: timeText(lastEvaluationMs),
  };
  if (rule.kind === "recording") return { ...common, type: "recording" };
  const alerts = [...(alerting?.alerts.values() ?? [])];
  const states = new Set(alerts.map(({ state }) => state));
  return {
    ...common,
    type: "alerting",
    state: states.has("firing") ? "firing" : states.has("pending") ? "pending" : "inactive",
    duration: rule.forMs / 1000,
    keepFiringFor: rule.keepFiringForMs / 1000,
    annotations: rule.annotations,
    alerts: viewAlerts(alerts),
  };
}

/** Pending and firing alerts, without resolved ones. Each view is made when it is read. */
export function viewAlerts(alerts: readonly ActiveAlert[]): Iterable<AlertView> {
  return {
    *[Symbol.iterator]() {
      for (const alert of alerts) {
        const { state } = alert;
        if (state !== "resolved") yield viewAlert(alert, state);
      }
    },
  };
}

function viewAlert(alert: ActiveAlert, state: AlertView["state"]): AlertView {
  return {
    labels: alert.labels.toObject(),
    annotations: alert.annotations.toObject(),
    state,
    activeAt: timeText(alert.activeAtMs),
    ...(alert.keepFiringSinceMs === undefined
      ? {}
      : { keepFiringSince: timeText(alert.keepFiringSinceMs) }),
    value: formatFloat(alert.value, "e"),
    ...(alert.unknown ? { unknown: true as const } : {}),
  };
}

/** The last time that was formatted: the alerts of a rule have few different ones. */
let formatted = { timeMs: Number.NaN, text: "" };

/** Go omits the fraction of whole seconds. */
function timeText(timeMs: number | undefined): string {
  if (timeMs === undefined) return NEVER;
  if (formatted.timeMs !== timeMs) {
    const iso = new Date(timeMs).toISOString();
    formatted = { timeMs, text: iso.replace(/(\.\d*?)0+Z$/, "$1Z").replace(".Z", "Z") };
  }
  return formatted.text;
}
