import type { ByteReader } from "../../../exporter/shared/journal/byte-reader.js";
import { crc32c } from "../../../exporter/shared/journal/crc32c.js";
import type { Labels } from "../../../exporter/shared/model/labels.js";
import { readLabelSets } from "./label-set-codec.js";
import { LruCache } from "../model/lru-cache.js";

/** What a label set costs in memory, roughly; for the bounds of caches. */
export const LABEL_SET_BYTES = 300;

interface KnownSeries {
  readonly bytes: Uint8Array;
  readonly series: readonly Labels[];
}

/**
 * Lists of series that blocks have. Blocks of equal hosts have equal ones: they are decoded once, kept once, and known
 * to be equal because they are the same array.
 */
export class BlockLayouts {
  private readonly known: LruCache<KnownSeries>;

  constructor(maxBytes: number) {
    this.known = new LruCache(maxBytes);
  }

  get sizeBytes(): number {
    return this.known.sizeBytes;
  }

  /**
   * As `readLabelSets`.
   *
   * @throws {MalformedBytesError} as that does
   */
  read(reader: ByteReader): readonly Labels[] {
    const bytes = reader.bytes.subarray(reader.offset, reader.end);
    const key = `${crc32c(bytes)},${bytes.length}`;
    const known = this.known.get(key);
    if (known !== undefined && Buffer.compare(known.bytes, bytes) === 0) {
      reader.offset = reader.end;
      return known.series;
    }
    const series = readLabelSets(reader);
    const own = bytes.slice();
    this.known.set(key, { bytes: own, series }, series.length * LABEL_SET_BYTES + own.length);
    return series;
  }
}
