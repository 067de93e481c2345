import type { MetricMetadata } from "../../exporter/shared/codec/exposition/exposition-parser.js";
import type { PausePoints } from "../base/paced-sort.js";
import type { BodyChunk } from "./body-chunk.js";

/** Cost of an entry, in values for the pace. */
const WORK_PER_ENTRY = 8;
const KEYS = ["type", "help", "unit"] as const;

/** Merges the metadata of the chunks of one body, one entry per metric. */
export function metadataOf(chunks: readonly Pick<BodyChunk, "metadata">[]): MetricMetadata[] {
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
 * @param pace lets other work run between two targets
 */
export async function metadataOfAll(
  bodies: Iterable<readonly Pick<BodyChunk, "metadata">[]>,
  pace: PausePoints,
): Promise<Map<string, MetricMetadata[]>> {
  const seenBodies = new Set<readonly Pick<BodyChunk, "metadata">[]>();
  const entries = new Map<string, MetricMetadata[]>();
  for (const chunks of bodies) {
    if (seenBodies.has(chunks)) continue;
    seenBodies.add(chunks);
    const found = metadataOf(chunks);
    for (const entry of found) {
      const known = entries.get(entry.metric);
      if (known === undefined) entries.set(entry.metric, [entry]);
      else if (!known.some((other) => KEYS.every((key) => other[key] === entry[key])))
        known.push(entry);
    }
    if (pace.isDue(found.length * WORK_PER_ENTRY)) await pace.pause();
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
