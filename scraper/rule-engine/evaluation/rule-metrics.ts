import { counter, gauge, type Sample } from "../../../exporter/shared/model/metric.js";
import type { GroupEvaluator } from "./group-evaluator.js";
import { groupKeyOf } from "../rules/rule-group.js";

const EVALUATIONS = counter({
  name: "pihealth_rule_evaluations_total",
  help: "Evaluations of rules.",
  labels: ["rule_group"],
});
const FAILURES = counter({
  name: "pihealth_rule_evaluation_failures_total",
  help: "Evaluations of rules that failed.",
  labels: ["rule_group"],
});
const DUPLICATES = counter({
  name: "pihealth_rule_duplicate_samples_total",
  help: "Samples left out because another rule of the group yielded the same series.",
  labels: ["rule_group"],
});
const ITERATIONS = counter({
  name: "pihealth_rule_group_iterations_total",
  help: "Evaluations of the whole group.",
  labels: ["rule_group"],
});
const MISSED = counter({
  name: "pihealth_rule_group_iterations_missed_total",
  help: "Evaluations left out because the one before took too long.",
  labels: ["rule_group"],
});
const INTERVAL = gauge({
  name: "pihealth_rule_group_interval_seconds",
  help: "Interval of the group in seconds.",
  labels: ["rule_group"],
});
const DURATION = gauge({
  name: "pihealth_rule_group_last_duration_seconds",
  help: "Duration of the last evaluation of the group in seconds.",
  labels: ["rule_group"],
});
const LAST = gauge({
  name: "pihealth_rule_group_last_evaluation_timestamp_seconds",
  help: "Time of the last evaluation of the group in seconds since the Unix epoch.",
  labels: ["rule_group"],
});
const RULES = gauge({
  name: "pihealth_rule_group_rules",
  help: "Rules in the group.",
  labels: ["rule_group"],
});
const ALERTS = gauge({
  name: "pihealth_rule_alerts",
  help: "Alerts by state; unknown counts those kept because their target is silent, whatever their state.",
  labels: ["state"],
});
const STATE_FAILURES = counter({
  name: "pihealth_rule_state_write_failures_total",
  help: "Times the alert states could not be written to disk.",
});

export const RULE_METRICS = [
  EVALUATIONS,
  FAILURES,
  DUPLICATES,
  ITERATIONS,
  MISSED,
  INTERVAL,
  DURATION,
  LAST,
  RULES,
  ALERTS,
  STATE_FAILURES,
];

export interface GroupFacts {
  readonly evaluator: GroupEvaluator;
  readonly iterations: number;
  readonly missedIterations: number;
}

export function collectRuleMetrics(
  groups: readonly GroupFacts[],
  stateWriteFailures: number,
): Sample[] {
  return [
    ...groups.flatMap(groupSamples),
    ...alertSamples(groups),
    STATE_FAILURES.sample(stateWriteFailures),
  ];
}

function groupSamples({ evaluator, iterations, missedIterations }: GroupFacts): Sample[] {
  const labels = { rule_group: groupKeyOf(evaluator.group) };
  return [
    EVALUATIONS.sample(evaluator.evaluations, labels),
    FAILURES.sample(evaluator.failures, labels),
    DUPLICATES.sample(evaluator.duplicateSamples, labels),
    ITERATIONS.sample(iterations, labels),
    MISSED.sample(missedIterations, labels),
    INTERVAL.sample(evaluator.group.intervalMs / 1000, labels),
    DURATION.sample(evaluator.evaluationSeconds, labels),
    LAST.sample((evaluator.lastEvaluationMs ?? 0) / 1000, labels),
    RULES.sample(evaluator.statuses.length, labels),
  ];
}

function alertSamples(groups: readonly GroupFacts[]): Sample[] {
  const alerts = groups
    .flatMap(({ evaluator }) => evaluator.statuses)
    .flatMap(({ alerting }) => [...(alerting?.alerts.values() ?? [])]);
  const count = (wanted: string): number => alerts.filter(({ state }) => state === wanted).length;
  return [
    ALERTS.sample(count("pending"), { state: "pending" }),
    ALERTS.sample(count("firing"), { state: "firing" }),
    ALERTS.sample(alerts.filter(({ unknown }) => unknown).length, { state: "unknown" }),
  ];
}
