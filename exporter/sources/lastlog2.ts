import type { DiskTree } from "./file-tree.js";
import { readSqliteTable } from "./sqlite-table.js";

const FILE = "var/lib/lastlog/lastlog2.db";
const TABLE = "Lastlog2";
// Columns of the table, in the order of its CREATE statement (lastlog2, util-linux).
const NAME = 0;
const TIME = 1;
const MAX_FILE_BYTES = 1_048_576; // Some 10,000 users.

/**
 * Last logins on Debian 13: a SQLite file with one row per user. Empty when the file is missing or
 * unreadable.
 */
export async function readLastlog2(root: DiskTree): Promise<[user: string, timeMs: number][]> {
  const sizeBytes = await root.sizeBytes(FILE);
  if (sizeBytes === 0 || sizeBytes > MAX_FILE_BYTES) return [];
  try {
    const rows = readSqliteTable(await root.readBytes(FILE), TABLE);
    return rows.flatMap((row): [string, number][] => {
      const [name, seconds] = [row[NAME], row[TIME]];
      return typeof name === "string" && typeof seconds === "number" && seconds > 0
        ? [[name, seconds * 1000]]
        : [];
    });
  } catch {
    return []; // No permission, or a write is in progress: the next read will get the whole file.
  }
}
