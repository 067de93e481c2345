/** The metric types the exporter and the scraper expose; `unknown` is for metrics of other programs. */
export type MetricType = "gauge" | "counter" | "unknown";

export interface MetricOptions<Label extends string> {
  /** Full name with namespace and unit, such as `pihealth_memory_used_ratio`; counters end in `_total`. */
  readonly name: string;
  /** One sentence with the unit, ending in a full stop. */
  readonly help: string;
  readonly labels?: readonly Label[];
}

/** One value of one series, without a timestamp: whoever stores the sample adds the time. */
export interface Sample {
  readonly metric: MetricDefinition;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Name, type, labels and help of a metric. It holds no values: `sample` makes them. */
export class MetricDefinition<Label extends string = string> {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly Label[];

  constructor(
    readonly type: MetricType,
    options: MetricOptions<Label>,
  ) {
    this.name = options.name;
    this.help = options.help;
    this.labels = options.labels ?? [];
  }

  sample(value: number, labels?: Readonly<Record<Label, string>>): Sample {
    return { metric: this, labels: labels ?? {}, value };
  }
}

export function gauge<Label extends string = never>(
  options: MetricOptions<Label>,
): MetricDefinition<Label> {
  return new MetricDefinition("gauge", options);
}

export function counter<Label extends string = never>(
  options: MetricOptions<Label>,
): MetricDefinition<Label> {
  return new MetricDefinition("counter", options);
}

/** A part of a program that reports metrics about itself. */
export interface MetricsSource {
  /** Every metric that `readMetrics` may return samples of. */
  readonly metrics: readonly MetricDefinition[];
  /** Returns the current values. Runs for every request to `/metrics`: cheap, and never throws. */
  readMetrics(): Sample[];
}

/** A titled part of the list of all metrics of a program. */
export interface MetricsSection {
  readonly title: string;
  readonly metrics: readonly MetricDefinition[];
}
