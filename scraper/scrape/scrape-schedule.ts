/** A start later than this after its nominal time keeps its real timestamp, so that rates stay true. */
export const MAX_TOLERANCE_MS = 10;
/**
 * Offsets are multiples of this, so that a large fleet wakes the program once for several scrapes; each slot holds
 * three in a thousand at 15 s (docs/decisions/0007-scrapes-share-wake-ups.md).
 */
export const SLOT_MS = 50;
const TOLERANCE_RATIO = 0.01;

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/**
 * Where in its interval a target is scraped: the same after every restart, spread evenly over many targets.
 *
 * @returns a multiple of `SLOT_MS`; 0 when the interval is shorter than two of them
 */
export function offsetOf(targetId: string, intervalMs: number): number {
  let hash = FNV_OFFSET;
  for (let index = 0; index < targetId.length; index++) {
    hash = Math.imul(hash ^ targetId.charCodeAt(index), FNV_PRIME);
  }
  // FNV leaves the low bits of similar texts similar; one round of mixing does not.
  hash = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b);
  const slots = Math.max(1, Math.floor(intervalMs / SLOT_MS));
  return (((hash ^ (hash >>> 13)) >>> 0) % slots) * SLOT_MS;
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
