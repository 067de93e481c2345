import {
  groupKeyOf,
  type MetricFamily,
  partLabelOf,
  REPEATED_SAMPLE,
  sampleIdOf,
  type StrictSample,
  thresholdProblem,
} from "./exposition-parser-strict-family.js";
import { HistogramGroup } from "./exposition-parser-strict-histogram.js";

const PLAIN = [""];
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  histogram: ["_bucket", "_count", "_sum"],
  summary: ["", "_count", "_sum"],
};

/**
 * A family of the text format 0.0.4. Its rules are those of "Exposition formats" in the Prometheus
 * documentation: unique samples, and histograms whose buckets ascend up to +Inf.
 */
export class TextFamily implements MetricFamily {
  readonly metadata: { type?: string; help?: string; unit?: string } = {};
  hasSamples = false;
  private readonly ids = new Set<string>();
  private readonly histograms = new Map<string, HistogramGroup>();

  constructor(readonly name: string) {}

  get suffixes(): readonly string[] {
    return SUFFIXES[this.type] ?? PLAIN;
  }

  private get type(): string {
    return this.metadata.type ?? "untyped";
  }

  metadataProblem(): undefined {
    return undefined;
  }

  sampleProblem(sample: StrictSample): string | undefined {
    this.hasSamples = true;
    const suffix = sample.name.slice(this.name.length);
    const id = `${sampleIdOf(sample)} ${sample.timestampMs}`;
    const isRepeated = this.ids.has(id);
    this.ids.add(id);
    const problem = thresholdProblem(this.type, sample, suffix);
    const histogramProblem = this.histogramOf(sample)?.sampleProblem(sample, suffix);
    return problem ?? (isRepeated ? REPEATED_SAMPLE : histogramProblem);
  }

  closingProblem(): string | undefined {
    for (const histogram of this.histograms.values()) {
      const problem = histogram.bucketsProblem();
      if (problem !== undefined) return problem;
    }
    return undefined;
  }

  private histogramOf(sample: StrictSample): HistogramGroup | undefined {
    if (this.type !== "histogram") return undefined;
    const key = `${groupKeyOf(sample, partLabelOf(this.type))} ${sample.timestampMs}`;
    const known = this.histograms.get(key);
    if (known !== undefined) return known;
    const histogram = new HistogramGroup();
    this.histograms.set(key, histogram);
    return histogram;
  }
}
