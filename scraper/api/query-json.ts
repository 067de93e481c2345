import { formatApiFloat, formatFloat } from "../../exporter/shared/model/float-format.js";
import type { Labels } from "../../exporter/shared/model/labels.js";
import type { QueryStatistics, QueryValue } from "../promql/query-results.js";

const CHUNK_CHARACTERS = 65_536;

/** Writes a query's value as Prometheus' `data` object, in pieces of about 64 KiB. */
export function* renderQueryValue(value: QueryValue, statistics?: QueryStatistics): Generator<string> {
  let pending = "";
  for (const piece of queryValuePieces(value, statistics)) {
    pending += piece;
    if (pending.length < CHUNK_CHARACTERS) continue;
    yield pending;
    pending = "";
  }
  if (pending !== "") yield pending;
}

function* queryValuePieces(value: QueryValue, statistics: QueryStatistics | undefined): Generator<string> {
  yield `{"resultType":"${value.type}","result":`;
  switch (value.type) {
    case "scalar":
      yield `[${renderTimestamp(value.timestampMs)},"${formatFloat(value.value)}"]`;
      break;
    case "string":
      yield `[${renderTimestamp(value.timestampMs)},${JSON.stringify(value.value)}]`;
      break;
    case "vector":
      yield "[";
      for (const [index, { labels, timestampMs, value: sample }] of value.samples.entries()) {
        yield `${index === 0 ? "" : ","}{"metric":${renderLabels(labels)},"value":${renderPoint(timestampMs, sample)}}`;
      }
      yield "]";
      break;
    case "matrix":
      yield "[";
      for (const [index, { labels, timestamps, values }] of value.series.entries()) {
        yield `${index === 0 ? "" : ","}{"metric":${renderLabels(labels)},"values":[`;
        for (let point = 0; point < timestamps.length; point++) {
          yield (point === 0 ? "" : ",") + renderPoint(timestamps[point] as number, values[point] as number);
        }
        yield "]}";
      }
      yield "]";
      break;
  }
  if (statistics !== undefined) yield `,"stats":${JSON.stringify(statisticsToJson(statistics))}`;
  yield "}";
}

/** What Prometheus' `stats` parameter adds. A query waits in no queue, and sorting is part of the evaluation. */
function statisticsToJson(statistics: QueryStatistics): object {
  const { totalSamples, peakSamples, preparationSeconds, totalSeconds } = statistics;
  return {
    timings: {
      evalTotalTime: totalSeconds,
      resultSortTime: 0,
      queryPreparationTime: preparationSeconds,
      innerEvalTime: totalSeconds - preparationSeconds,
      execQueueTime: 0,
      execTotalTime: totalSeconds,
    },
    samples: { totalQueryableSamples: totalSamples, peakSamples },
  };
}

export function renderLabels(labels: Labels): string {
  return `{${labels.pairs.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(",")}}`;
}

function renderPoint(timestampMs: number, value: number): string {
  return `[${renderTimestamp(timestampMs)},"${formatApiFloat(value)}"]`;
}

/** Seconds; three decimals unless whole (prometheus util/jsonutil MarshalTimestamp). */
export function renderTimestamp(timestampMs: number): string {
  const whole = Math.trunc(timestampMs / 1000);
  const fraction = Math.abs(timestampMs % 1000);
  const sign = timestampMs < 0 && whole === 0 ? "-" : "";
  return fraction === 0 ? `${whole}` : `${sign}${whole}.${String(fraction).padStart(3, "0")}`;
}
