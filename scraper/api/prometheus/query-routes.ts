import type { Clock } from "../../../exporter/shared/platform/clock.js";
import type { Expression } from "../../promql/language/ast.js";
import { expressionToJson } from "../../promql/language/expression-json.js";
import { formatExpression } from "../../promql/language/format-expression.js";
import type { InstantQuery, Queries, QueryAnswer } from "../../promql/evaluation/query-results.js";
import { QueryParseError } from "../../promql/language/query-errors.js";
import { ApiError } from "../http/api-errors.js";
import { MAX_TIME_MS, MIN_TIME_MS, type Parameters } from "../http/parameters.js";
import { renderQueryValue } from "./query-json.js";
import { dataResponse, type ApiRequest, type ApiResponse, type Route } from "../http/route.js";

export interface QueryRouteParts {
  readonly queries: Queries;
  readonly clock: Clock;
  /** @throws {QueryParseError} */
  readonly parseExpression: (text: string) => Expression;
  /** A query with more points is refused, so that a mistyped step does not fill a browser. */
  readonly maxPointsPerSeries: number;
}

/**
 * `/api/v1/query`, `query_range`, `query_exemplars` (always empty, because exemplars are not
 * stored), `format_query` and `parse_query`.
 */
export function queryRoutes(parts: QueryRouteParts): Route[] {
  const { queries, clock } = parts;
  const expressionOf = ({ parameters }: ApiRequest): Promise<Expression> =>
    asQueryParameter(async () => parts.parseExpression(parameters.text("query")));
  const methods = ["GET", "POST"] as const;
  return [
    { methods, path: "/api/v1/query", handle: (request) => answerInstant(queries, clock, request) },
    { methods, path: "/api/v1/query_range", handle: (request) => answerRange(parts, request) },
    {
      methods,
      path: "/api/v1/query_exemplars",
      handle: (request) => answerExemplars(parts, request),
    },
    {
      methods,
      path: "/api/v1/format_query",
      handle: async (request) => dataResponse(formatExpression(await expressionOf(request))),
    },
    {
      methods,
      path: "/api/v1/parse_query",
      handle: async (request) => dataResponse(expressionToJson(await expressionOf(request))),
    },
  ];
}

async function answerInstant(
  queries: Queries,
  clock: Clock,
  { parameters, signal }: ApiRequest,
): Promise<ApiResponse> {
  const limit = parameters.limit();
  const timeMs = parameters.timeMs("time", clock.wallMs());
  const kept = new KeptMemory();
  const common = commonParts(parameters, signal, kept);
  const answer = await asQueryParameter(() => queries.instant({ ...common, timeMs }));
  return renderAnswer(answer, limit, parameters, kept);
}

async function answerRange(
  { queries, maxPointsPerSeries }: QueryRouteParts,
  { parameters, signal }: ApiRequest,
): Promise<ApiResponse> {
  const limit = parameters.limit();
  const fromMs = parameters.requiredTimeMs("start");
  const toMs = parameters.requiredTimeMs("end");
  if (toMs < fromMs) {
    throw new ApiError(
      "bad_data",
      `invalid parameter "end": end timestamp must not be before start time`,
    );
  }
  const stepMs = parameters.requiredDurationMs("step");
  if (stepMs <= 0) {
    const detail =
      "zero or negative query resolution step widths are not accepted. Try a positive integer";
    throw new ApiError("bad_data", `invalid parameter "step": ${detail}`);
  }
  if ((toMs - fromMs) / stepMs > maxPointsPerSeries) {
    const bound = maxPointsPerSeries.toLocaleString("en-US");
    const detail = `exceeded maximum resolution of ${bound} points per timeseries.`;
    throw new ApiError("bad_data", `${detail} Try decreasing the query resolution (?step=XX)`);
  }
  const kept = new KeptMemory();
  const common = commonParts(parameters, signal, kept);
  const answer = await asQueryParameter(() => queries.range({ ...common, fromMs, toMs, stepMs }));
  return renderAnswer(answer, limit, parameters, kept);
}

/** The memory of an answer, which is given back when the answer has been sent. */
class KeptMemory {
  release = (): void => undefined;
  readonly keep = (release: () => void): void => void (this.release = release);
}

function commonParts(
  parameters: Parameters,
  signal: AbortSignal,
  { keep: keepMemory }: KeptMemory,
): Omit<InstantQuery, "timeMs"> {
  const timeoutMs = parameters.durationMs("timeout");
  if (timeoutMs !== undefined && timeoutMs <= 0)
    throw new ApiError("timeout", "query timed out in query queue");
  return {
    expression: parameters.text("query"),
    lookbackMs: parameters.lookbackMs(),
    timeoutMs,
    signal,
    keepMemory,
  };
}

async function answerExemplars(
  { parseExpression }: QueryRouteParts,
  { parameters }: ApiRequest,
): Promise<ApiResponse> {
  const fromMs = parameters.timeMs("start", MIN_TIME_MS);
  if (parameters.timeMs("end", MAX_TIME_MS) < fromMs) {
    throw new ApiError("bad_data", "end timestamp must not be before start timestamp");
  }
  parseExpression(parameters.text("query"));
  return { kind: "data", data: { value: [] } };
}

/** Runs `run`, which reads the parameter `query`. A parse error names the parameter, as in Prometheus. */
async function asQueryParameter<Result>(run: () => Promise<Result>): Promise<Result> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof QueryParseError)) throw error;
    throw new ApiError("bad_data", `invalid parameter "query": ${error.message}`, { cause: error });
  }
}

function renderAnswer(
  answer: QueryAnswer,
  limit: number,
  parameters: Parameters,
  { release }: KeptMemory,
): ApiResponse {
  const { value, infos } = answer;
  const statistics = parameters.text("stats") === "" ? undefined : answer.statistics;
  const count =
    value.type === "vector"
      ? value.samples.length
      : value.type === "matrix"
        ? value.series.length
        : 0;
  if (limit === 0 || count <= limit) {
    return {
      kind: "data",
      data: { chunks: renderQueryValue(value, statistics) },
      warnings: answer.warnings,
      infos,
      release,
    };
  }
  const cut =
    value.type === "vector"
      ? { ...value, samples: value.samples.slice(0, limit) }
      : value.type === "matrix"
        ? { ...value, series: value.series.slice(0, limit) }
        : value;
  const warnings = [...answer.warnings, "results truncated due to limit"];
  const chunks = renderQueryValue(cut, statistics);
  return { kind: "data", data: { chunks }, warnings, infos, release };
}
