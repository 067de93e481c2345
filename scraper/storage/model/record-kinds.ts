/** Kinds of record in the journals of the storage. See storage-journal.format.md. */
export const RECORD_KINDS = {
  /** Label sets and their numbers in this segment. */
  series: 1,
  /** A layout as numbers of label sets. */
  layout: 2,
  /** Folder and labels of a table. */
  table: 3,
  /** One row of one table, in `journal-` segments. */
  row: 4,
  /** Sealed rows of one table, in `chunks-` segments. */
  chunk: 5,
  /** What of a table is in blocks and needs no chunk any more, in `chunks-` segments. */
  covered: 6,
  /** What a table had so far was deleted, in `chunks-` segments. */
  deleted: 7,
} as const;

/**
 * Rows of a table come in two streams: those in the order of time, and those that arrived behind a
 * later one.
 */
export const STREAMS = { main: 0, late: 1 } as const;
export type Stream = keyof typeof STREAMS;
