import { formatApiFloat, formatFloat } from "../../../exporter/shared/model/float-format.js";
import type { Labels } from "../../../exporter/shared/model/labels.js";
import type {
  MatrixValue,
  QueryStatistics,
  QueryValue,
} from "../../promql/evaluation/query-results.js";
import { PointWriter, renderTimestamp } from "./point-writer.js";

const CHUNK_CHARACTERS = 65_536;

/** Renders the value of a query as Prometheus' `data` object, in chunks of about 64 KiB. */
export function* renderQueryValue(
  value: QueryValue,
  statistics?: QueryStatistics,
): Generator<string | Uint8Array> {
  const end =
    statistics === undefined ? "}" : `,"stats":${JSON.stringify(statisticsToJson(statistics))}}`;
  const begin = `{"resultType":"${value.type}","result":`;
  if (value.type === "matrix") yield* renderMatrix(value, begin, end);
  else {
    let pending = begin;
    for (const piece of queryValuePieces(value)) {
      pending += piece;
      if (pending.length < CHUNK_CHARACTERS) continue;
      yield pending;
      pending = "";
    }
    yield pending + end;
  }
}

function* renderMatrix({ series }: MatrixValue, begin: string, end: string): Generator<Uint8Array> {
  const writer = new PointWriter();
  writer.text(`${begin}[`);
  for (const [index, { labels, timestamps, values }] of series.entries()) {
    writer.text(`${index === 0 ? "" : ","}{"metric":${renderLabels(labels)},"values":[`);
    for (let point = 0; point < timestamps.length;) {
      point = writer.points(timestamps, values, point);
      if (writer.isFull) yield writer.take();
    }
    writer.text("]}");
  }
  writer.text(`]${end}`);
  yield writer.take();
}

function* queryValuePieces(value: Exclude<QueryValue, MatrixValue>): Generator<string> {
  switch (value.type) {
    case "scalar":
      yield `[${renderTimestamp(value.timestampMs)},"${formatFloat(value.value)}"]`;
      break;
    case "string":
      yield `[${renderTimestamp(value.timestampMs)},${JSON.stringify(value.value.toWellFormed())}]`;
      break;
    case "vector":
      yield "[";
      for (const [index, { labels, timestampMs, value: sample }] of value.samples.entries()) {
        yield `${index === 0 ? "" : ","}{"metric":${renderLabels(labels)},"value":${renderPoint(timestampMs, sample)}}`;
      }
      yield "]";
      break;
  }
}

/** The object for Prometheus' parameter `stats`. There is no queue, and sorting is part of the evaluation. */
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
  return `{${labels.pairs.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value.toWellFormed())}`).join(",")}}`;
}

function renderPoint(timestampMs: number, value: number): string {
  return `[${renderTimestamp(timestampMs)},"${formatApiFloat(value)}"]`;
}
