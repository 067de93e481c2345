/** Kinds of metric the exporter offers. */
export type MetricType = "gauge" | "counter";

export interface MetricOptions<Label extends string> {
  /** Full name with namespace and unit, such as `pihealth_memory_used_ratio`; counters end in `_total`. */
  readonly name: string;
  /** One sentence with the unit, ending in a full stop. */
  readonly help: string;
  readonly labels?: readonly Label[];
}

/** One value of one series, without a timestamp: the runner adds the time of the sampling. */
export interface Sample {
  readonly metric: MetricDefinition;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A metric a collector offers. It holds no values: a collector returns samples made by `sample`. */
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
