/**
 * Reads responses of the Prometheus API, from our scraper or from a real Prometheus. A response of
 * another shape fails the test that reads it.
 */
import assert from "node:assert/strict";
import { JsonFields } from "../../exporter/shared/codec/json-fields.js";

export interface QueryResponse {
  readonly status: "success" | "error";
  readonly errorType?: string;
  readonly error?: string;
  readonly data?: QueryData;
}

type QueryData =
  | { readonly resultType: "scalar" | "string"; readonly result: Point }
  | { readonly resultType: "vector" | "matrix"; readonly result: readonly Series[] };

export type Point = readonly [seconds: number, value: string];

export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  /** One point of a vector, several of a matrix. */
  readonly points: readonly Point[];
}

/** The envelope of a successful response, with the result in its field `data`. */
export async function readEnvelope(response: Response): Promise<JsonFields> {
  const text = await response.text();
  const envelope = JsonFields.parse(text, "response");
  assert.equal(envelope.text("status"), "success", text.slice(0, 1000));
  return envelope;
}

/** Series of an instant query that must succeed. */
export async function querySeries(
  baseUrl: string,
  query: string,
  parameters: Readonly<Record<string, string>> = {},
): Promise<readonly Series[]> {
  const body = new URLSearchParams({ query, ...parameters });
  const response = await fetch(`${baseUrl}/api/v1/query`, { method: "POST", body });
  const answer = parseQueryResponse(await response.text());
  assert.equal(answer.status, "success", answer.error);
  return seriesIn(answer);
}

export const seriesIn = ({ data }: QueryResponse): readonly Series[] =>
  data?.resultType === "vector" || data?.resultType === "matrix" ? data.result : [];

/** @throws {BadJsonError} when the text is not the response to a query */
export function parseQueryResponse(text: string): QueryResponse {
  const response = JsonFields.parse(text, "query response");
  const status = response.oneOf("status", ["success", "error"]);
  return status === "success"
    ? { status, data: readData(response.object("data")) }
    : { status, errorType: response.text("errorType"), error: response.text("error") };
}

function readData(data: JsonFields): QueryData {
  const resultType = data.oneOf("resultType", ["scalar", "string", "vector", "matrix"]);
  return resultType === "scalar" || resultType === "string"
    ? { resultType, result: readPoint(data.list("result", { length: 2 })) }
    : { resultType, result: data.objects("result").map(readSeries) };
}

function readSeries(series: JsonFields): Series {
  const points = series.has("values")
    ? series.lists("values", { itemLength: 2 })
    : [series.list("value", { length: 2 })];
  return { metric: series.textMap("metric"), points: points.map(readPoint) };
}

const readPoint = (point: JsonFields): Point => [point.number(0), point.text(1)];
