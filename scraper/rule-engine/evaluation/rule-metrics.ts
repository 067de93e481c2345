import { counter, gauge, type Sample } from "../../../exporter/shared/model/metric.js";
import type { GroupEvaluator } from "./group-evaluator.js";
import { groupKeyOf } from "../rules/rule-group.js";

export const RULE_METRICS = {
  evaluations: counter({
    name: "pihealth_rule_evaluations_total",
    help: "Rule evaluations.",
    labels: ["rule_group"],
  }),
  failures: counter({
    name: "pihealth_rule_evaluation_failures_total",
    help: "Failed rule evaluations.",
    labels: ["rule_group"],
  }),
  duplicateSamples: counter({
    name: "pihealth_rule_duplicate_samples_total",
    help: "Samples dropped because another rule of the group produced the same series.",
    labels: ["rule_group"],
  }),
  iterations: counter({
    name: "pihealth_rule_group_iterations_total",
    help: "Evaluations of the rule group.",
    labels: ["rule_group"],
  }),
  iterationsMissed: counter({
    name: "pihealth_rule_group_iterations_missed_total",
    help: "Evaluations of the rule group skipped because the previous one took too long.",
    labels: ["rule_group"],
  }),
  intervalSeconds: gauge({
    name: "pihealth_rule_group_interval_seconds",
    help: "Evaluation interval of the rule group in seconds.",
    labels: ["rule_group"],
  }),
  lastDurationSeconds: gauge({
    name: "pihealth_rule_group_last_duration_seconds",
    help: "Duration of the last evaluation of the rule group in seconds.",
    labels: ["rule_group"],
  }),
  lastEvaluationSeconds: gauge({
    name: "pihealth_rule_group_last_evaluation_timestamp_seconds",
    help: "Time of the last evaluation of the rule group in seconds since the Unix epoch.",
    labels: ["rule_group"],
  }),
  rules: gauge({
    name: "pihealth_rule_group_rules",
    help: "Rules in the rule group.",
    labels: ["rule_group"],
  }),
  alerts: gauge({
    name: "pihealth_rule_alerts",
    help: "Alerts by state; state unknown counts alerts of any state that are kept because their target is silent.",
    labels: ["state"],
  }),
  stateWriteFailures: counter({
    name: "pihealth_rule_state_write_failures_total",
    help: "Failed writes of the alert states to disk.",
  }),
};

export interface GroupFacts {
  readonly evaluator: GroupEvaluator;
  readonly iterations: number;
  readonly missedIterations: number;
}

export function ruleSamples(groups: readonly GroupFacts[], stateWriteFailures: number): Sample[] {
  return [
    ...groups.flatMap(groupSamples),
    ...alertSamples(groups),
    RULE_METRICS.stateWriteFailures.sample(stateWriteFailures),
  ];
}

function groupSamples({ evaluator, iterations, missedIterations }: GroupFacts): Sample[] {
  const labels = { rule_group: groupKeyOf(evaluator.group) };
  return [
    RULE_METRICS.evaluations.sample(evaluator.evaluations, labels),
    RULE_METRICS.failures.sample(evaluator.failures, labels),
    RULE_METRICS.duplicateSamples.sample(evaluator.duplicateSamples, labels),
    RULE_METRICS.iterations.sample(iterations, labels),
    RULE_METRICS.iterationsMissed.sample(missedIterations, labels),
    RULE_METRICS.intervalSeconds.sample(evaluator.group.intervalMs / 1000, labels),
    RULE_METRICS.lastDurationSeconds.sample(evaluator.evaluationSeconds, labels),
    RULE_METRICS.lastEvaluationSeconds.sample((evaluator.lastEvaluationMs ?? 0) / 1000, labels),
    RULE_METRICS.rules.sample(evaluator.statuses.length, labels),
  ];
}

function alertSamples(groups: readonly GroupFacts[]): Sample[] {
  const alerts = groups
    .flatMap(({ evaluator }) => evaluator.statuses)
    .flatMap(({ alerting }) => [...(alerting?.alerts.values() ?? [])]);
  const count = (wanted: string): number => alerts.filter(({ state }) => state === wanted).length;
  return [
    RULE_METRICS.alerts.sample(count("pending"), { state: "pending" }),
    RULE_METRICS.alerts.sample(count("firing"), { state: "firing" }),
    RULE_METRICS.alerts.sample(alerts.filter(({ unknown }) => unknown).length, {
      state: "unknown",
    }),
  ];
}
