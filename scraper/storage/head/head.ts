import { BadInputError } from "../../../exporter/shared/model/errors.js";
import type { TableKey } from "../model/sample-writer.js";
import { NameIndex } from "./name-index.js";
import type { HeadResources } from "./stream-rows.js";
import { Table, tableName, type TableResources } from "./table.js";

/** Folders below the data folder that may hold tables. No part may leave the data folder. */
const TABLE_FOLDER = /^[A-Za-z0-9_][A-Za-z0-9_.:%-]*(\/[A-Za-z0-9_][A-Za-z0-9_.:%-]*)*$/;

export interface HeadParts extends HeadResources {
  /** Newest time in the blocks of a folder, -Infinity for none. */
  readonly newestInBlocksMs: (folder: string) => number;
}

/**
 * All tables, and what they share: registry, memory pool, journals and counters.
 *
 * Rows come in through `Table.append`. Queries read windows and chunks through `head-pieces.ts`, and
 * the loops of the storage seal chunks and move them to blocks.
 */
export class Head {
  readonly tables = new Map<string, Table>();
  /** Finds tables by metric name. */
  readonly names = new NameIndex<Table>();
  private nextTableId = 1;

  private readonly shared: TableResources;

  constructor(private readonly parts: HeadParts) {
    this.shared = { ...parts, names: this.names };
  }

  /** @throws {BadInputError} when the folder is not one below the data folder */
  openTable(key: TableKey): Table {
    const name = tableName(key.folder, key.labels);
    const known = this.tables.get(name);
    if (known !== undefined) return known;
    if (!TABLE_FOLDER.test(key.folder)) {
      throw new BadInputError(
        `Cannot open table "${key.folder}": it must be a relative path of plain names`,
      );
    }
    const newestMs = this.parts.newestInBlocksMs(key.folder);
    const table = new Table(this.nextTableId++, key, this.shared, newestMs);
    this.tables.set(name, table);
    return table;
  }

  /**
   * Deletes everything the tables of a folder hold here. The next start does not bring it back.
   *
   * @throws the system's error
   */
  async deleteFolder(folder: string): Promise<void> {
    const { chunkLog, rowLog } = this.parts;
    for (const table of this.tables.values()) {
      if (table.key.folder !== folder) continue;
      const rowsUntil = rowLog.takenUntil;
      table.reset(rowsUntil);
      chunkLog.forgetTable(table, rowsUntil);
    }
    await chunkLog.commit();
  }

  /** Makes chunks of all rows that are in none: the row journal has lost a segment. */
  sealEverything(): void {
    for (const table of this.tables.values()) table.seal();
  }

  /** Makes chunks of everything in memory once more: the chunk log has lost a segment. */
  sealAgain(lostSegment: number): void {
    for (const table of this.tables.values()) table.sealAgain(lostSegment);
  }

  /** The oldest row segment that is still needed; all before it may be removed. */
  oldestNeededSegment(): number {
    let oldest = Math.min(this.parts.rowLog.sequence, this.parts.chunkLog.oldestJournaled);
    for (const { streams, stamped } of this.tables.values()) {
      oldest = Math.min(
        oldest,
        stamped?.oldestJournaled ?? oldest,
        streams.main.oldestJournaled ?? oldest,
        streams.late.oldestJournaled ?? oldest,
      );
    }
    return oldest;
  }
}
