/**
 * Renders samples as text with prom-client. This is the only file that uses it.
 *
 * prom-client renders single metrics, and only those with a series that was added or removed since
 * the last text. The text of the other metrics is kept, and changed values are written into it.
 *
 * prom-client's metrics hold no values between renderings, because their index of label sets
 * confuses label values that contain its separators, and their reset and increment cost more than
 * the text itself.
 */
import { itemAt } from "../shared/model/get-or-throw.js";
import type { MetricObjectWithValues, MetricValue } from "prom-client";
import Counter from "prom-client/lib/counter.js";
import Gauge from "prom-client/lib/gauge.js";
import Registry from "prom-client/lib/registry.js";
import { formatSampleValue } from "../shared/codec/exposition/exposition-writer.js";
import type { MetricDefinition, MetricType, Sample } from "../shared/model/metric.js";

export type ExpositionFormat = "text" | "openmetrics";

export const CONTENT_TYPES: Readonly<Record<ExpositionFormat, string>> = {
  text: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

/** The text of one metric and the samples it was made from. */
interface Fragment {
  /** In their order, including duplicates. */
  readonly samples: readonly Sample[];
  readonly hasDuplicates: boolean;
  /** Undefined while prom-client renders it. */
  text: string | undefined;
  /** Extracted from the text when a value changes for the first time. */
  layout?: Layout | undefined;
}

/** The text of a metric without the values. */
interface Layout {
  /** HELP and TYPE. */
  readonly head: string;
  /** The text before the value of each sample. */
  readonly series: readonly string[];
}

/** Renders samples in one format and keeps the last text of every metric. */
export class MetricTextRenderer {
  private readonly registry: FormatRegistry;
  private readonly carriers = new Map<string, RegisteredCarrier>();
  private fragments = new Map<string, Fragment>();

  constructor(private readonly format: ExpositionFormat) {
    this.registry = createRegistry(format);
  }

  /**
   * Renders samples in the order in which their metrics first occur. If a series occurs twice, the
   * first sample counts.
   *
   * @param onDuplicate called for every dropped sample, once per change of the metric
   * @param last rendered last, so it can report how many samples were dropped
   */
  async render(
    samples: Iterable<Sample>,
    onDuplicate: (sample: Sample) => void,
    last: () => Sample,
  ): Promise<string> {
    const fragments = new Map<string, Fragment>();
    const pending: Promise<void>[] = [];
    const add = (family: readonly Sample[]): void => {
      const { metric } = itemAt(family, 0);
      const known = updated(this.fragments.get(metric.name), family);
      const fragment = known ?? this.renderFamily(metric, family, { onDuplicate, pending });
      fragments.set(metric.name, fragment);
    };
    for (const family of groupByMetric(samples).values()) add(family);
    add([last()]);
    if (pending.length > 0) await Promise.all(pending);
    this.fragments = fragments;
    const end = this.format === "text" ? "\n" : "";
    let whole = "";
    for (const { text } of fragments.values()) whole += whole === "" ? text : end + text;
    return this.format === "text" ? whole : `${whole}# EOF\n`;
  }

  private renderFamily(
    metric: MetricDefinition,
    samples: readonly Sample[],
    { onDuplicate, pending }: { onDuplicate: (sample: Sample) => void; pending: Promise<void>[] },
  ): Fragment {
    const { carrier, registry } = this.carrierOf(metric);
    carrier.samples = withoutDuplicates(samples, onDuplicate);
    const hasDuplicates = carrier.samples.length < samples.length;
    const fragment: Fragment = { samples, hasDuplicates, text: undefined };
    // prom-client reads the samples during this call.
    const text = registry.getSingleMetricAsString(carrier.name);
    const keep = (lines: string): void => {
      // prom-client writes "Nan", which OpenMetrics does not know. A value is always at the end of
      // its line, a label value never is.
      fragment.text = `${lines}\n`.replaceAll(" Nan\n", " NaN\n");
    };
    pending.push(text.then(keep));
    return fragment;
  }

  private carrierOf(metric: MetricDefinition): RegisteredCarrier {
    const known = this.carriers.get(metric.name);
    if (known?.type === metric.type && known.carrier.help === metric.help) return known;
    if (known !== undefined) known.registry.removeSingleMetric(known.carrier.name);
    // OpenMetrics names a counter without the suffix of its samples, which prom-client adds again.
    const name = this.format === "text" ? metric.name : metric.name.replace(/_total$/, "");
    const options = { name, help: metric.help, registers: [] };
    const carrier =
      metric.type === "counter"
        ? new CarriedCounter(options)
        : new CarriedGauge(options, metric.type === "gauge" ? "gauge" : UNKNOWN_TYPES[this.format]);
    // In OpenMetrics, a gauge "x" has the name of a counter "x_total".
    const isTaken = this.registry.getSingleMetric(name) !== undefined;
    const registry = isTaken ? createRegistry(this.format) : this.registry;
    registry.registerMetric(carrier);
    const registered = { carrier, registry, type: metric.type };
    this.carriers.set(metric.name, registered);
    return registered;
  }
}

function groupByMetric(samples: Iterable<Sample>): Map<string, Sample[]> {
  const families = new Map<string, Sample[]>();
  let last: Sample[] | undefined;
  for (const sample of samples) {
    if (last?.[0]?.metric !== sample.metric) {
      last = families.get(sample.metric.name);
      if (last === undefined) families.set(sample.metric.name, (last = []));
    }
    last.push(sample);
  }
  return families;
}

/**
 * Updates the fragment of a metric with new values.
 *
 * @returns undefined when the series differ from those of `known`, so prom-client has to render
 * them
 */
function updated(known: Fragment | undefined, samples: readonly Sample[]): Fragment | undefined {
  if (known?.text === undefined || known.samples.length !== samples.length) return undefined;
  if (known.samples[0]?.metric !== samples[0]?.metric) return undefined;
  let isSame = true;
  let at = 0;
  for (const other of samples) {
    const one = known.samples[at++];
    if (one === other) continue;
    if (one === undefined) return undefined;
    if (one.labels !== other.labels && !haveEqualLabels(one, other)) return undefined;
    if (!Object.is(one.value, other.value)) isSame = false;
  }
  if (isSame) return known;
  if (known.hasDuplicates) return undefined;
  known.layout ??= layoutOf(known.text, samples.length);
  const { head, series } = known.layout;
  let text = head;
  let line = 0;
  for (const { value } of samples) text += `${series[line++]}${formatSampleValue(value)}\n`;
  return { samples, hasDuplicates: false, text, layout: known.layout };
}

/** @param count of the samples, each of which is a line at the end of the text */
function layoutOf(text: string, count: number): Layout {
  const lines = text.split("\n");
  const begin = lines.length - 1 - count;
  const series = lines.slice(begin, -1).map((line) => line.slice(0, line.lastIndexOf(" ") + 1));
  return { head: `${lines.slice(0, begin).join("\n")}\n`, series };
}

function haveEqualLabels({ metric, labels }: Sample, { labels: others }: Sample): boolean {
  for (const label of metric.labels) if (labels[label] !== others[label]) return false;
  return true;
}

/** @param samples of one metric */
function withoutDuplicates(
  samples: readonly Sample[],
  onDuplicate: (sample: Sample) => void,
): readonly Sample[] {
  if (samples.length < 2) return samples;
  const series = new Set<string>();
  return samples.filter((sample) => {
    const before = series.size;
    const isFirst = series.add(seriesKey(sample)).size > before;
    if (!isFirst) onDuplicate(sample);
    return isFirst;
  });
}

/** Unambiguous: U+FFFE is in no text that came from UTF-8 bytes. */
function seriesKey({ metric, labels }: Sample): string {
  let key = "";
  for (const label of metric.labels) key += `\u{fffe}${labels[label] ?? ""}`;
  return key;
}

type FormatRegistry = Registry<typeof Registry.OPENMETRICS_CONTENT_TYPE>;

function createRegistry(format: ExpositionFormat): FormatRegistry {
  const registry: FormatRegistry = new Registry();
  // eslint-disable-next-line house/no-type-assertion -- prom-client types a registry by one format
  registry.setContentType(CONTENT_TYPES[format] as typeof Registry.OPENMETRICS_CONTENT_TYPE);
  return registry;
}

type Carrier = CarriedGauge | CarriedCounter;

interface RegisteredCarrier {
  readonly carrier: Carrier;
  readonly registry: FormatRegistry;
  readonly type: MetricType;
}

type CarriedMetric = MetricObjectWithValues<MetricValue<string>>;

/** The word for a metric without a type, in each format. */
const UNKNOWN_TYPES = { text: "untyped", openmetrics: "unknown" } as const;

class CarriedGauge extends Gauge {
  declare readonly name: string;
  declare readonly help: string;
  samples: readonly Sample[] = [];

  constructor(
    options: ConstructorParameters<typeof Gauge>[0],
    private readonly type: string,
  ) {
    super(options);
  }

  override async get(): Promise<CarriedMetric> {
    return carriedValues(this.type, this);
  }
}

class CarriedCounter extends Counter {
  declare readonly name: string;
  declare readonly help: string;
  samples: readonly Sample[] = [];

  override async get(): Promise<CarriedMetric> {
    return carriedValues("counter", this);
  }
}

function carriedValues(type: string, { name, help, samples }: Carrier): CarriedMetric {
  return {
    name,
    help,
    // eslint-disable-next-line house/no-type-assertion -- an enum of prom-client, which reads the text
    type: type as unknown as CarriedMetric["type"],
    aggregator: "sum",
    collect: () => undefined,
    values: [...samples],
  };
}
