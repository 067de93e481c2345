import { hashText } from "../../exporter/shared/model/hash.js";

/** A start later than this after its nominal time keeps its real timestamp, so that rates stay true. */
export const MAX_TOLERANCE_MS = 10;
/**
 * Offsets are multiples of this, so that a large fleet wakes the program once for several scrapes; each slot holds
 * three in a thousand at 15 s (docs/decisions/0007-scrapes-share-wake-ups.md).
 */
export const SLOT_MS = 50;
const TOLERANCE_RATIO = 0.01;

/**
 * Where in its interval a target is scraped: the same after every restart, spread evenly over many targets.
 *
 * @returns a multiple of `SLOT_MS`; 0 when the interval is shorter than two of them
 */
export function offsetOf(targetId: string, intervalMs: number): number {
  const slots = Math.max(1, Math.floor(intervalMs / SLOT_MS));
  return (hashText(targetId) % slots) * SLOT_MS;
}

/** The first time after `wallMs` that is `offsetMs` past a multiple of the interval. */
export function nextNominalMs(wallMs: number, offsetMs: number, intervalMs: number): number {
  const since = (((wallMs - offsetMs) % intervalMs) + intervalMs) % intervalMs;
  return wallMs + intervalMs - since;
}

/** The timestamp of a scrape: its nominal time when it starts close enough to it, so that distances repeat. */
export function alignTimestamp(wallMs: number, nominalMs: number, intervalMs: number): number {
  const toleranceMs = Math.min(MAX_TOLERANCE_MS, intervalMs * TOLERANCE_RATIO);
  return Math.abs(wallMs - nominalMs) <= toleranceMs ? nominalMs : Math.round(wallMs);
}
