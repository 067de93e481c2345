import type { Labels } from "../../model/labels.js";
import { BadInputError } from "../../model/errors.js";
import { endWithLineFeed, ENTRY, ExpositionReader } from "./exposition-parser-reader.js";
import type { ExpositionFormat } from "./exposition-parser-labels.js";

/** Metadata of one metric; empty texts when the body has none. */
export interface MetricMetadata {
  readonly metric: string;
  readonly type: string;
  readonly help: string;
  readonly unit: string;
}

export interface ExpositionSample {
  /** With `__name__`. */
  readonly labels: Labels;
  readonly value: number;
  /** Milliseconds since the Unix epoch; undefined when the line has none. */
  readonly timestampMs: number | undefined;
}

export interface Exposition {
  readonly samples: readonly ExpositionSample[];
  /** One entry per metric, in the order in which they first occur. */
  readonly metadata: readonly MetricMetadata[];
}

/**
 * Chooses the format of a body like Prometheus 2: OpenMetrics when the content type says so,
 * otherwise text, also when the type is missing or unknown.
 *
 * @throws {BadInputError} when the type is protobuf, which is never requested
 */
export function expositionFormatOf(
  contentType: string | undefined,
  fallback: ExpositionFormat = "text",
): ExpositionFormat {
  const mediaType = (contentType ?? "").split(";", 1)[0]?.trim().toLowerCase();
  if (mediaType === "application/openmetrics-text") return "openmetrics";
  if (mediaType === "application/vnd.google.protobuf") {
    throw new BadInputError(
      `Cannot read content type "${mediaType}": it must be text or OpenMetrics text`,
    );
  }
  return mediaType === "text/plain" ? "text" : fallback;
}

/**
 * Parses a whole body into objects, for people and tests. Scrapes use a cheaper way
 * (scraper/scrape/body-reader.ts).
 *
 * @throws {ExpositionError} at the first error
 * @throws {BadInputError} when the content type is protobuf
 */
export function parseExposition(body: Buffer | string, contentType?: string): Exposition {
  const format = expositionFormatOf(contentType);
  const reader = new ExpositionReader(endWithLineFeed(Buffer.from(body)), format);
  const samples: ExpositionSample[] = [];
  const metadata = new MetadataCollector();
  for (let kind = reader.next(); kind !== ENTRY.end; kind = reader.next()) {
    if (kind === ENTRY.sample) {
      samples.push({
        labels: reader.labels().labels,
        value: reader.value,
        timestampMs: reader.timestampMs,
      });
    } else if (kind !== ENTRY.comment) metadata.add(kind, reader.metric, reader.text);
  }
  return { samples, metadata: metadata.list() };
}

/** Merges the lines about a metric. */
export class MetadataCollector {
  private readonly byMetric = new Map<string, MetricMetadata>();

  /** @param kind `ENTRY.type`, `ENTRY.help` or `ENTRY.unit` */
  add(kind: number, metric: string, text: string): void {
    const known = this.byMetric.get(metric) ?? { metric, type: "", help: "", unit: "" };
    const key = kind === ENTRY.type ? "type" : kind === ENTRY.help ? "help" : "unit";
    this.byMetric.set(metric, { ...known, [key]: text });
  }

  list(): MetricMetadata[] {
    return [...this.byMetric.values()];
  }
}
