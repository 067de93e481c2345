import type { Clock } from "../../exporter/shared/platform/clock.js";
import type { Queries, QueryAnswer } from "../promql/query-results.js";
import { QueryParseError } from "../promql/query-errors.js";
import { ApiError } from "./api-errors.js";
import { renderQueryValue } from "./query-json.js";
import type { ApiAnswer, ApiRequest, Route } from "./route.js";

/** Prometheus refuses more points per series than this, so that a mistyped step does not fill a browser. */
const MAX_POINTS_PER_SERIES = 11_000;

export interface QueryRouteParts {
  readonly queries: Queries;
  readonly clock: Clock;
}

/** `/api/v1/query`, `/api/v1/query_range` and `/api/v1/query_exemplars` (always empty: exemplars are not stored). */
export function queryRoutes({ queries, clock }: QueryRouteParts): Route[] {
  const methods = ["GET", "POST"] as const;
  return [
    { methods, path: "/api/v1/query", handle: (request) => answerInstant(queries, clock, request) },
    { methods, path: "/api/v1/query_range", handle: (request) => answerRange(queries, request) },
    { methods, path: "/api/v1/query_exemplars", handle: answerExemplars },
  ];
}

async function answerInstant(queries: Queries, clock: Clock, { parameters }: ApiRequest): Promise<ApiAnswer> {
  const answer = await runQuery(() =>
    queries.instant({
      expression: parameters.text("query"),
      timeMs: parameters.timeMs("time", clock.wallMs()),
      lookbackMs: parameters.durationMs("lookback_delta"),
      timeoutMs: parameters.durationMs("timeout"),
    }),
  );
  return limited(answer, parameters.limit());
}

async function answerRange(queries: Queries, { parameters }: ApiRequest): Promise<ApiAnswer> {
  const fromMs = parameters.requiredTimeMs("start");
  const toMs = parameters.requiredTimeMs("end");
  if (toMs < fromMs) {
    throw new ApiError("bad_data", `invalid parameter "end": end timestamp must not be before start time`);
  }
  const stepMs = parameters.requiredDurationMs("step");
  if (stepMs <= 0) {
    const detail = "zero or negative query resolution step widths are not accepted. Try a positive integer";
    throw new ApiError("bad_data", `invalid parameter "step": ${detail}`);
  }
  if ((toMs - fromMs) / stepMs > MAX_POINTS_PER_SERIES) {
    const detail = "exceeded maximum resolution of 11,000 points per timeseries.";
    throw new ApiError("bad_data", `${detail} Try decreasing the query resolution (?step=XX)`);
  }
  const answer = await runQuery(() =>
    queries.range({
      expression: parameters.text("query"),
      fromMs,
      toMs,
      stepMs,
      lookbackMs: parameters.durationMs("lookback_delta"),
      timeoutMs: parameters.durationMs("timeout"),
    }),
  );
  return limited(answer, parameters.limit());
}

async function answerExemplars({ parameters }: ApiRequest): Promise<ApiAnswer> {
  parameters.requiredTimeMs("start");
  parameters.requiredTimeMs("end");
  return { kind: "data", data: { value: [] } };
}

/** A parse error names the parameter it is in, as Prometheus' does. */
async function runQuery(run: () => Promise<QueryAnswer>): Promise<QueryAnswer> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof QueryParseError)) throw error;
    throw new ApiError("bad_data", `invalid parameter "query": ${error.message}`, { cause: error });
  }
}

function limited(answer: QueryAnswer, limit: number): ApiAnswer {
  const { value, infos } = answer;
  const count = value.type === "vector" ? value.samples.length : value.type === "matrix" ? value.series.length : 0;
  if (limit === 0 || count <= limit) {
    return { kind: "data", data: { chunks: renderQueryValue(value) }, warnings: answer.warnings, infos };
  }
  const cut =
    value.type === "vector"
      ? { ...value, samples: value.samples.slice(0, limit) }
      : value.type === "matrix"
        ? { ...value, series: value.series.slice(0, limit) }
        : value;
  const warnings = [...answer.warnings, "results truncated due to limit"];
  return { kind: "data", data: { chunks: renderQueryValue(cut) }, warnings, infos };
}
