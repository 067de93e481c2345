/** A start later than this after its nominal time keeps its real timestamp, so that rates stay true. */
export const MAX_TOLERANCE_MS = 10;
const TOLERANCE_RATIO = 0.01;

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** Where in its interval a target is scraped: the same after every restart, spread evenly over many targets. */
export function offsetOf(targetId: string, intervalMs: number): number {
  let hash = FNV_OFFSET;
  for (let index = 0; index < targetId.length; index++) {
    hash = Math.imul(hash ^ targetId.charCodeAt(index), FNV_PRIME);
  }
  // FNV leaves the low bits of similar texts similar; one round of mixing does not.
  hash = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b);
  return ((hash ^ (hash >>> 13)) >>> 0) % intervalMs;
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
