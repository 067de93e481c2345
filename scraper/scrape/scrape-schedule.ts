import { hashText } from "../../exporter/shared/model/hash.js";

/**
 * Largest delay of a start for which the nominal time is the timestamp. A later start keeps its
 * real time, so rates stay exact.
 */
export const MAX_TOLERANCE_MS = 10;
/**
 * Offsets are multiples of this, so in a large fleet one wake-up serves several scrapes. At 15 s,
 * each slot has 0.3 % of the targets (docs/decisions/0007-scrapes-share-wake-ups.md).
 */
export const SLOT_MS = 50;
const TOLERANCE_RATIO = 0.01;

/**
 * The offset of a target in its interval: the same after every restart, and evenly distributed over
 * many targets.
 *
 * @returns a multiple of `SLOT_MS`; 0 when the interval is shorter than two of them
 */
export function offsetOf(targetId: string, intervalMs: number): number {
  const slots = Math.max(1, Math.floor(intervalMs / SLOT_MS));
  return (hashText(targetId) % slots) * SLOT_MS;
}

/** The first time after `wallMs` that is `offsetMs` after a multiple of the interval. */
export function nextNominalMs(wallMs: number, offsetMs: number, intervalMs: number): number {
  const since = (((wallMs - offsetMs) % intervalMs) + intervalMs) % intervalMs;
  return wallMs + intervalMs - since;
}

/**
 * The timestamp of a scrape: its nominal time if it starts close to it, so the distances between
 * samples are equal.
 */
export function alignTimestamp(wallMs: number, nominalMs: number, intervalMs: number): number {
  const toleranceMs = Math.min(MAX_TOLERANCE_MS, intervalMs * TOLERANCE_RATIO);
  return Math.abs(wallMs - nominalMs) <= toleranceMs ? nominalMs : Math.round(wallMs);
}
