import { compareStrings, METRIC_NAME } from "../../model/labels.js";
import { HistogramGroup, type HistogramSample } from "./exposition-parser-strict-histogram.js";
import { parseGoFloat } from "./exposition-parser-number.js";

export interface StrictSample extends HistogramSample {
  readonly name: string;
  readonly emptyNames: readonly string[];
  readonly timestampMs: number | undefined;
  readonly hasExemplar: boolean;
}

/** A metric family as it is read. Each method returns the broken rule, or undefined. */
export interface MetricFamily {
  readonly name: string;
  readonly metadata: { type?: string; help?: string; unit?: string };
  readonly hasSamples: boolean;
  /** What may follow the name of the family in the names of its samples. */
  readonly suffixes: readonly string[];
  metadataProblem(): string | undefined;
  /** Keeps the sample also when it breaks a rule, so that one fault is reported once. */
  sampleProblem(sample: StrictSample): string | undefined;
  /** Called when the last sample has been read. */
  closingProblem(): string | undefined;
}

/** Suffixes by type (OpenMetrics 1.0, "Metric Types"). */
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  counter: ["_total", "_created"],
  histogram: ["_bucket", "_count", "_sum", "_created"],
  gaugehistogram: ["_bucket", "_gcount", "_gsum"],
  summary: ["", "_count", "_sum", "_created"],
  info: ["_info"],
};
const PLAIN = [""];
/** Suffixes of values that only grow, and so are neither NaN nor, `_gsum` excepted, negative. */
const COUNTING = new Set(["_total", "_sum", "_count", "_bucket", "_gcount", "_gsum"]);

/** A family of OpenMetrics 1.0. */
export class OpenMetricsFamily implements MetricFamily {
  readonly metadata: { type?: string; help?: string; unit?: string } = {};
  hasSamples = false;
  private readonly endedGroups = new Set<string>();
  private groupKey: string | undefined;
  private groupTimestampMs: number | undefined;
  private groupSamples = new Set<string>();
  private histogram: HistogramGroup | undefined;

  constructor(readonly name: string) {}

  get suffixes(): readonly string[] {
    return SUFFIXES[this.type] ?? PLAIN;
  }

  private get type(): string {
    return this.metadata.type ?? "unknown";
  }

  metadataProblem(): string | undefined {
    const { type } = this;
    if ((this.metadata.unit ?? "") === "" || (type !== "info" && type !== "stateset"))
      return undefined;
    return `"${this.name}" has a unit, type ${type} must have none`;
  }

  sampleProblem(sample: StrictSample): string | undefined {
    this.hasSamples = true;
    const suffix = sample.name.slice(this.name.length);
    const ownProblem =
      this.labelProblem(sample, suffix) ??
      this.valueProblem(sample, suffix) ??
      this.exemplarProblem(sample, suffix);
    const groupProblem = this.groupProblem(sample);
    const histogramProblem = this.histogram?.sampleProblem(sample, suffix);
    return ownProblem ?? groupProblem ?? histogramProblem;
  }

  closingProblem(): string | undefined {
    return this.histogram?.closingProblem();
  }

  private labelProblem(sample: StrictSample, suffix: string): string | undefined {
    if (this.type === "stateset" && !sample.labels.has(this.name)) {
      return `sample of a stateset has no label "${this.name}", it must have one`;
    }
    return thresholdProblem(this.type, sample, suffix);
  }

  private valueProblem({ value }: StrictSample, suffix: string): string | undefined {
    const { type } = this;
    if (type === "info" && value !== 1) return `value of an info is ${value}, it must be 1`;
    if (type === "stateset" && value !== 0 && value !== 1)
      return `value of a stateset is ${value}, it must be 0 or 1`;
    if (type === "summary" && suffix === "" && value < 0)
      return `quantile is ${value}, it must not be negative`;
    if (!COUNTING.has(suffix)) return undefined;
    if (Number.isNaN(value) || (value < 0 && suffix !== "_gsum"))
      return `${suffix} is ${value}, it must not be`;
    return undefined;
  }

  private exemplarProblem({ hasExemplar }: StrictSample, suffix: string): string | undefined {
    if (!hasExemplar || (this.isHistogram && suffix === "_bucket")) return undefined;
    if (this.type === "counter" && suffix === "_total") return undefined;
    return `sample of type ${this.type} has an exemplar, only buckets and _total of counters may`;
  }

  /** Samples that differ only in `le`, `quantile` or the state belong together and stand together. */
  private groupProblem(sample: StrictSample): string | undefined {
    const key = groupKeyOf(sample, this.type === "stateset" ? this.name : partLabelOf(this.type));
    if (key !== this.groupKey) {
      const isSplit = this.endedGroups.has(key);
      const problem = this.histogram?.closingProblem();
      this.openGroup(key, sample);
      return problem ?? (isSplit ? SPLIT_GROUP : undefined);
    }
    const known = this.groupTimestampMs;
    if ((known === undefined) !== (sample.timestampMs === undefined)) {
      return "some samples of one label set have a timestamp, all or none must";
    }
    return this.orderProblem(sample, known);
  }

  private orderProblem(sample: StrictSample, known: number | undefined): string | undefined {
    const { timestampMs } = sample;
    const id = sampleIdOf(sample);
    const isRepeated = timestampMs === undefined && this.groupSamples.has(id);
    this.groupSamples.add(id);
    this.groupTimestampMs = timestampMs;
    if (isRepeated) return REPEATED_SAMPLE;
    if (timestampMs === undefined || known === undefined || timestampMs === known) return undefined;
    if (timestampMs < known) return "timestamps of one label set go back, they must not";
    const problem = this.histogram?.closingProblem();
    if (this.isHistogram) this.histogram = new HistogramGroup();
    return problem;
  }

  private openGroup(key: string, sample: StrictSample): void {
    this.endedGroups.add(key);
    this.groupKey = key;
    this.groupTimestampMs = sample.timestampMs;
    this.groupSamples = new Set([sampleIdOf(sample)]);
    this.histogram = this.isHistogram ? new HistogramGroup() : undefined;
  }

  private get isHistogram(): boolean {
    return this.type === "histogram" || this.type === "gaugehistogram";
  }
}

const SPLIT_GROUP = "samples of one label set are not together, they must be";
export const REPEATED_SAMPLE = "the sample is repeated, it must be unique";

export const sampleIdOf = ({ labels, emptyNames }: StrictSample): string =>
  labels.key + emptyNames.join();

/** The label that tells the samples of one histogram or summary apart; "" for other types. */
export const partLabelOf = (type: string): string =>
  ({ histogram: "le", gaugehistogram: "le", summary: "quantile" })[type] ?? "";

/** Equal for samples that differ only in their name and in the label `partLabel`. */
export function groupKeyOf({ labels, emptyNames }: StrictSample, partLabel: string): string {
  const others = labels.without(METRIC_NAME, partLabel);
  return others.key + [...emptyNames].sort(compareStrings).join();
}

/** A bucket needs a threshold, a quantile its number. */
export function thresholdProblem(
  type: string,
  { labels }: StrictSample,
  suffix: string,
): string | undefined {
  const partLabel = partLabelOf(type);
  const text = labels.get(partLabel);
  if (partLabel === "le" && suffix === "_bucket" && !isThreshold(text))
    return `bucket has le="${text}", it must be a number or "+Inf"`;
  if (partLabel === "quantile" && suffix === "" && !isQuantile(text))
    return `sample of a summary has quantile="${text}", it must be between 0 and 1`;
  return undefined;
}

/** `+Inf` is the only way to write infinity here; NaN is no threshold. */
function isThreshold(text: string): boolean {
  return text === "+Inf" || Number.isFinite(parseGoFloat(text) ?? Number.NaN);
}

function isQuantile(text: string): boolean {
  const quantile = parseGoFloat(text) ?? Number.NaN;
  return quantile >= 0 && quantile <= 1;
}
