import { type Labels, METRIC_NAME } from "../../../exporter/shared/model/labels.js";
import type { VectorSample } from "../../promql/evaluation/query-results.js";
import type { RuleSample } from "./alerting-rule-state.js";
import { RuleError } from "../rules/rule-error.js";
import type { RecordingRule } from "../rules/rule-group.js";

/**
 * Names the series of a recording rule. A series that the last evaluation had too keeps its label set,
 * so that the storage need not look it up.
 */
export class RecordedSeries {
  private named = new Map<string, Labels>();
  private readonly changes: Readonly<Record<string, string>>;

  constructor({ name, labels }: RecordingRule) {
    this.changes = { ...labels, [METRIC_NAME]: name };
  }

  /**
   * Applies the name and labels of the rule to the result of its expression.
   *
   * @param limit most series allowed, 0 for no limit
   * @throws {RuleError} when the limit is exceeded or two series have the same labels
   */
  samplesOf(result: readonly VectorSample[], limit: number): RuleSample[] {
    const named = new Map<string, Labels>();
    const keys = new Set<string>();
    const samples: RuleSample[] = [];
    for (const { labels: source, value } of result) {
      const labels = this.named.get(source.key) ?? source.with(this.changes);
      named.set(source.key, labels);
      keys.add(labels.key);
      samples.push({ labels, value });
    }
    if (keys.size < samples.length) {
      throw new RuleError(
        "vector contains metrics with the same labelset after applying rule labels",
      );
    }
    if (limit > 0 && samples.length > limit) {
      throw new RuleError(`exceeded limit of ${limit} with ${samples.length} series`);
    }
    this.named = named;
    return samples;
  }
}
