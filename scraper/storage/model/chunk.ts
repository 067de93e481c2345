import type { RecordPlace } from "../../../exporter/shared/journal/journal.js";
import type { InternedLayout } from "./layout-registry.js";

/** Sealed rows: in the chunk log, and in memory too at least until they are durable there. */
export interface Chunk {
  readonly fromMs: number;
  /** Of the last row, inclusive. */
  readonly lastMs: number;
  readonly rows: number;
  readonly layout: InternedLayout;
  /** Of the body as `encodeChunk` wrote it. */
  readonly bodyBytes: number;
  /** Journal segment of its oldest row; irrelevant once durable. */
  readonly oldestJournaled: number | undefined;
  place: RecordPlace | undefined;
  recordBytes: number;
  /** True when its record was found whole since the start; what was once whole is not checked at every read. */
  isChecked?: boolean;
  /** True once its record survives a power cut. */
  isDurable: boolean;
  /** Undefined when it is only on disk. That of the newest rows of a table stays: it is asked for most. */
  body: Uint8Array | undefined;
}
