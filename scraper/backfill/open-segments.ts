/** A larger segment is not kept but fetched again as a whole. */
const MAX_KEPT_BYTES = 4 * 1024 * 1024;
/** Enough for the hosts whose history is being fetched and some that wait for their next flush. */
const MAX_KEPT_SEGMENTS = 8;

interface OpenSegment {
  readonly name: string;
  readonly bytes: Buffer;
}

/**
 * The fetched bytes of open segments, by endpoint. An open segment grows by whole members, so while
 * the end of a gap waits for the next flush, only new bytes are fetched.
 */
export class OpenSegments {
  private readonly kept = new Map<string, OpenSegment>();

  /**
   * The known beginning of a segment; empty when none is known.
   *
   * @param bytes size of the segment
   */
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
