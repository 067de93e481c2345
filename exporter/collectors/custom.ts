/** Custom collectors: the output of a command of the user becomes samples. */
import {
  type ExpositionSample,
  type MetricMetadata,
  parseExposition,
} from "../shared/codec/exposition/exposition-parser.js";
import { BadInputError } from "../shared/model/errors.js";
import { MetricDefinition, type MetricType, type Sample } from "../shared/model/metric.js";
import type { RunCommand } from "../shared/platform/run-command.js";
import type { Collector } from "./collector.js";

/** The most metrics that one command may print. */
const MAX_METRICS = 1000;
/** Metrics of this project. A command must not replace them. */
const OWN_PREFIX = "pihealth_";
/** Older scrapers cannot read other names. */
const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const OPENMETRICS_END = /^# EOF\n?$/m;

export interface CustomCommand {
  /** The name of the collector. */
  readonly name: string;
  /** The program and its arguments. */
  readonly command: readonly string[];
}

/**
 * Runs a command at every sampling. Its output is Prometheus' text format, whose simplest form is a
 * line `name value`, or OpenMetrics when it ends with `# EOF`. Metrics without a type, parts of
 * histograms and summaries, and counters whose name does not end in `_total` are of unknown type.
 */
export function createCustomCollector(
  { name, command }: CustomCommand,
  run: RunCommand,
): Collector {
  let metrics: readonly MetricDefinition[] = [];
  return {
    name,
    get metrics() {
      return metrics;
    },
    async collect(signal) {
      const samples = samplesOf(await run(command, signal), metrics);
      metrics = [...new Set(samples.map(({ metric }) => metric))];
      return samples;
    },
  };
}

/**
 * @param known definitions of the previous run, which are used again while they are the same
 * @throws {BadInputError} when the output is no exposition, or holds what a command must not print
 */
function samplesOf(output: Buffer, known: readonly MetricDefinition[]): Sample[] {
  const isOpenMetrics = OPENMETRICS_END.test(output.subarray(-8).toString("latin1"));
  const { samples, metadata } = parseExposition(
    output,
    isOpenMetrics ? "application/openmetrics-text" : "text/plain",
  );
  const families = new Map<string, ExpositionSample[]>();
  for (const sample of samples) {
    const name = sample.labels.get("__name__");
    checkSample(name, sample);
    const family = families.get(name);
    if (family === undefined) families.set(name, [sample]);
    else family.push(sample);
  }
  if (families.size > MAX_METRICS) {
    throw refused(`${families.size} metrics`, `they must be at most ${MAX_METRICS}`);
  }
  const described = new Map(metadata.map((entry) => [entry.metric, entry]));
  const before = new Map(known.map((definition) => [definition.name, definition]));
  return [...families].flatMap(([name, family]) => {
    const definition = definitionOf(name, family, described, before.get(name));
    return family.map(({ labels, value }) =>
      definition.sample(value, labels.without("__name__").toObject()),
    );
  });
}

function checkSample(name: string, { labels, timestampMs }: ExpositionSample): void {
  if (!METRIC_NAME.test(name)) {
    throw refused(JSON.stringify(name), "it must have letters, digits, _ and : only");
  }
  const label = labels.pairs.find(([candidate]) => !LABEL_NAME.test(candidate))?.[0];
  if (label !== undefined) {
    throw refused(`label ${JSON.stringify(label)}`, "it must have letters, digits and _ only");
  }
  if (name.startsWith(OWN_PREFIX)) {
    throw refused(`"${name}"`, `it must not begin with ${OWN_PREFIX}`);
  }
  if (timestampMs !== undefined) {
    throw refused(`"${name}" with a timestamp`, "it must have none: the time of the run counts");
  }
}

const refused = (what: string, mustBe: string): BadInputError =>
  new BadInputError(`Cannot take ${what} from the command: ${mustBe}`);

/** All samples of a metric share a definition, which has the labels of each of them. */
function definitionOf(
  name: string,
  family: readonly ExpositionSample[],
  described: ReadonlyMap<string, MetricMetadata>,
  before: MetricDefinition | undefined,
): MetricDefinition {
  const labelNames = new Set<string>();
  for (const { labels } of family) for (const [label] of labels.pairs) labelNames.add(label);
  labelNames.delete("__name__");
  const metadata = described.get(name) ?? described.get(name.replace(/_total$/, ""));
  const definition = new MetricDefinition(typeOf(name, metadata?.type), {
    name,
    help: metadata?.help || `Printed by a custom collector as ${name}.`,
    labels: [...labelNames].sort(),
  });
  const isSame =
    before?.type === definition.type &&
    before.help === definition.help &&
    before.labels.join() === definition.labels.join();
  return isSame ? before : definition;
}

function typeOf(name: string, type: string | undefined): MetricType {
  if (type === "gauge") return "gauge";
  return type === "counter" && name.endsWith("_total") ? "counter" : "unknown";
}
