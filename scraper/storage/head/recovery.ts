import { ByteReader } from "../../../exporter/shared/journal/byte-reader.js";
import type { RecordPlace } from "../../../exporter/shared/journal/journal.js";
import { RECORD_HEADER_BYTES } from "../../../exporter/shared/journal/record.js";
import { type Segment, scanSegment } from "../../../exporter/shared/journal/segment.js";
import { messageOf } from "../../../exporter/shared/model/errors.js";
import { type Files, type AppendFile } from "../../../exporter/shared/platform/files.js";
import type { Logger } from "../../../exporter/shared/platform/logger.js";
import { readChunkRecord } from "./chunk-log.js";
import { DefinitionReader } from "../codec/definition-reader.js";
import type { Head } from "./head.js";
import type { LayoutRegistry } from "../model/layout-registry.js";
import { RECORD_KINDS, STREAMS } from "../model/record-kinds.js";
import { decodeRow } from "../codec/row-codec.js";
import type { TableKey } from "../model/sample-writer.js";
import type { StorageCounters } from "../model/storage-counters.js";
import { isBefore, type StreamRows, type Table } from "./table.js";

export interface RecoveryParts {
  readonly files: Files;
  readonly log: Logger;
  readonly head: Head;
  readonly registry: LayoutRegistry;
  readonly counters: StorageCounters;
}

/**
 * Fills the head from what an earlier run left, stepping over damage. Chunks come first, then rows
 * they lack.
 */
export class Recovery {
  private rowValues = new Float64Array(1024);
  /** Tables by their definition: looking one up by name for each row is slower. */
  private readonly tables = new Map<TableKey, Table>();

  constructor(private readonly parts: RecoveryParts) {}

  async readChunks(segments: readonly Segment[]): Promise<void> {
    for (const segment of segments) {
      await this.read(segment, (definitions, kind, reader, place) =>
        this.takeChunkRecord(definitions, kind, reader, place),
      );
    }
    for (const { streams } of this.parts.head.tables.values()) {
      for (const stream of [streams.main, streams.late]) stream.chunks = [...stream.chunks];
    }
  }

  async readRows(segments: readonly Segment[]): Promise<void> {
    for (const segment of segments) {
      await this.read(segment, (definitions, kind, reader, place) =>
        this.takeRowRecord(definitions, kind, reader, place),
      );
    }
  }

  private async read(
    segment: Segment,
    take: (
      definitions: DefinitionReader,
      kind: number,
      reader: ByteReader,
      place: RecordPlace,
    ) => void,
  ): Promise<void> {
    const { files, log, registry, counters } = this.parts;
    const definitions = new DefinitionReader(registry);
    let tailAt: number | undefined;
    const bytes = await this.bytesOf(segment);
    scanSegment(segment, bytes, {
      onRecord: (kind, payload, offsetBytes, sequence) => {
        try {
          const reader = new ByteReader(payload);
          if (!definitions.take(kind, reader))
            take(definitions, kind, reader, { sequence, offsetBytes });
        } catch (error) {
          counters.damagedRecords++;
          log.error("Journal record skipped", {
            file: segment.path,
            offset: offsetBytes,
            error: messageOf(error),
          });
        }
      },
      onDamage: (file, { offsetBytes, lengthBytes, isTail }) => {
        if (isTail) {
          tailAt = offsetBytes;
          counters.tornTails++;
          log.warn("Journal tail was torn and is cut off", {
            file,
            offset: offsetBytes,
            bytes: lengthBytes,
          });
        } else {
          counters.damagedRecords++;
          log.error("Journal is damaged", { file, offset: offsetBytes, bytes: lengthBytes });
        }
      },
    });
    if (tailAt !== undefined) await this.cutTail(files, segment, tailAt);
  }

  private async bytesOf(segment: Segment): Promise<Uint8Array> {
    try {
      return await this.parts.files.readBytes(segment.path);
    } catch (error) {
      this.parts.counters.damagedRecords++;
      this.parts.log.error("Journal segment cannot be read", {
        file: segment.path,
        error: messageOf(error),
      });
      return new Uint8Array(0);
    }
  }

  private async cutTail(files: Files, segment: Segment, sizeBytes: number): Promise<void> {
    let file: AppendFile | undefined;
    try {
      file = await files.openAppend(segment.path);
      await file.truncate(sizeBytes);
      await file.sync();
    } catch (error) {
      // A tail that stays is stepped over by every later start as well.
      this.parts.log.warn("Journal tail cannot be cut off", {
        file: segment.path,
        error: messageOf(error),
      });
    } finally {
      await file?.close();
    }
  }

  private tableOf(key: TableKey): Table {
    const known = this.tables.get(key);
    if (known !== undefined) return known;
    const table = this.parts.head.openTable(key);
    this.tables.set(key, table);
    return table;
  }

  private takeChunkRecord(
    definitions: DefinitionReader,
    kind: number,
    reader: ByteReader,
    place: RecordPlace,
  ): void {
    if (kind === RECORD_KINDS.chunk) {
      const record = readChunkRecord(reader);
      const table = this.tableOf(definitions.table(record.table));
      const rows = table.streams[record.stream];
      (rows.chunks as StreamRows["chunks"][number][]).push({
        fromMs: record.fromMs,
        lastMs: record.lastMs,
        rows: record.rows,
        layout: definitions.layout(record.layout),
        bodyBytes: record.body.length,
        oldestJournaled: undefined,
        place,
        recordBytes: RECORD_HEADER_BYTES + reader.bytes.length,
        isDurable: true,
        body: undefined,
      });
      rows.sealedUntil = record.sealedUntil;
      rows.lastMs = record.lastMs;
      table.lastMs = Math.max(table.lastMs, record.lastMs);
    } else if (kind === RECORD_KINDS.covered) {
      const { streams } = this.tableOf(definitions.table(reader.varint()));
      const coveredUntilMs = reader.signedVarint();
      const lateUntil = { sequence: reader.varint(), offsetBytes: reader.varint() };
      streams.main.chunks = streams.main.chunks.filter((chunk) => chunk.lastMs >= coveredUntilMs);
      streams.main.coveredUntilMs = coveredUntilMs;
      streams.late.chunks = streams.late.chunks.filter(
        (chunk) => !isBefore(chunk.place as RecordPlace, lateUntil),
      );
    } else if (kind === RECORD_KINDS.deleted) {
      const table = this.tableOf(definitions.table(reader.varint()));
      const rowsUntil = { sequence: reader.varint(), offsetBytes: reader.varint() };
      table.reset();
      for (const stream of [table.streams.main, table.streams.late]) stream.sealedUntil = rowsUntil;
    }
  }

  private takeRowRecord(
    definitions: DefinitionReader,
    kind: number,
    reader: ByteReader,
    place: RecordPlace,
  ): void {
    const { head } = this.parts;
    if (kind !== RECORD_KINDS.row) return;
    const table = this.tableOf(definitions.table(reader.varint()));
    const stream = reader.u8() === STREAMS.main ? "main" : "late";
    if (isBefore(place, table.streams[stream].sealedUntil)) return;
    const layout = definitions.layout(reader.varint());
    const timestampMs = reader.signedVarint();
    const count = layout.seriesIds.length;
    if (this.rowValues.length < count) this.rowValues = new Float64Array(count);
    const values = this.rowValues.subarray(0, count);
    decodeRow(reader, values);
    head.replay(table, stream, { timestampMs, layout, values, place });
  }
}
