/**
 * Samples to text, by prom-client: the one file that knows it.
 *
 * It is asked metric by metric, and only for metrics of which a value has changed since the last
 * text: most of what a scrape shows is what the one before it has shown.
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

/** What the text of one metric was made from. */
interface Fragment {
  /** As they came, duplicates included. */
  readonly samples: readonly Sample[];
  readonly text: Promise<string>;
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
    const add = (family: readonly Sample[]): void => {
      const { metric } = family[0] as Sample;
      const known = this.fragments.get(metric.name);
      const isKnown = known !== undefined && areEqual(known.samples, family);
      const fragment = isKnown ? known : this.renderFamily(metric, family, onDuplicate);
      fragments.set(metric.name, fragment);
    };
    for (const family of groupByMetric(samples).values()) add(family);
    add([last()]);
    this.fragments = fragments;
    const texts = await Promise.all([...fragments.values()].map(({ text }) => text));
    return this.format === "text" ? texts.join("\n") : `${texts.join("")}# EOF\n`;
  }

  private renderFamily(
    metric: MetricDefinition,
    samples: readonly Sample[],
    onDuplicate: (sample: Sample) => void,
  ): Fragment {
    const carrier = this.carrierOf(metric);
    carrier.samples = withoutDuplicates(samples, onDuplicate);
    // The samples are taken from the carrier within this call, not later.
    const text = this.registry.getSingleMetricAsString(carrier.name);
    // prom-client writes "Nan", which OpenMetrics does not know. A value always ends its line, a
    // label value never does.
    return { samples, text: text.then((lines) => `${lines}\n`.replaceAll(" Nan\n", " NaN\n")) };
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

/** Of samples of one metric. */
function areEqual(left: readonly Sample[], right: readonly Sample[]): boolean {
  if (left.length !== right.length) return false;
  for (let index = 0; index < left.length; index++) {
    const [one, other] = [left[index] as Sample, right[index] as Sample];
    if (one === other) continue;
    if (!Object.is(one.value, other.value) || !haveEqualLabels(one, other)) return false;
  }
  return true;
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
