import type { RecordPlace } from "../../../exporter/shared/journal/journal.js";
import type { InternedLayout } from "./layout-registry.js";

/** Sealed rows of one table: in the chunk log, and in memory at least until they are durable there. */
export interface Chunk {
  readonly fromMs: number;
  /** Time of the last row, inclusive. */
  readonly lastMs: number;
  readonly rows: number;
  readonly layout: InternedLayout;
  /** Length of the body as `encodeChunk` wrote it. */
  readonly bodyBytes: number;
  /** Row segment that holds the oldest row; of no interest once the chunk is durable. */
  readonly oldestJournaled: number | undefined;
  /** Where the record is in the chunk log; undefined while the log refuses it. */
  place: RecordPlace | undefined;
  recordBytes: number;
  /** True once a read has verified the checksum of the record. Later reads skip that. */
  isChecked?: boolean;
  /** True once the record survives a power cut. */
  isDurable: boolean;
  /** True for the newest chunk of the main stream: queries read it most, so its body stays in memory. */
  keepsBody: boolean;
  /** Undefined while the body is on disk only. */
  body: Uint8Array | undefined;
}
