import { compareStrings, METRIC_NAME } from "../../model/labels.js";
import { HistogramGroup, type HistogramSample } from "./exposition-parser-strict-histogram.js";
import { parseGoFloat } from "./exposition-parser-number.js";

export interface StrictSample extends HistogramSample {
  readonly name: string;
  readonly emptyNames: readonly string[];
  readonly timestampMs: number | undefined;
  readonly hasExemplar: boolean;
}

/** What may follow the family's name in the names of its samples (OpenMetrics 1.0, "Metric Types"). */
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

export const suffixesOf = (type: string): readonly string[] => SUFFIXES[type] ?? PLAIN;

export const createFamily = (name: string): Family => new Family(name);

/** One metric family as it is read: every method names a broken rule, or returns undefined. */
export class Family {
  readonly metadata: { type?: string; help?: string; unit?: string } = {};
  hasSamples = false;
  private readonly endedGroups = new Set<string>();
  private groupKey: string | undefined;
  private groupTimestampMs: number | undefined;
  private groupSamples = new Set<string>();
  private histogram: HistogramGroup | undefined;

  constructor(readonly name: string) {}

  get type(): string {
    return this.metadata.type ?? "unknown";
  }

  owns(sampleName: string): boolean {
    return (
      sampleName.startsWith(this.name) &&
      suffixesOf(this.type).includes(sampleName.slice(this.name.length))
    );
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
    return (
      this.labelProblem(sample, suffix) ??
      this.valueProblem(sample, suffix) ??
      this.exemplarProblem(sample, suffix) ??
      this.groupProblem(sample) ??
      this.histogram?.sampleProblem(sample, suffix)
    );
  }

  closingProblem(): string | undefined {
    return this.histogram?.closingProblem();
  }

  private labelProblem({ labels }: StrictSample, suffix: string): string | undefined {
    if (suffix === "_bucket" && this.isHistogram && !isThreshold(labels.get("le"))) {
      return `bucket has le="${labels.get("le")}", it must be a number or "+Inf"`;
    }
    if (this.type === "summary" && suffix === "" && !isQuantile(labels.get("quantile"))) {
      return `sample of a summary has quantile="${labels.get("quantile")}", it must be between 0 and 1`;
    }
    if (this.type === "stateset" && !labels.has(this.name)) {
      return `sample of a stateset has no label "${this.name}", it must have one`;
    }
    return undefined;
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
    const key = this.groupKeyOf(sample);
    if (key !== this.groupKey) {
      const problem = this.histogram?.closingProblem();
      if (problem !== undefined) return problem;
      if (this.endedGroups.has(key))
        return "samples of one label set are not together, they must be";
      this.openGroup(key, sample);
      return undefined;
    }
    const known = this.groupTimestampMs;
    if ((known === undefined) !== (sample.timestampMs === undefined)) {
      return "some samples of one label set have a timestamp, all or none must";
    }
    return this.orderProblem(sample, known);
  }

  private orderProblem(sample: StrictSample, known: number | undefined): string | undefined {
    const id = sampleIdOf(sample);
    if (sample.timestampMs === undefined) {
      if (this.groupSamples.has(id)) return "the sample is repeated, it must be unique";
    } else if (known !== undefined && sample.timestampMs < known) {
      return "timestamps of one label set go back, they must not";
    } else if (sample.timestampMs !== known && this.isHistogram) {
      const problem = this.histogram?.closingProblem();
      if (problem !== undefined) return problem;
      this.histogram = new HistogramGroup();
    }
    this.groupSamples.add(id);
    this.groupTimestampMs = sample.timestampMs;
    return undefined;
  }

  private openGroup(key: string, sample: StrictSample): void {
    this.endedGroups.add(key);
    this.groupKey = key;
    this.groupTimestampMs = sample.timestampMs;
    this.groupSamples = new Set([sampleIdOf(sample)]);
    this.histogram = this.isHistogram ? new HistogramGroup() : undefined;
  }

  private groupKeyOf({ labels, emptyNames }: StrictSample): string {
    const within =
      { histogram: "le", gaugehistogram: "le", summary: "quantile", stateset: this.name }[
        this.type
      ] ?? "";
    const others = labels.without(METRIC_NAME, within);
    return others.key + [...emptyNames].sort(compareStrings).join();
  }

  private get isHistogram(): boolean {
    return this.type === "histogram" || this.type === "gaugehistogram";
  }
}

const sampleIdOf = ({ labels, emptyNames }: StrictSample): string => labels.key + emptyNames.join();

/** `+Inf` is the only way to write infinity here; NaN is no threshold. */
function isThreshold(text: string): boolean {
  return text === "+Inf" || Number.isFinite(parseGoFloat(text) ?? Number.NaN);
}

function isQuantile(text: string): boolean {
  const quantile = parseGoFloat(text) ?? Number.NaN;
  return quantile >= 0 && quantile <= 1;
}
