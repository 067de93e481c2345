/**
 * Samples to text, by prom-client: the one file that knows it.
 *
 * It is asked metric by metric, and only for metrics of which a series came or went since the last
 * text: of the others the text is kept, and values that changed are written into it.
 *
 * Its metrics are used as carriers only. Values are not kept in them, because their index of label
 * sets confuses label values that contain its separators, and their reset and increment cost more
 * than the text itself.
 */
import type { MetricObjectWithValues, MetricValue } from "prom-client";
import Counter from "prom-client/lib/counter.js";
import Gauge from "prom-client/lib/gauge.js";
import Registry from "prom-client/lib/registry.js";
import type { MetricDefinition, Sample } from "../shared/model/metric.js";

export type ExpositionFormat = "text" | "openmetrics";

export const CONTENT_TYPES: Readonly<Record<ExpositionFormat, string>> = {
  text: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

/** The text of one metric, and what it was made from. */
interface Fragment {
  /** As they came, duplicates included. */
  readonly samples: readonly Sample[];
  readonly hasDuplicates: boolean;
  /** Undefined while prom-client writes it. */
  text: string | undefined;
  /** Taken from the text when a value changes for the first time. */
  layout?: Layout | undefined;
}

/** All of a metric's text but the values. */
interface Layout {
  /** HELP and TYPE. */
  readonly head: string;
  /** What comes before the value of each sample. */
  readonly series: readonly string[];
}

/** Renders samples in one format; remembers the last text of every metric. */
export class MetricTextRenderer {
  private readonly registry = new Registry<typeof Registry.OPENMETRICS_CONTENT_TYPE>();
  private readonly carriers = new Map<string, Carrier>();
  private fragments = new Map<string, Fragment>();

  constructor(private readonly format: ExpositionFormat) {
    const contentType = CONTENT_TYPES[format] as typeof Registry.OPENMETRICS_CONTENT_TYPE;
    this.registry.setContentType(contentType);
  }

  /**
   * Renders samples in the order in which their metrics first come. Of samples of the same series
   * the first counts.
   *
   * @param onDuplicate called for every sample left out, once as long as the metric does not change
   * @param last asked for after that, so that it can tell how many were left out
   */
  async render(
    samples: Iterable<Sample>,
    onDuplicate: (sample: Sample) => void,
    last: () => Sample,
  ): Promise<string> {
    const fragments = new Map<string, Fragment>();
    const pending: Promise<void>[] = [];
    const add = (family: readonly Sample[]): void => {
      const { metric } = family[0] as Sample;
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
    const carrier = this.carrierOf(metric);
    carrier.samples = withoutDuplicates(samples, onDuplicate);
    const hasDuplicates = carrier.samples.length < samples.length;
    const fragment: Fragment = { samples, hasDuplicates, text: undefined };
    // The samples are taken from the carrier within this call, not later.
    const text = this.registry.getSingleMetricAsString(carrier.name);
    const keep = (lines: string): void => {
      // prom-client writes "Nan", which OpenMetrics does not know. A value always ends its line, a
      // label value never does.
      fragment.text = `${lines}\n`.replaceAll(" Nan\n", " NaN\n");
    };
    pending.push(text.then(keep));
    return fragment;
  }

  private carrierOf(metric: MetricDefinition): Carrier {
    let carrier = this.carriers.get(metric.name);
    if (carrier !== undefined) return carrier;
    // OpenMetrics names a counter without the suffix of its samples, which prom-client adds again.
    const name = this.format === "text" ? metric.name : metric.name.replace(/_total$/, "");
    const options = { name, help: metric.help, registers: [] as [] };
    carrier = metric.type === "counter" ? new CarriedCounter(options) : new CarriedGauge(options);
    this.carriers.set(metric.name, carrier);
    this.registry.registerMetric(carrier);
    return carrier;
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
 * The fragment for `samples` of the same metric.
 *
 * @returns undefined when they are other series than those of `known`: prom-client has to write them
 */
function updated(known: Fragment | undefined, samples: readonly Sample[]): Fragment | undefined {
  if (known?.text === undefined || known.samples.length !== samples.length) return undefined;
  let isSame = true;
  for (let index = 0; index < samples.length; index++) {
    const [one, other] = [known.samples[index] as Sample, samples[index] as Sample];
    if (one === other) continue;
    if (one.labels !== other.labels && !haveEqualLabels(one, other)) return undefined;
    if (!Object.is(one.value, other.value)) isSame = false;
  }
  if (isSame) return known;
  if (known.hasDuplicates) return undefined;
  known.layout ??= layoutOf(known.text, samples.length);
  const { head, series } = known.layout;
  let text = head;
  for (let index = 0; index < samples.length; index++)
    text += `${series[index]}${formatValue((samples[index] as Sample).value)}\n`;
  return { samples, hasDuplicates: false, text, layout: known.layout };
}

/** @param count of the samples, each of which is a line at the end of the text */
function layoutOf(text: string, count: number): Layout {
  const lines = text.split("\n");
  const begin = lines.length - 1 - count;
  const series = lines.slice(begin, -1).map((line) => line.slice(0, line.lastIndexOf(" ") + 1));
  return { head: `${lines.slice(0, begin).join("\n")}\n`, series };
}

function formatValue(value: number): string {
  if (Number.isFinite(value)) return `${value}`;
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
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

type Carrier = CarriedGauge | CarriedCounter;
type CarriedMetric = MetricObjectWithValues<MetricValue<string>>;

class CarriedGauge extends Gauge {
  declare readonly name: string;
  declare readonly help: string;
  samples: readonly Sample[] = [];

  override async get(): Promise<CarriedMetric> {
    return carriedValues("gauge", this);
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

function carriedValues(type: "gauge" | "counter", { name, help, samples }: Carrier): CarriedMetric {
  return {
    name,
    help,
    type: type as unknown as CarriedMetric["type"],
    aggregator: "sum",
    collect: () => undefined,
    values: [...samples],
  };
}
