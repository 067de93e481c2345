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
import { RECORD_KINDS } from "../model/record-kinds.js";
import type { TableKey } from "../model/sample-writer.js";

/** What the numbers in the records of one segment mean. */
export class DefinitionReader {
  private readonly seriesIds = new Map<number, number>();
  private readonly layouts = new Map<number, InternedLayout>();
  private readonly tables = new Map<number, TableKey>();

  constructor(private readonly registry: LayoutRegistry) {}

  /**
   * Takes a record if it is a definition.
   *
   * @returns false when it is none
   * @throws {MalformedBytesError} when it makes no sense, or refers to a label set that was lost
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
        // The second copy of a definition needs no reading when the first was whole.
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

  /** @throws {MalformedBytesError} when its definition was lost */
  table(number: number): TableKey {
    return this.tables.get(number) ?? lost("table", number);
  }

  /** @throws {MalformedBytesError} when its definition was lost */
  layout(number: number): InternedLayout {
    return this.layouts.get(number) ?? lost("layout", number);
  }

  private readLayout(reader: ByteReader): InternedLayout {
    const seriesIds = readRuns(reader, MAX_LAYOUT_SERIES);
    seriesIds.forEach((number, column) => {
      seriesIds[column] = this.seriesIds.get(number) ?? lost("label set", number);
    });
    return this.registry.internIds(seriesIds);
  }
}

function lost(what: string, number: number): never {
  throw new MalformedBytesError(
    `Cannot read a record: it refers to ${what} ${number}, of which the definition is lost`,
  );
}
