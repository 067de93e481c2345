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

  /** Called when no more samples of the group can come. */
  closingProblem(): string | undefined {
    if (this.lastThreshold !== Number.POSITIVE_INFINITY)
      return 'histogram has no bucket with le="+Inf", it must have one';
    if (this.count !== undefined && this.count !== this.lastCount) {
      return `count of the histogram is ${this.count}, it must be that of its +Inf bucket (${this.lastCount})`;
    }
    if ((this.sum === undefined) !== (this.count === undefined))
      return "histogram has only one of count and sum";
    return this.sumProblem();
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
    if (this.buckets > 0 && threshold <= this.lastThreshold)
      return "buckets are not in ascending order, they must be";
    if (count < this.lastCount) return "bucket counts decrease, each must include those before it";
    this.buckets++;
    this.hasNegativeBucket ||= threshold < 0;
    this.lastThreshold = threshold;
    this.lastCount = count;
    return undefined;
  }
}
