/**
 * Last logins on systems without wtmp and lastlog, such as Debian 13: SQLite files of lastlog2
 * (util-linux) and wtmpdb.
 */
import type { DiskTree } from "./file-tree.js";
import { readSqliteTable, type SqliteValue } from "./sqlite-table.js";

export type LastLogin = [user: string, timeMs: number];

interface Database {
  readonly file: string;
  readonly table: string;
  readonly login: (row: readonly SqliteValue[]) => LastLogin | undefined;
}

/** Columns: name, time in seconds, terminal, remote host, service. */
const LASTLOG2: Database = {
  file: "var/lib/lastlog/lastlog2.db",
  table: "Lastlog2",
  login: ([name, seconds]) => loginOf(name, seconds, 1000),
};

const USER_PROCESS = 3; // wtmpdb.h: 1 boot, 2 runlevel, 3 user process.
/** Columns: id, type, user, login and logout in microseconds, terminal, remote host, service. */
const WTMPDB: Database = {
  file: "var/lib/wtmpdb/wtmp.db",
  table: "wtmp",
  login: ([, type, user, microseconds]) =>
    type === USER_PROCESS ? loginOf(user, microseconds, 0.001) : undefined,
};

/** 100,000 users, or as many logins. */
const MAX_FILE_BYTES = 16_777_216;

/** Files of the databases. */
export const LOGIN_DATABASES = [LASTLOG2.file, WTMPDB.file];

export async function readLoginDatabases(root: DiskTree): Promise<LastLogin[]> {
  return [...(await readLogins(root, LASTLOG2)), ...(await readLogins(root, WTMPDB))];
}

/** Empty when the file is missing, unreadable or larger than 16 MiB. */
async function readLogins(root: DiskTree, { file, table, login }: Database): Promise<LastLogin[]> {
  const sizeBytes = await root.sizeBytes(file);
  if (sizeBytes === 0 || sizeBytes > MAX_FILE_BYTES) return [];
  try {
    const rows = readSqliteTable(await root.readBytes(file), table);
    return rows.flatMap((row) => {
      const found = login(row);
      return found === undefined ? [] : [found];
    });
  } catch {
    return []; // No permission, or a write is in progress: the next read will get the whole file.
  }
}

function loginOf(
  name: SqliteValue | undefined,
  time: SqliteValue | undefined,
  unitMs: number,
): LastLogin | undefined {
  return typeof name === "string" && typeof time === "number" && time > 0
    ? [name, time * unitMs]
    : undefined;
}
