/** A larger one is fetched whole: it is worth neither the memory nor the care. */
const MAX_KEPT_BYTES = 4 * 1024 * 1024;
/** As many hosts as are fetched from at once, and some more that wait for their next flush. */
const MAX_KEPT_SEGMENTS = 8;

interface OpenSegment {
  readonly name: string;
  readonly bytes: Buffer;
}

/**
 * What was fetched of segments that are still written. They only grow by whole members, so while the end of a gap waits
 * for the next flush only what is new must come.
 */
export class OpenSegments {
  private readonly kept = new Map<string, OpenSegment>();

  /** @returns what is known of the beginning of a segment of so many bytes; empty when nothing is */
  beginningOf(endpoint: string, name: string, bytes: number): Buffer {
    const known = this.kept.get(endpoint);
    return known?.name === name && known.bytes.length <= bytes ? known.bytes : Buffer.alloc(0);
  }

  keep(endpoint: string, segment: OpenSegment): void {
    this.forget(endpoint);
    if (segment.bytes.length > MAX_KEPT_BYTES) return;
    this.kept.set(endpoint, segment);
    for (const oldest of this.kept.keys()) {
      if (this.kept.size <= MAX_KEPT_SEGMENTS) break;
      this.kept.delete(oldest);
    }
  }

  forget(endpoint: string): void {
    this.kept.delete(endpoint);
  }
}
