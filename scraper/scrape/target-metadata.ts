import type { MetricMetadata } from "../../exporter/shared/codec/exposition/exposition-parser.js";
import type { BodyChunk } from "./body-chunk.js";

const KEYS = ["type", "help", "unit"] as const;

/** Merges the metadata of the chunks of one body, one entry per metric. */
export function metadataOf(chunks: readonly BodyChunk[]): MetricMetadata[] {
  const byMetric = new Map<string, MetricMetadata>();
  for (const { metadata } of chunks) {
    for (const said of metadata) {
      const known = byMetric.get(said.metric);
      byMetric.set(said.metric, known === undefined ? said : merge(known, said));
    }
  }
  return [...byMetric.values()];
}

/**
 * Merges the metadata of all targets: every distinct entry, by metric. A chunk that targets share
 * is read once.
 *
 * @param bodies the chunks of each target
 */
export function metadataOfAll(
  bodies: Iterable<readonly BodyChunk[]>,
): Map<string, MetricMetadata[]> {
  const seenBodies = new Set<readonly BodyChunk[]>();
  const entries = new Map<string, MetricMetadata[]>();
  for (const chunks of bodies) {
    if (seenBodies.has(chunks)) continue;
    seenBodies.add(chunks);
    for (const entry of metadataOf(chunks)) {
      const known = entries.get(entry.metric);
      if (known === undefined) entries.set(entry.metric, [entry]);
      else if (!known.some((other) => KEYS.every((key) => other[key] === entry[key])))
        known.push(entry);
    }
  }
  return entries;
}

function merge(known: MetricMetadata, said: MetricMetadata): MetricMetadata {
  const { metric } = known;
  return {
    metric,
    type: said.type || known.type,
    help: said.help || known.help,
    unit: said.unit || known.unit,
  };
}
