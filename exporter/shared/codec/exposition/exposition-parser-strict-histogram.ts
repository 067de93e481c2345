import type { Labels } from "../../model/labels.js";
import { parseGoFloat } from "./exposition-parser-number.js";

export interface HistogramSample {
  readonly labels: Labels;
  readonly value: number;
}

/** The samples of one histogram at one instant, and the rules between them. */
export class HistogramGroup {
  private lastThreshold = Number.NEGATIVE_INFINITY;
  private lastCount = 0;
  private buckets = 0;
  private hasNegativeBucket = false;
  private count: number | undefined;
  private sum: number | undefined;
  private sumSuffix = "";

  sampleProblem({ labels, value }: HistogramSample, suffix: string): string | undefined {
    if (suffix === "_bucket")
      return this.bucketProblem(parseGoFloat(labels.get("le")) ?? Number.NaN, value);
    if (suffix === "_count" || suffix === "_gcount") this.count = value;
    if (suffix === "_sum" || suffix === "_gsum") {
      this.sum = value;
      this.sumSuffix = suffix;
    }
    return undefined;
  }

  /** The first broken rule of a complete group in OpenMetrics. */
  closingProblem(): string | undefined {
    const problem = this.bucketsProblem();
    if (problem !== undefined) return problem;
    if ((this.sum === undefined) !== (this.count === undefined))
      return "histogram has only one of count and sum";
    return this.sumProblem();
  }

  /** The first broken rule about the buckets of a complete group, in either format. */
  bucketsProblem(): string | undefined {
    if (this.lastThreshold !== Number.POSITIVE_INFINITY)
      return 'histogram has no bucket with le="+Inf", it must have one';
    if (this.count === undefined || this.count === this.lastCount) return undefined;
    return `count of the histogram is ${this.count}, it must be that of its +Inf bucket (${this.lastCount})`;
  }

  private sumProblem(): string | undefined {
    if (this.hasNegativeBucket && this.sumSuffix === "_sum") {
      return "histogram with negative buckets has a _sum, it must have none";
    }
    if (!this.hasNegativeBucket && (this.sum ?? 0) < 0) {
      return "histogram without negative buckets has a negative sum, it must not";
    }
    return undefined;
  }

  private bucketProblem(threshold: number, count: number): string | undefined {
    if (Number.isNaN(threshold)) return undefined; // Reported as a problem of the label.
    const isInOrder = this.buckets === 0 || threshold > this.lastThreshold;
    const isCumulative = count >= this.lastCount;
    this.buckets++;
    this.hasNegativeBucket ||= threshold < 0;
    this.lastThreshold = threshold;
    this.lastCount = count;
    if (!isInOrder) return "buckets are not in ascending order, they must be";
    if (!isCumulative) return "bucket counts decrease, each must include those before it";
    return undefined;
  }
}
