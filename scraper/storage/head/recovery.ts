import { ByteReader } from "../../../exporter/shared/journal/byte-reader.js";
import type { RecordPlace } from "../../../exporter/shared/journal/journal.js";
import { type DamagedRange, RECORD_HEADER_BYTES } from "../../../exporter/shared/journal/record.js";
import {
  MAX_SEGMENT_BYTES,
  type Segment,
  scanSegment,
} from "../../../exporter/shared/journal/segment.js";
import { messageOf } from "../../../exporter/shared/model/errors.js";
import type { AppendFile, Files } from "../../../exporter/shared/platform/files.js";
import type { Logger } from "../../../exporter/shared/platform/logger.js";
import { readOwnFile } from "../../../exporter/shared/platform/state-file.js";
import { DefinitionReader } from "../codec/definition-reader.js";
import {
  isBefore,
  readChunkRecord,
  readCoveredRecord,
  readDeletedRecord,
  readRowHead,
  readStampedCoveredRecord,
  RECORD_KINDS,
} from "../codec/journal-records.js";
import { decodeRow } from "../codec/row-codec.js";
import { readStampedRecord } from "../codec/stamped-codec.js";
import type { LayoutRegistry } from "../model/layout-registry.js";
import type { TableKey } from "../model/sample-writer.js";
import type { StorageCounters } from "../model/storage-counters.js";
import type { Head } from "./head.js";
import type { Table } from "./table.js";

export interface RecoveryParts {
  readonly files: Files;
  readonly log: Logger;
  readonly head: Head;
  readonly registry: LayoutRegistry;
  readonly counters: StorageCounters;
  /** True for a segment that was complete: no crash can have torn its end. */
  readonly isComplete: (segment: Segment) => boolean;
}

/** A record other than a definition, and the definitions of its segment. */
interface FoundRecord {
  readonly kind: number;
  readonly reader: ByteReader;
  readonly place: RecordPlace;
  readonly definitions: DefinitionReader;
}

/**
 * Fills the head from the journals of an earlier run: first with chunks, then with the rows that no
 * chunk holds. Damage is logged, counted and skipped. Runs once, while the storage opens.
 */
export class Recovery {
  private rowValues = new Float64Array(1024);
  /** Tables by their definition, which is faster than by name for each row. */
  private readonly tables = new Map<TableKey, Table>();
  private newestRowSegment = 0;

  constructor(private readonly parts: RecoveryParts) {}

  /**
   * The newest row segment that a record of the chunk log refers to. It may not exist: a power cut, or a
   * snapshot, can keep a chunk without the segment of its rows. Its number must not be used again, or
   * new rows at places before the end of the chunk would pass for sealed.
   */
  get lastRowSegment(): number {
    return this.newestRowSegment;
  }

  async readChunks(segments: readonly Segment[]): Promise<void> {
    for (const segment of segments) await this.read(segment, (record) => this.takeSealed(record));
  }

  async readRows(segments: readonly Segment[]): Promise<void> {
    for (const segment of segments) await this.read(segment, (record) => this.takeRow(record));
  }

  private async read(segment: Segment, take: (record: FoundRecord) => void): Promise<void> {
    const { log, registry, counters } = this.parts;
    const definitions = new DefinitionReader(registry);
    let tailAt: number | undefined;
    const bytes = await this.bytesOf(segment);
    scanSegment(segment, bytes, {
      onRecord: (kind, payload, offsetBytes, sequence) => {
        try {
          const reader = new ByteReader(payload);
          const place = { sequence, offsetBytes };
          if (!definitions.take(kind, reader)) take({ kind, reader, place, definitions });
        } catch (error) {
          counters.damagedRecords++;
          log.error("Cannot read journal record, it is skipped", {
            file: segment.path,
            offset: offsetBytes,
            error: messageOf(error),
          });
        }
      },
      onDamage: (_, range) => {
        const isTail = range.isTail && !this.parts.isComplete(segment);
        if (isTail) tailAt = range.offsetBytes;
        this.reportDamage(segment, { ...range, isTail });
      },
    });
    if (tailAt !== undefined) await this.cutTail(segment, tailAt);
  }

  private reportDamage(segment: Segment, range: DamagedRange): void {
    const { log, counters } = this.parts;
    const { offsetBytes: offset, lengthBytes: bytes, isTail } = range;
    const fields = { file: segment.path, offset, bytes };
    if (isTail) {
      counters.tornTails++;
      log.warn("Torn journal tail found, it is cut off", fields);
    } else {
      counters.damagedRecords++;
      log.error("Journal damage found, it is skipped", fields);
    }
  }

  private async bytesOf(segment: Segment): Promise<Uint8Array> {
    try {
      const { files } = this.parts;
      return (await readOwnFile(files, segment.path, MAX_SEGMENT_BYTES)) ?? new Uint8Array(0);
    } catch (error) {
      this.parts.counters.damagedRecords++;
      this.parts.log.error("Cannot read journal segment, its samples are left out", {
        file: segment.path,
        error: messageOf(error),
      });
      return new Uint8Array(0);
    }
  }

  private async cutTail(segment: Segment, sizeBytes: number): Promise<void> {
    let file: AppendFile | undefined;
    try {
      file = await this.parts.files.openAppend(segment.path);
      await file.truncate(sizeBytes);
      await file.sync();
    } catch (error) {
      // Every later start skips the tail as well.
      this.parts.log.warn("Cannot cut off torn journal tail", {
        file: segment.path,
        error: messageOf(error),
      });
    } finally {
      await file?.close();
    }
  }

  private tableOf({ definitions }: FoundRecord, number: number): Table {
    const key = definitions.table(number);
    const known = this.tables.get(key);
    if (known !== undefined) return known;
    const table = this.parts.head.openTable(key);
    this.tables.set(key, table);
    return table;
  }

  private takeSealed(found: FoundRecord): void {
    switch (found.kind) {
      case RECORD_KINDS.chunk:
        this.takeChunk(found);
        break;
      case RECORD_KINDS.covered: {
        const record = readCoveredRecord(found.reader);
        const { main, late } = this.tableOf(found, record.table).streams;
        main.cover(record.coveredUntilMs);
        late.removeChunks(({ place }) => place !== undefined && isBefore(place, record.lateUntil));
        break;
      }
      case RECORD_KINDS.stampedCovered: {
        const { table, until } = readStampedCoveredRecord(found.reader);
        this.tableOf(found, table).stamped?.removeChunks(
          ({ place }) => place !== undefined && isBefore(place, until),
        );
        break;
      }
      case RECORD_KINDS.deleted: {
        const record = readDeletedRecord(found.reader);
        this.noteRowSegment(record.rowsUntil);
        this.tableOf(found, record.table).reset(record.rowsUntil);
        break;
      }
    }
  }

  private takeChunk(found: FoundRecord): void {
    const { reader, place, definitions } = found;
    const record = readChunkRecord(reader);
    this.noteRowSegment(record.sealedUntil);
    const chunk = {
      fromMs: record.fromMs,
      lastMs: record.lastMs,
      rows: record.rows,
      layout: definitions.layout(record.layout),
      bodyBytes: record.body.length,
      oldestJournaled: undefined,
      place,
      recordBytes: RECORD_HEADER_BYTES + reader.bytes.length,
      isDurable: true,
      keepsBody: false,
      body: undefined,
    };
    const table = this.tableOf(found, record.table);
    table.addRecovered(record.stream, chunk, record.sealedUntil);
  }

  private noteRowSegment({ sequence }: RecordPlace): void {
    this.newestRowSegment = Math.max(this.newestRowSegment, sequence);
  }

  private takeRow(found: FoundRecord): void {
    const { kind, reader, place, definitions } = found;
    if (kind === RECORD_KINDS.stamped) {
      const table = this.tableOf(found, reader.varint());
      const batch = readStampedRecord(reader, (number) => definitions.layout(number));
      table.replayStamped(batch, place);
      return;
    }
    if (kind !== RECORD_KINDS.row) return;
    const head = readRowHead(reader);
    const table = this.tableOf(found, head.table);
    if (table.streams[head.stream].isSealed(place)) return;
    const layout = definitions.layout(head.layout);
    const count = layout.seriesIds.length;
    if (this.rowValues.length < count) this.rowValues = new Float64Array(count);
    const values = this.rowValues.subarray(0, count);
    decodeRow(reader, values);
    table.replay(head.stream, { timestampMs: head.timestampMs, layout, values }, place);
  }
}
