import { counter, gauge, type Sample } from "../../../exporter/shared/model/metric.js";

export interface RecoveryFacts {
  readonly evaluations: number;
  readonly failures: number;
  readonly errors: number;
  readonly notifiedAlerts: number;
  readonly historyEntries: number;
  readonly isActive: boolean;
  readonly leftMs: number;
}

export const RECOVERY_METRICS = {
  active: gauge({
    name: "pihealth_rule_replay_active",
    help: "1 while rules are evaluated over backfilled ranges, else 0.",
  }),
  leftSeconds: gauge({
    name: "pihealth_rule_replay_left_seconds",
    help: "Length of the backfilled range that rules have not been evaluated over yet, in seconds.",
  }),
  evaluations: counter({
    name: "pihealth_rule_replay_evaluations_total",
    help: "Rule evaluations over backfilled ranges.",
  }),
  failures: counter({
    name: "pihealth_rule_replay_failures_total",
    help: "Failed rule evaluations over backfilled ranges.",
  }),
  errors: counter({
    name: "pihealth_rule_replay_errors_total",
    help: "Replays of rules that ended with an error and are retried.",
  }),
  notifiedAlerts: counter({
    name: "pihealth_rule_replay_notified_alerts_total",
    help: "Alerts notified in summaries of outages.",
  }),
  historyEntries: gauge({
    name: "pihealth_rule_alert_history_entries",
    help: "Entries of the alert history.",
  }),
};

export function recoverySamples(facts: RecoveryFacts): Sample[] {
  return [
    RECOVERY_METRICS.active.sample(facts.isActive ? 1 : 0),
    RECOVERY_METRICS.leftSeconds.sample(facts.leftMs / 1000),
    RECOVERY_METRICS.evaluations.sample(facts.evaluations),
    RECOVERY_METRICS.failures.sample(facts.failures),
    RECOVERY_METRICS.errors.sample(facts.errors),
    RECOVERY_METRICS.notifiedAlerts.sample(facts.notifiedAlerts),
    RECOVERY_METRICS.historyEntries.sample(facts.historyEntries),
  ];
}
