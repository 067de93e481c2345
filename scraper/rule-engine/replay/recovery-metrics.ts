import type { OwnMetric } from "../../../exporter/shared/model/own-metric.js";

export interface RecoveryFacts {
  readonly evaluations: number;
  readonly failures: number;
  readonly errors: number;
  readonly toldAlerts: number;
  readonly historyEntries: number;
  readonly isActive: boolean;
  readonly leftMs: number;
}

export function recoveryMetrics(facts: RecoveryFacts): OwnMetric[] {
  const metric = (
    name: string,
    type: "counter" | "gauge",
    help: string,
    value: number,
  ): OwnMetric => ({ name: `pihealth_rule_${name}`, type, help, labels: {}, value });
  return [
    metric(
      "replay_active",
      "gauge",
      "Whether rules are being evaluated over filled ranges.",
      Number(facts.isActive),
    ),
    metric(
      "replay_left_seconds",
      "gauge",
      "Time that rules are still to be evaluated over.",
      facts.leftMs / 1000,
    ),
    metric(
      "replay_evaluations_total",
      "counter",
      "Evaluations of rules over filled ranges.",
      facts.evaluations,
    ),
    metric(
      "replay_failures_total",
      "counter",
      "Evaluations over filled ranges that failed.",
      facts.failures,
    ),
    metric(
      "replay_errors_total",
      "counter",
      "Times a recovery had to be tried again.",
      facts.errors,
    ),
    metric(
      "replay_told_alerts_total",
      "counter",
      "Alerts told in summaries of outages.",
      facts.toldAlerts,
    ),
    metric("alert_history_entries", "gauge", "Alerts in the history.", facts.historyEntries),
  ];
}
