import { METRIC_NAME } from "../../../exporter/shared/model/labels.js";
import type { VectorSample } from "../../promql/evaluation/query-results.js";
import type { RuleSample } from "./alerting-rule-state.js";
import { RuleError } from "../rules/rule-error.js";
import type { RecordingRule } from "../rules/rule-group.js";

/**
 * Applies the name and labels of a recording rule to the result of its expression.
 *
 * @param limit most series allowed, 0 for no limit
 * @throws {RuleError} when the limit is exceeded or two series have the same labels
 */
export function evaluateRecordingRule(
  { name, labels }: RecordingRule,
  result: readonly VectorSample[],
  limit: number,
): RuleSample[] {
  const changes = { ...labels, [METRIC_NAME]: name };
  const samples = result.map((sample) => ({
    labels: sample.labels.with(changes),
    value: sample.value,
  }));
  if (new Set(samples.map((sample) => sample.labels.key)).size < samples.length) {
    throw new RuleError(
      "vector contains metrics with the same labelset after applying rule labels",
    );
  }
  if (limit > 0 && samples.length > limit) {
    throw new RuleError(`exceeded limit of ${limit} with ${samples.length} series`);
  }
  return samples;
}
