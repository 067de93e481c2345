import type { Clock } from "../../exporter/shared/platform/clock.js";
import { TimeSlices } from "../../exporter/shared/platform/time-slices.js";
import type { BodyChunkCache } from "./body-chunk-cache.js";
import { BodyReader } from "./body-reader.js";
import { RowBuffer } from "./row-buffer.js";

/**
 * A body from this size on is read and stored in slices. A smaller one takes a few milliseconds, and up
 * to 20 when all of its series are new.
 */
export const LARGE_BODY_BYTES = 128 * 1024;

/** What the work on one large body uses. */
export interface LargeBodyTools {
  readonly reader: BodyReader;
  readonly row: RowBuffer;
  readonly slices: TimeSlices;
}

/**
 * Lets the work on large bodies run one after the other, in slices. Each keeps a reader and a row
 * buffer over several turns of the event loop, while small bodies use the shared ones.
 */
export class LargeBodies {
  private readonly row = new RowBuffer();
  private readonly reader: BodyReader;
  private last: Promise<void> = Promise.resolve();

  constructor(
    private readonly clock: Clock,
    cache: BodyChunkCache,
    /** A body from this size on is large. */
    readonly fromBytes = LARGE_BODY_BYTES,
  ) {
    this.reader = new BodyReader(cache, this.row);
  }

  async run<Result>(work: (tools: LargeBodyTools) => Promise<Result>): Promise<Result> {
    const before = this.last;
    const { reader, row, clock } = this;
    const result = before.then(() => work({ reader, row, slices: new TimeSlices(clock) }));
    this.last = result.then(
      () => reader.close(),
      () => reader.close(),
    );
    return result;
  }
}
