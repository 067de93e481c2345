/**
 * Samples to text, by prom-client: the one file that knows it.
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

/** All samples of one metric, from whichever collectors. */
interface MetricFamily {
  readonly metric: MetricDefinition;
  readonly samples: Sample[];
}

/**
 * Renders samples in the order in which their metrics first come. Of samples of the same series the
 * first counts.
 *
 * @param onDuplicate called for every sample left out
 */
export async function renderMetricText(
  samples: Iterable<Sample>,
  format: ExpositionFormat,
  onDuplicate: (sample: Sample) => void,
): Promise<string> {
  const registry = new Registry<typeof Registry.OPENMETRICS_CONTENT_TYPE>();
  registry.setContentType(CONTENT_TYPES[format] as typeof Registry.OPENMETRICS_CONTENT_TYPE);
  for (const family of groupByMetric(samples, onDuplicate).values()) {
    registry.registerMetric(
      family.metric.type === "counter" ? new CarriedCounter(family) : new CarriedGauge(family),
    );
  }
  const text = await registry.metrics();
  // prom-client writes "Nan", which OpenMetrics does not know. A value always ends its line, a
  // label value never does.
  return text.replaceAll(" Nan\n", " NaN\n");
}

function groupByMetric(
  samples: Iterable<Sample>,
  onDuplicate: (sample: Sample) => void,
): Map<string, MetricFamily> {
  const families = new Map<string, MetricFamily>();
  const series = new Set<string>();
  for (const sample of samples) {
    const key = seriesKey(sample);
    if (series.has(key)) {
      onDuplicate(sample);
      continue;
    }
    series.add(key);
    const family = families.get(sample.metric.name);
    if (family === undefined)
      families.set(sample.metric.name, { metric: sample.metric, samples: [sample] });
    else family.samples.push(sample);
  }
  return families;
}

/** Unambiguous: U+FFFE is in no text that came from UTF-8 bytes. */
function seriesKey({ metric, labels }: Sample): string {
  let key = metric.name;
  for (const label of metric.labels) key += `\u{fffe}${labels[label] ?? ""}`;
  return key;
}

class CarriedGauge extends Gauge {
  constructor(private readonly family: MetricFamily) {
    super(carrierOptions(family));
  }

  override async get(): Promise<MetricObjectWithValues<MetricValue<string>>> {
    return carriedValues(this, this.family);
  }
}

class CarriedCounter extends Counter {
  constructor(private readonly family: MetricFamily) {
    super(carrierOptions(family));
  }

  override async get(): Promise<MetricObjectWithValues<MetricValue<string>>> {
    return carriedValues(this, this.family);
  }
}

function carrierOptions({ metric }: MetricFamily): { name: string; help: string; registers: [] } {
  return { name: metric.name, help: metric.help, registers: [] };
}

/** @param carrier its name is prom-client's to change: without `_total` in OpenMetrics */
function carriedValues(
  carrier: object,
  { metric, samples }: MetricFamily,
): MetricObjectWithValues<MetricValue<string>> {
  const { name, type } = carrier as {
    name: string;
    type: MetricObjectWithValues<MetricValue<string>>["type"];
  };
  return {
    name,
    type,
    help: metric.help,
    aggregator: "sum",
    collect: () => undefined,
    values: samples,
  };
}
