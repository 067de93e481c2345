import type { Journal, RecordPlace } from "../../../exporter/shared/journal/journal.js";
import type { TimeSlices } from "../../../exporter/shared/platform/time-slices.js";
import type { InternedLayout } from "../model/layout-registry.js";
import type { DefinitionWriter, TableIdentity } from "../codec/definition-writer.js";
import { type StampedBatch, writeStampedRecord } from "../codec/stamped-codec.js";
import { RECORD_KINDS, type Row, type Stream, writeRowRecord } from "../codec/journal-records.js";

/** Bytes of rows that start a group commit before its time. */
const EARLY_COMMIT_BYTES = 4 * 1024 * 1024;

export interface RowLogParts {
  readonly journal: Journal;
  readonly definitions: DefinitionWriter;
  /**
   * Called after each row while many rows wait for the disk, as in a backfill, which would fill the
   * memory before the next regular commit.
   */
  readonly onBacklog: () => void;
}

/** Writes rows to the `journal-` segments as they arrive, so that a crash does not lose them. */
export class RowLog {
  /** Set while the rows of an earlier run are replayed. */
  private replayedUntil: RecordPlace | undefined;

  constructor(private readonly parts: RowLogParts) {}

  get journal(): Journal {
    return this.parts.journal;
  }

  /** Number of the segment that the next row goes to. */
  get sequence(): number {
    return this.parts.journal.sequence;
  }

  /** Every row whose record is before this place is in a window or a chunk. */
  get takenUntil(): RecordPlace {
    const { sequence, segmentBytes: offsetBytes } = this.parts.journal;
    return this.replayedUntil ?? { sequence, offsetBytes };
  }

  /**
   * Adds a row to the next group commit.
   *
   * @returns false when too much is waiting for the disk: then the row is in memory only
   */
  append(table: TableIdentity, stream: Stream, row: Row): boolean {
    if (row.values.length === 0) return true;
    const { journal, definitions, onBacklog } = this.parts;
    const isTaken =
      definitions.define(table, row.layout) &&
      journal.append(RECORD_KINDS.row, (writer) =>
        writeRowRecord(writer, table.id, stream, row),
      ) !== undefined;
    if (journal.pendingBytes >= EARLY_COMMIT_BYTES) onBacklog();
    return isTaken;
  }

  /**
   * Adds stamped samples to the next group commit.
   *
   * @returns false when too much is waiting for the disk: then the samples are in memory only
   */
  appendStamped(table: TableIdentity, batch: StampedBatch): boolean {
    const { journal, definitions, onBacklog } = this.parts;
    const isTaken =
      definitions.define(table, batch.layout) &&
      journal.append(RECORD_KINDS.stamped, (writer) =>
        writeStampedRecord(writer, table.id, batch),
      ) !== undefined;
    if (journal.pendingBytes >= EARLY_COMMIT_BYTES) onBacklog();
    return isTaken;
  }

  /** Notes that the rows of an earlier run before `place` are in windows or chunks again. */
  replayTo(place: RecordPlace): void {
    this.replayedUntil = place;
  }

  endReplay(): void {
    this.replayedUntil = undefined;
  }

  /** Makes `append` of a row with this layout cheaper, in slices. The caller holds the registry. */
  async prepare(table: TableIdentity, layout: InternedLayout, slices: TimeSlices): Promise<void> {
    await this.parts.definitions.defineInSlices(table, layout, slices);
  }

  /** Definitions refer to label sets by their numbers in the registry: call this with those that a sweep forgot. */
  forgetDefinitions(ids: readonly number[]): void {
    this.parts.definitions.forget(ids);
  }
}
