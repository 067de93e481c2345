import { compareStrings, Labels } from "../../../exporter/shared/model/labels.js";
import { messageOf } from "../../../exporter/shared/model/errors.js";
import type { TimeRange } from "../../../exporter/shared/model/time-range.js";
import type { Pacer } from "../../promql/evaluation/pacer.js";
import { type PausePoints, sortPaced } from "../../base/paced-sort.js";
import type { QueryAdmission } from "../../promql/query/query-admission.js";
import type { LabelMatcher } from "../../storage/model/label-matcher.js";
import type { Querier } from "../../storage/model/querier.js";
import { ApiError } from "../http/api-errors.js";
import { MAX_TIME_MS, MIN_TIME_MS, type Parameters } from "../http/parameters.js";
import { renderLabels } from "./query-json.js";
import type { ApiResponse, ApiRequest, Route } from "../http/route.js";

/** Type, help and unit of a metric, as exposed by targets. */
export interface MetricMetadata {
  readonly metric: string;
  readonly type: string;
  readonly help: string;
  readonly unit: string;
}

export interface MetadataRouteParts {
  readonly querier: Querier;
  /** Bounds what runs at once; see `QueryAdmission`. */
  readonly admission: QueryAdmission;
  readonly queryTimeoutMs: number;
  readonly parseSelector: (text: string) => readonly LabelMatcher[];
  /** Metadata by metric name, with several entries where targets disagree. */
  readonly metadata: (pace: PausePoints) => Promise<ReadonlyMap<string, readonly MetricMetadata[]>>;
}

/** `/api/v1/series`, `labels`, `label/<name>/values` and `metadata`. */
export function metadataRoutes(parts: MetadataRouteParts): Route[] {
  const both = ["GET", "POST"] as const;
  const get = ["GET"] as const;
  return [
    { methods: both, path: "/api/v1/series", handle: (request) => answerSeries(parts, request) },
    {
      methods: both,
      path: "/api/v1/labels",
      handle: (request) => answerLabelNames(parts, request),
    },
    {
      methods: get,
      path: "/api/v1/label/:name/values",
      handle: (request) => answerLabelValues(parts, request),
    },
    { methods: get, path: "/api/v1/metadata", handle: (request) => answerMetadata(parts, request) },
  ];
}

async function answerSeries(parts: MetadataRouteParts, request: ApiRequest): Promise<ApiResponse> {
  const { parameters } = request;
  if (parameters.all("match[]").length === 0)
    throw new ApiError("bad_data", "no match[] parameter provided");
  const range = timeRange(parameters);
  const sets = matcherSets(parts, parameters, asMatchParameter);
  const { value: found, release } = await admitRead(parts, request, async (pacer) =>
    sortPaced(await parts.querier.series(sets, range, pacer), Labels.compare, pacer),
  );
  const { kept, warnings } = limit(found, parameters.limit());
  const chunks = (function* () {
    yield "[";
    yield* inParts(kept, renderLabels);
    yield "]";
  })();
  return { kind: "data", data: { chunks }, warnings, release };
}

const ITEMS_PER_PART = 256;

/** The texts of items with commas between them, many at a time. */
function* inParts<Item>(items: readonly Item[], render: (item: Item) => string): Generator<string> {
  for (let from = 0; from < items.length; from += ITEMS_PER_PART) {
    const part = items.slice(from, from + ITEMS_PER_PART).map(render);
    yield (from === 0 ? "" : ",") + part.join(",");
  }
}

async function answerLabelNames(
  parts: MetadataRouteParts,
  request: ApiRequest,
): Promise<ApiResponse> {
  const range = timeRange(request.parameters);
  const sets = matcherSets(parts, request.parameters);
  return answerTexts(parts, request, (pacer) => parts.querier.labelNames(sets, range, pacer));
}

async function answerLabelValues(
  parts: MetadataRouteParts,
  request: ApiRequest,
): Promise<ApiResponse> {
  const name = decodeLabelName(request.pathParameter("name"));
  const range = timeRange(request.parameters);
  const sets = matcherSets(parts, request.parameters);
  return answerTexts(parts, request, (pacer) =>
    parts.querier.labelValues(name, sets, range, pacer),
  );
}

async function answerTexts(
  parts: MetadataRouteParts,
  request: ApiRequest,
  read: (pacer: Pacer) => Promise<string[]>,
): Promise<ApiResponse> {
  const { value, release } = await admitRead(parts, request, read);
  const { kept, warnings } = limit(value, request.parameters.limit());
  return { kind: "data", data: { value: kept }, warnings, release };
}

/** Lets scrapes continue during a read, and ends it when the client disconnects. */
export async function admitRead<Value>(
  { admission, queryTimeoutMs }: Pick<MetadataRouteParts, "admission" | "queryTimeoutMs">,
  { signal }: ApiRequest,
  read: (pacer: Pacer) => Promise<Value>,
): Promise<{ readonly value: Value; readonly release: () => void }> {
  let release = (): void => undefined;
  const request = {
    signal,
    timeoutMs: queryTimeoutMs,
    keepMemory: (kept: () => void) => void (release = kept),
  };
  const value = await admission.run(request, ({ pacer }) => read(pacer));
  return { value, release };
}

async function answerMetadata(
  parts: MetadataRouteParts,
  { parameters, pace }: ApiRequest,
): Promise<ApiResponse> {
  const wanted = parameters.text("metric");
  const all = await parts.metadata(pace);
  const names =
    wanted === ""
      ? await sortPaced([...all.keys()], compareStrings, pace)
      : all.has(wanted)
        ? [wanted]
        : [];
  const perMetric = parameters.wholeNumber("limit_per_metric");
  const { kept } = limit(names, parameters.wholeNumber("limit"));
  const render = (name: string): string => {
    const found = all.get(name) ?? [];
    const metadata = perMetric > 0 ? found.slice(0, perMetric) : found;
    const shown = metadata.map(({ type, help, unit }) => ({ type, help, unit }));
    return `${JSON.stringify(name)}:${JSON.stringify(shown)}`;
  };
  const chunks = (function* () {
    yield "{";
    yield* inParts(kept, render);
    yield "}";
  })();
  return { kind: "data", data: { chunks } };
}

/** @param describe makes the error message; Prometheus names the parameter only in the messages of `series` */
function matcherSets(
  parts: MetadataRouteParts,
  parameters: Parameters,
  describe = (problem: string): string => problem,
): (readonly LabelMatcher[])[] {
  return parameters.all("match[]").map((text) => {
    const matchers = readSelector(parts.parseSelector, text, describe);
    if (!matchers.every((matcher) => matcher.matches(""))) return matchers;
    throw new ApiError("bad_data", describe("match[] must contain at least one non-empty matcher"));
  });
}

const asMatchParameter = (problem: string): string => `invalid parameter "match[]": ${problem}`;

/** @throws {ApiError} bad_data, with the message that `describe` makes */
export function readSelector(
  parseSelector: MetadataRouteParts["parseSelector"],
  text: string,
  describe: (problem: string) => string,
): readonly LabelMatcher[] {
  try {
    return parseSelector(text);
  } catch (error) {
    throw new ApiError("bad_data", describe(messageOf(error)), { cause: error });
  }
}

/** As in Prometheus, a range that ends before it starts is empty. */
function timeRange(parameters: Parameters): TimeRange {
  const fromMs = parameters.timeMs("start", MIN_TIME_MS);
  const toMs = parameters.timeMs("end", MAX_TIME_MS);
  return { fromMs, untilMs: Math.max(fromMs, toMs + 1) };
}

/** Decodes names outside the legacy character set: prefix `U__` and escapes (Prometheus' values escaping). */
function decodeLabelName(text: string): string {
  if (!text.startsWith("U__")) {
    if (text === "" || !text.isWellFormed())
      throw new ApiError("bad_data", `invalid label name: ${JSON.stringify(text)}`);
    return text;
  }
  const decoded = text
    .slice(3)
    .replace(/__|_([0-9a-fA-F]{1,6})_/g, (whole, digits: string | undefined) => {
      if (digits === undefined) return whole === "__" ? "_" : whole;
      const codePoint = Number.parseInt(digits, 16);
      return codePoint <= 0x10ffff ? String.fromCodePoint(codePoint) : whole;
    });
  return decoded;
}

function limit<Item>(
  items: readonly Item[],
  count: number,
): { kept: readonly Item[]; warnings: string[] } {
  if (count <= 0 || items.length <= count) return { kept: items, warnings: [] };
  return { kept: items.slice(0, count), warnings: ["results truncated due to limit"] };
}
