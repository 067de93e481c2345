import type { ByteWriter } from "../../../exporter/shared/journal/byte-writer.js";
import type { Journal } from "../../../exporter/shared/journal/journal.js";
import type { TimeSlices } from "../../../exporter/shared/platform/time-slices.js";
import { writeLabelSets, writePairs } from "./label-set-codec.js";
import type { InternedLayout, LayoutRegistry } from "../model/layout-registry.js";
import { writeRuns } from "./number-runs.js";
import { RECORD_KINDS } from "./journal-records.js";
import type { TableKey } from "../model/sample-writer.js";

/** Label sets in one record at most: a damaged record must not cost many. */
const SERIES_PER_RECORD = 4096;
/** Label sets that are defined in one turn of the event loop, some milliseconds of work. */
const SERIES_PER_SLICE = 1024;

/** A table and its number in the records of the journals. */
export interface TableIdentity {
  readonly id: number;
  readonly key: TableKey;
}

/**
 * Writes definitions: the label sets, layouts and tables that rows and chunks refer to. A definition
 * comes before its first use in a segment, so each segment can be read alone. It is written twice,
 * because without it many other records cannot be read.
 */
export class DefinitionWriter {
  private sequence = -1;
  /** Number of each label set in this segment, by its number in the registry; 0 for undefined. */
  private numberOfSeries = new Uint32Array(0);
  private nextNumber = 1;
  private readonly layouts = new Set<number>();
  private readonly tables = new Set<number>();

  constructor(
    private readonly journal: Journal,
    private readonly registry: LayoutRegistry,
  ) {}

  /** @returns false when the journal refuses more records */
  define(table: TableIdentity, layout: InternedLayout): boolean {
    return this.defineTable(table) && this.defineLayout(layout);
  }

  /**
   * Makes a later `define` of the layout cheap, in slices. The caller holds the registry.
   *
   * @returns false when the journal refuses more records
   */
  async defineInSlices(
    table: TableIdentity,
    layout: InternedLayout,
    slices: TimeSlices,
  ): Promise<boolean> {
    if (!this.defineTable(table)) return false;
    this.growNumbers();
    const { seriesIds } = layout;
    for (let start = 0; start < seriesIds.length; start += SERIES_PER_SLICE) {
      // Another segment may have begun during a pause.
      if (!this.defineTable(table)) return false;
      this.growNumbers();
      const part = seriesIds.subarray(start, start + SERIES_PER_SLICE);
      if (!this.defineUnknown(part)) return false;
      if (slices.areDue) await slices.pause();
    }
    return this.define(table, layout);
  }

  /** Definitions use numbers of the registry: call this when it has forgotten label sets. */
  forget(ids: readonly number[]): void {
    for (const id of ids) if (id < this.numberOfSeries.length) this.numberOfSeries[id] = 0;
  }

  /** @returns false when the journal refuses more records */
  defineTable({ id, key }: TableIdentity): boolean {
    if (this.journal.sequence !== this.sequence) this.beginSegment();
    if (this.tables.has(id)) return true;
    const isTaken = this.appendTwice(RECORD_KINDS.table, (writer) => {
      writer.varint(id);
      writer.text(key.folder);
      writePairs(key.labels.pairs, writer);
    });
    if (isTaken) this.tables.add(id);
    return isTaken;
  }

  private beginSegment(): void {
    this.sequence = this.journal.sequence;
    this.numberOfSeries.fill(0);
    this.layouts.clear();
    this.tables.clear();
  }

  private defineLayout(layout: InternedLayout): boolean {
    if (this.layouts.has(layout.id)) return true;
    const { seriesIds } = layout;
    this.growNumbers();
    if (!this.defineUnknown(seriesIds)) return false;
    const isTaken = this.appendTwice(RECORD_KINDS.layout, (writer) => {
      writer.varint(layout.id);
      writeRuns(
        seriesIds.map((id) => this.numberOfSeries[id] as number),
        writer,
      );
    });
    if (isTaken) this.layouts.add(layout.id);
    return isTaken;
  }

  private defineUnknown(ids: Uint32Array): boolean {
    const unknown = ids.filter((id) => this.numberOfSeries[id] === 0);
    for (let start = 0; start < unknown.length; start += SERIES_PER_RECORD) {
      if (!this.defineSeries(unknown.subarray(start, start + SERIES_PER_RECORD))) return false;
    }
    return true;
  }

  private defineSeries(ids: Uint32Array): boolean {
    const first = this.nextNumber;
    const isTaken = this.appendTwice(RECORD_KINDS.series, (writer) => {
      writer.varint(first);
      writeLabelSets(
        Array.from(ids, (id) => this.registry.labels(id).pairs),
        writer,
      );
    });
    if (!isTaken) return false;
    ids.forEach((id, index) => (this.numberOfSeries[id] = first + index));
    this.nextNumber += ids.length;
    return true;
  }

  private growNumbers(): void {
    if (this.numberOfSeries.length >= this.registry.idLimit) return;
    const grown = new Uint32Array(Math.ceil(this.registry.idLimit * 1.5));
    grown.set(this.numberOfSeries);
    this.numberOfSeries = grown;
  }

  private appendTwice(kind: number, write: (writer: ByteWriter) => void): boolean {
    return (
      this.journal.append(kind, write) !== undefined &&
      this.journal.append(kind, write) !== undefined
    );
  }
}
