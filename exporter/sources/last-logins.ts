/**
 * The last login of each user, from all records of a machine: wtmp and lastlog of the C library,
 * lastlog2 and wtmpdb of newer systems.
 */
import type { Account } from "./accounts.js";
import type { DiskTree, FileTree } from "./file-tree.js";
import { readFact } from "./file-tree.js";
import { LOGIN_DATABASES, readLoginDatabases } from "./login-databases.js";
import {
  LASTLOG_RECORD_BYTES,
  LOGIN_RECORDS_STEP_BYTES,
  parseLastlogRecord,
  parseLoginRecords,
  type LastlogWidth,
  type LoginRecord,
} from "./login-records.js";

interface Places {
  readonly root: DiskTree;
  readonly procfs: FileTree;
}

const WTMP = "var/log/wtmp";
const LASTLOG = "var/log/lastlog";
const WTMP_PIECE_BYTES = 10 * LOGIN_RECORDS_STEP_BYTES;
/** 10,000 to 20,000 logins. */
const MAX_WTMP_BYTES = 80 * WTMP_PIECE_BYTES;
/** Further back, wtmp is read only until so many users are found. */
const ENOUGH_USERS = 3;

const RECORDS = [WTMP, LASTLOG, ...LOGIN_DATABASES];

/** Reads the records only when one of their files has changed. */
export class KnownLastLogins {
  private known:
    | {
        readonly version: string;
        readonly users: readonly Account[];
        readonly latest: ReadonlyMap<string, number>;
      }
    | undefined;

  constructor(private readonly places: Places) {}

  /** By user, in milliseconds since the epoch. Users without a login are left out. */
  async read(users: readonly Account[]): Promise<ReadonlyMap<string, number>> {
    const versions = await Promise.all(RECORDS.map((file) => this.places.root.version(file)));
    const version = versions.join("\n");
    const { known } = this;
    if (known?.version === version && known.users === users) return known.latest;
    const latest = await readLastLogins(this.places, users);
    this.known = { version, users, latest };
    return latest;
  }
}

async function readLastLogins(
  places: Places,
  users: readonly Account[],
): Promise<Map<string, number>> {
  const { root } = places;
  const isWide = await hasWideRecords(places.procfs);
  const latest = new Map<string, number>();
  const note = (user: string, timeMs: number): void => {
    if (timeMs > (latest.get(user) ?? 0)) latest.set(user, timeMs);
  };
  const names = new Set(users.map(({ name }) => name));
  for (const { user, timeMs } of await readWtmp(root, names, isWide)) note(user, timeMs);
  for (const [user, timeMs] of await readLastlog(root, users, isWide)) note(user, timeMs);
  for (const [user, timeMs] of await readLoginDatabases(root)) note(user, timeMs);
  return latest;
}

/** Architectures whose C library writes 64-bit times into login records. */
const WIDE_ARCHITECTURES = /^(aarch64|riscv64|loongarch64|alpha)/;

/** True when 64-bit programs of this machine write wide records. */
export async function hasWideRecords(procfs: FileTree): Promise<boolean> {
  return WIDE_ARCHITECTURES.test((await readFact(procfs, "sys/kernel/arch")) ?? "");
}

/** Reads from the end until some users are found, because one may have all the last records. */
async function readWtmp(
  root: DiskTree,
  names: ReadonlySet<string>,
  isWide: boolean,
): Promise<LoginRecord[]> {
  const sizeBytes = await root.sizeBytes(WTMP);
  const found: LoginRecord[] = [];
  const users = new Set<string>();
  // Pieces begin at a multiple of the size of a record.
  let end = Math.ceil(sizeBytes / LOGIN_RECORDS_STEP_BYTES) * LOGIN_RECORDS_STEP_BYTES;
  const first = Math.max(0, end - MAX_WTMP_BYTES);
  while (end > first && users.size < ENOUGH_USERS) {
    const offsetBytes = Math.max(first, end - WTMP_PIECE_BYTES);
    const bytes = await readOpen(root, WTMP, { offsetBytes, length: end - offsetBytes });
    for (const record of parseLoginRecords(bytes, isWide)) {
      found.push(record);
      if (names.has(record.user)) users.add(record.user);
    }
    end = offsetBytes;
  }
  return found;
}

/** A lastlog file has a record for each user id up to the highest that ever logged in. */
async function readLastlog(
  root: DiskTree,
  users: readonly Account[],
  isWide: boolean,
): Promise<[string, number][]> {
  const sizeBytes = await root.sizeBytes(LASTLOG);
  const { narrow, wide } = LASTLOG_RECORD_BYTES;
  if (sizeBytes < narrow) return [];
  const readings = {
    narrow: await readLastlogAs(root, { users, sizeBytes, width: narrow }),
    wide: await readLastlogAs(root, { users, sizeBytes, width: wide }),
  };
  const [usual, other] = isWide
    ? [readings.wide, readings.narrow]
    : [readings.narrow, readings.wide];
  const isOther = other.broken < usual.broken || other.logins.length > usual.logins.length;
  return isOther && other.broken <= usual.broken ? other.logins : usual.logins;
}

/** @returns the logins, and how many records are none when they have this width */
async function readLastlogAs(
  root: DiskTree,
  file: {
    readonly users: readonly Account[];
    readonly sizeBytes: number;
    readonly width: LastlogWidth;
  },
): Promise<{ logins: [string, number][]; broken: number }> {
  const { width } = file;
  const logins: [string, number][] = [];
  let broken = 0;
  for (const { name, uid } of file.users) {
    if ((uid + 1) * width > file.sizeBytes) continue;
    const record = await readOpen(root, LASTLOG, { offsetBytes: uid * width, length: width });
    if (record.length < width) continue;
    const timeMs = parseLastlogRecord(record);
    if (timeMs === undefined) broken++;
    else if (timeMs > 0) logins.push([name, timeMs]);
  }
  return { logins, broken };
}

/** Empty when the file is not readable, because other records may have the data. */
async function readOpen(
  root: DiskTree,
  file: string,
  range: { offsetBytes: number; length: number },
): Promise<Uint8Array> {
  return root.readRange(file, range).catch(() => new Uint8Array());
}
