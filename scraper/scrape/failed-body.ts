import { isUtf8 } from "node:buffer";
import {
  MetadataCollector,
  type MetricMetadata,
} from "../../exporter/shared/codec/exposition/exposition-parser.js";
import type { ExpositionFormat } from "../../exporter/shared/codec/exposition/exposition-parser-labels.js";
import {
  endWithLineFeed,
  ENTRY,
  ExpositionReader,
} from "../../exporter/shared/codec/exposition/exposition-parser-reader.js";
import { PihealthError } from "../../exporter/shared/model/errors.js";
import type { SeriesContext } from "./series-context.js";

/** The readable part of a refused body. */
export interface FailedBody {
  readonly counts: FailedCounts;
  /** Of the comments before the fault, which Prometheus keeps. */
  readonly metadata: readonly MetricMetadata[];
}

/** Counts that a failed scrape reports. */
export interface FailedCounts {
  samplesScraped: number;
  samplesKept: number;
}

/**
 * Counts the samples of a refused body as Prometheus reports them: scraped are those up to the one
 * that is refused, kept are those before it that relabelling leaves. A body with too many samples is
 * counted to its end.
 */
export function readFailedBody(
  body: Buffer,
  format: ExpositionFormat,
  context: SeriesContext,
): FailedBody {
  const text = endWithLineFeed(body);
  const reader = new ExpositionReader(text, format);
  const counts: FailedCounts = { samplesScraped: 0, samplesKept: 0 };
  const metadata = new MetadataCollector();
  try {
    for (let kind = reader.next(); kind !== ENTRY.end; kind = reader.next()) {
      if (kind !== ENTRY.sample) {
        if (kind !== ENTRY.comment) metadata.add(kind, reader.metric, reader.text);
        continue;
      }
      // Prometheus finds such text before it counts the sample, other faults after it.
      if (!isUtf8(text.subarray(reader.lineStart, reader.valueStart))) break;
      counts.samplesScraped++;
      if (context.finish(reader.labels()) !== undefined) counts.samplesKept++;
    }
  } catch (error) {
    if (!(error instanceof PihealthError)) throw error;
  }
  return { counts, metadata: metadata.list() };
}
