import {
  type ByteReader,
  MalformedBytesError,
} from "../../../exporter/shared/journal/byte-reader.js";
import { crc32c } from "../../../exporter/shared/journal/crc32c.js";
import type { Labels } from "../../../exporter/shared/model/labels.js";
import { LruCache } from "../model/lru-cache.js";
import { readLabelSets } from "./label-set-codec.js";

/** Rough memory of a label set, for the limit of the cache. */
const LABEL_SET_BYTES = 300;

interface KnownSeries {
  readonly bytes: Uint8Array;
  readonly series: readonly Labels[];
}

/**
 * Decoded lists of the series of blocks. Blocks of equal hosts have equal lists: these are decoded and
 * kept once, and are the same array.
 */
export class SeriesListCache {
  private readonly known: LruCache<KnownSeries>;

  constructor(maxBytes: number) {
    this.known = new LruCache(maxBytes);
  }

  get sizeBytes(): number {
    return this.known.sizeBytes;
  }

  /** @throws {MalformedBytesError} as `readLabelSets`, and when a series occurs twice */
  read(reader: ByteReader): readonly Labels[] {
    const bytes = reader.bytes.subarray(reader.offset, reader.end);
    const key = `${crc32c(bytes)},${bytes.length}`;
    const known = this.known.get(key);
    if (known !== undefined && Buffer.compare(known.bytes, bytes) === 0) {
      reader.offset = reader.end;
      return known.series;
    }
    const series = readLabelSets(reader);
    requireEachOnce(series);
    const own = bytes.slice();
    this.known.set(key, { bytes: own, series }, series.length * LABEL_SET_BYTES + own.length);
    return series;
  }
}

/** With two numbers, a series would occur twice in answers. */
function requireEachOnce(series: readonly Labels[]): void {
  const keys = new Set<string>();
  // Not `Labels.key`, which would stay in memory as long as the list.
  for (const { pairs } of series) keys.add(JSON.stringify(pairs));
  if (keys.size < series.length)
    throw new MalformedBytesError("Cannot read block: its list of series has one twice");
}
