import {
  type ByteReader,
  MalformedBytesError,
} from "../../../exporter/shared/journal/byte-reader.js";
import { readLabelSets, readPairs } from "./label-set-codec.js";
import {
  type InternedLayout,
  type LayoutRegistry,
  MAX_LAYOUT_SERIES,
} from "../model/layout-registry.js";
import { readRuns } from "./number-runs.js";
import { RECORD_KINDS } from "./journal-records.js";
import type { TableKey } from "../model/sample-writer.js";

/** Label sets, layouts and tables by their numbers in one segment. */
export class DefinitionReader {
  private readonly seriesIds = new Map<number, number>();
  private readonly layouts = new Map<number, InternedLayout>();
  private readonly tables = new Map<number, TableKey>();

  constructor(private readonly registry: LayoutRegistry) {}

  /**
   * Takes a record if it is a definition.
   *
   * @returns false for another record
   * @throws {MalformedBytesError} when it makes no sense, or refers to a label set that is lost
   */
  take(kind: number, reader: ByteReader): boolean {
    switch (kind) {
      case RECORD_KINDS.series: {
        const first = reader.varint();
        readLabelSets(reader).forEach((labels, index) => {
          this.seriesIds.set(first + index, this.registry.internLabels(labels));
        });
        return true;
      }
      case RECORD_KINDS.layout: {
        const number = reader.varint();
        // Every definition is written twice. The second one is needed when the first is damaged.
        if (!this.layouts.has(number)) this.layouts.set(number, this.readLayout(reader));
        return true;
      }
      case RECORD_KINDS.table:
        this.tables.set(reader.varint(), { folder: reader.text(), labels: readPairs(reader) });
        return true;
      default:
        return false;
    }
  }

  /** @throws {MalformedBytesError} when its definition is lost */
  table(number: number): TableKey {
    return this.tables.get(number) ?? lost("table", number);
  }

  /** @throws {MalformedBytesError} when its definition is lost */
  layout(number: number): InternedLayout {
    return this.layouts.get(number) ?? lost("layout", number);
  }

  private readLayout(reader: ByteReader): InternedLayout {
    const seriesIds = readRuns(reader, MAX_LAYOUT_SERIES);
    seriesIds.forEach((number, column) => {
      seriesIds[column] = this.seriesIds.get(number) ?? lost("label set", number);
    });
    // A second column of a series would make it occur twice in answers.
    if (new Set(seriesIds).size < seriesIds.length)
      throw new MalformedBytesError("Cannot read a record: its layout has a series twice");
    return this.registry.internIds(seriesIds);
  }
}

function lost(kind: string, number: number): never {
  throw new MalformedBytesError(
    `Cannot read a record: it refers to ${kind} ${number}, whose definition is lost`,
  );
}
