import { formatHelp } from "../../../exporter/shared/codec/exposition/exposition-writer.js";
import { bitsOf, isAbsentAt, isStaleAt } from "../../../exporter/shared/model/special-values.js";
import { formatShortestFloat } from "../../../exporter/shared/model/float-format.js";
import {
  compareStrings,
  isLegacyLabelName,
  type LabelPair,
  Labels,
  METRIC_NAME,
  quoteLabelValue,
} from "../../../exporter/shared/model/labels.js";
import type { TimeRange } from "../../../exporter/shared/model/time-range.js";
import type { Clock } from "../../../exporter/shared/platform/clock.js";
import type { LabelMatcher } from "../../storage/model/label-matcher.js";
import type { Querier, SelectedSeries, SelectedTable } from "../../storage/model/querier.js";
import type { Pacer } from "../../promql/evaluation/pacer.js";
import { sortPaced } from "../../base/paced-sort.js";
import { admitRead, type MetadataRouteParts, readSelector } from "./metadata-routes.js";
import type { ApiResponse, ApiRequest, Route } from "../http/route.js";

export interface FederateRouteParts {
  readonly querier: Querier;
  readonly clock: Clock;
  readonly admission: MetadataRouteParts["admission"];
  readonly queryTimeoutMs: number;
  readonly parseSelector: MetadataRouteParts["parseSelector"];
  readonly metadata: MetadataRouteParts["metadata"];
  /** How old the newest sample of a series may be. */
  readonly lookbackMs: number;
  /** Added to every series, unless the series has a label of that name. */
  readonly externalLabels: () => Labels;
}

/** Cost of one sample, in values for the pacer. */
const WORK_PER_SAMPLE = 128;
const PIECE_CHARACTERS = 32_768;

type Helps = Awaited<ReturnType<FederateRouteParts["metadata"]>>;

interface LatestSample {
  readonly labels: Labels;
  readonly timestampMs: number;
  readonly value: number;
}

/** `/federate`: the latest sample of each series that a `match[]` selects, with its time, for another Prometheus. */
export function federateRoute(parts: FederateRouteParts): Route {
  return {
    methods: ["GET"],
    path: "/federate",
    errorStyle: "text",
    handle: (request) => answerFederate(parts, request),
  };
}

async function answerFederate(
  parts: FederateRouteParts,
  request: ApiRequest,
): Promise<ApiResponse> {
  const { clock, parseSelector, lookbackMs } = parts;
  const matcherSets = request.parameters
    .all("match[]")
    .map((text) => readSelector(parseSelector, text, (problem) => problem));
  const nowMs = clock.wallMs();
  const range = { fromMs: nowMs - lookbackMs + 1, untilMs: nowMs + 1 };
  const { value, release } = await admitRead(parts, request, async (pacer) => ({
    samples: await readLatest(parts.querier, matcherSets, range, pacer),
    helps: await parts.metadata(pacer),
  }));
  return {
    kind: "text",
    status: 200,
    contentType: "text/plain; version=0.0.4; charset=utf-8",
    body: renderFamilies(value.samples, value.helps, parts.externalLabels()),
    release,
  };
}

/** Sorted by name, then by labels. */
async function readLatest(
  querier: Querier,
  matcherSets: readonly (readonly LabelMatcher[])[],
  range: TimeRange,
  pacer: Pacer,
): Promise<LatestSample[]> {
  const latest = new Map<string, LatestSample>();
  for (const matchers of matcherSets) {
    for (const sample of latestSamples(await querier.select(matchers, range, pacer))) {
      latest.set(sample.labels.key, sample);
      if (pacer.isDue(WORK_PER_SAMPLE)) await pacer.pause();
    }
  }
  const compare = (left: LatestSample, right: LatestSample): number =>
    compareStrings(left.labels.name, right.labels.name) ||
    Labels.compare(left.labels, right.labels);
  return sortPaced([...latest.values()], compare, pacer);
}

function* latestSamples(tables: readonly SelectedTable[]): Iterable<LatestSample> {
  for (const { timestamps, series } of tables) {
    for (const each of series) {
      const index = newestIndex(each);
      // The text format has no form for a series without a name.
      if (index === undefined || each.labels.name === "") continue;
      yield {
        labels: each.labels,
        timestampMs: timestamps[index] as number,
        value: each.values[index] as number,
      };
    }
  }
}

/** @returns undefined when the series has ended or has no sample */
function newestIndex({ values }: SelectedSeries): number | undefined {
  const bits = bitsOf(values);
  let index = values.length - 1;
  while (index >= 0 && isAbsentAt(bits, index)) index--;
  return index < 0 || isStaleAt(bits, index) ? undefined : index;
}

/** Yields a text for some samples at a time, so that a large body is never one string. */
function* renderFamilies(
  samples: readonly LatestSample[],
  helps: Helps,
  external: Labels,
): Generator<string> {
  let name = "";
  let text = "";
  for (const sample of samples) {
    if (sample.labels.name !== name) {
      ({ name } = sample.labels);
      const help = helpOf(name, helps);
      text += `${help === undefined ? "" : formatHelp(name, help)}# TYPE ${name} untyped\n`;
    }
    text += renderSample(sample, external);
    if (text.length < PIECE_CHARACTERS) continue;
    yield text;
    text = "";
  }
  yield text;
}

/** The help of the metric; for a series of a histogram or summary, the help of the histogram or summary. */
function helpOf(name: string, metadata: Helps): string | undefined {
  const found = metadata.get(name) ?? metadata.get(name.replace(/_(bucket|count|sum)$/, ""));
  return found?.[0]?.help || undefined;
}

function renderSample(
  { labels, timestampMs, value }: LatestSample,
  externalLabels: Labels,
): string {
  const own = labels.pairs.filter(([name]) => name !== METRIC_NAME && isLegacyLabelName(name));
  const added = externalLabels.pairs.filter(([name]) => !labels.has(name));
  // As in Prometheus, an empty instance keeps the scraping server from adding its own.
  const instance: LabelPair[] =
    labels.has("instance") || externalLabels.has("instance") ? [] : [["instance", ""]];
  const pairs = [...own, ...added, ...instance].map(
    ([name, text]) => `${name}=${quoteLabelValue(text)}`,
  );
  return `${labels.name}{${pairs.join(",")}} ${formatShortestFloat(value)} ${timestampMs}\n`;
}
