import { formatShortestFloat } from "../../../exporter/shared/model/float-format.js";
import type { SourceRange } from "../language/ast.js";
import { goQuote } from "../../base/go-quote.js";
import { positionOf } from "../language/query-errors.js";

const MONOTONICITY_HELP =
  "https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile";

/**
 * The warnings and infos about one query, with Prometheus' texts. Each text is kept once per
 * position.
 */
export class Annotations {
  private readonly warningTexts = new Set<string>();
  private readonly infoTexts = new Set<string>();

  constructor(private readonly text: string) {}

  get warnings(): string[] {
    return [...this.warningTexts];
  }

  get infos(): string[] {
    return [...this.infoTexts];
  }

  /** Warns about each quantile outside of [0, 1]. */
  checkQuantiles(quantiles: Float64Array, range: SourceRange): void {
    for (const quantile of quantiles) {
      if (quantile >= 0 && quantile <= 1) continue;
      const got = `got ${formatShortestFloat(quantile)}`;
      this.warn(`quantile value should be between 0 and 1, ${got}`, range);
    }
  }

  invalidRatio(ratio: number, cappedTo: number, range: SourceRange): void {
    const values = `got ${formatShortestFloat(ratio)}, capping to ${formatShortestFloat(cappedTo)}`;
    this.warn(`ratio value should be between -1 and 1, ${values}`, range);
  }

  badBucketLabel(metricName: string, value: string, range: SourceRange): void {
    const detail = `bucket label "le" is missing or has a malformed value of ${goQuote(value)}`;
    this.warn(detail + forMetric(metricName), range);
  }

  possibleNonCounter(metricName: string, range: SourceRange): void {
    const detail =
      "metric might not be a counter, name does not end in _total/_sum/_count/_bucket:";
    this.inform(`${detail} ${goQuote(metricName)}`, range);
  }

  forcedMonotonicity(metricName: string, range: SourceRange): void {
    const detail = `input to histogram_quantile needed to be fixed for monotonicity (see ${MONOTONICITY_HELP})`;
    this.inform(detail + forMetric(metricName), range);
  }

  incompatibleTypes(operator: string, range: SourceRange): void {
    const detail = `incompatible sample types encountered for binary operator ${goQuote(operator)}:`;
    this.inform(`${detail} float ${operator} float`, range);
  }

  ineffectiveSort(range: SourceRange): void {
    this.warn(
      "sort is ineffective for range queries since results are always ordered by labels",
      range,
    );
  }

  private warn(detail: string, range: SourceRange): void {
    this.warningTexts.add(`PromQL warning: ${detail} (${positionOf(this.text, range)})`);
  }

  private inform(detail: string, range: SourceRange): void {
    this.infoTexts.add(`PromQL info: ${detail} (${positionOf(this.text, range)})`);
  }
}

const forMetric = (metricName: string): string =>
  metricName === "" ? "" : ` for metric name ${goQuote(metricName)}`;
