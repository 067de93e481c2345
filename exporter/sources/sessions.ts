import type { Account } from "./accounts.js";
import type { DiskTree, FileTree } from "./file-tree.js";
import {
  lastlogRecordBytes,
  LOGIN_RECORDS_STEP_BYTES,
  parseLastlogRecord,
  parseLoginRecords,
} from "./login-records.js";
import { readLastlog2 } from "./lastlog2.js";

/** A login session. */
export interface Session {
  readonly user: string;
  /** Remote address; empty for a screen or serial line. */
  readonly address: string;
  readonly tty: string;
  /** 0 when not known. */
  readonly sinceMs: number;
}

interface Places {
  readonly root: DiskTree;
  readonly procfs: FileTree;
}

const UTMP = "run/utmp";
const SESSIONS = "run/systemd/sessions";
const MAX_UTMP_BYTES = 1_920_000; // 5,000 sessions.
const MAX_WTMP_TAIL_BYTES = 10 * LOGIN_RECORDS_STEP_BYTES;

/** Reads /run/utmp if it exists, otherwise the files of logind. Debian 13 has no utmp. */
export async function readSessions(places: Places): Promise<Session[]> {
  const sizeBytes = await places.root.sizeBytes(UTMP);
  return sizeBytes > 0
    ? readUtmp(places, Math.min(sizeBytes, MAX_UTMP_BYTES))
    : readLogind(places.root);
}

async function readUtmp({ root, procfs }: Places, length: number): Promise<Session[]> {
  const records = parseLoginRecords(await root.readRange(UTMP, { offsetBytes: 0, length }));
  const sessions: Session[] = [];
  for (const { pid, user, host, tty, timeMs } of records) {
    // A session that was killed leaves its record behind.
    if (await procfs.exists(String(pid)))
      sessions.push({ user, address: host, tty, sinceMs: timeMs });
  }
  return sessions;
}

/**
 * Names of session files; the `<id>.ref` beside each is a pipe, which must never be opened for
 * reading.
 */
const SESSION_ID = /^[a-zA-Z0-9]+$/;

async function readLogind(root: DiskTree): Promise<Session[]> {
  const sessions: Session[] = [];
  for (const id of await root.list(SESSIONS, SESSION_ID)) {
    const session = await readLogindSession(root, id);
    if (session !== undefined) sessions.push(session);
  }
  return sessions;
}

async function readLogindSession(root: DiskTree, id: string): Promise<Session | undefined> {
  let text: string;
  try {
    text = await root.readText(`${SESSIONS}/${id}`);
  } catch {
    return undefined; // The session has ended since the list was read.
  }
  const values = parseAssignments(text);
  const user = values.get("USER") ?? values.get("UID") ?? "";
  // Greeters, user managers and cron jobs are sessions, too, but not of a person.
  const isPerson = (values.get("CLASS") ?? "user").startsWith("user");
  if (user === "" || !isPerson || values.get("STATE") === "closing") return undefined;
  return {
    user,
    address: values.get("REMOTE_HOST") ?? "",
    tty: values.get("TTY") ?? "",
    sinceMs: Math.floor(Number(values.get("REALTIME") ?? 0) / 1000) || 0,
  };
}

function parseAssignments(text: string): Map<string, string> {
  const pairs = [...text.matchAll(/^([A-Z_0-9]+)="?(.*?)"?$/gm)];
  return new Map(pairs.map(([, key = "", value = ""]) => [key, value]));
}

/**
 * The last login of each user, from all records of this machine. Users without one are left out.
 */
export async function readLastLogins(
  root: DiskTree,
  users: readonly Account[],
): Promise<Map<string, number>> {
  const latest = new Map<string, number>();
  const note = (user: string, timeMs: number): void => {
    if (timeMs > (latest.get(user) ?? 0)) latest.set(user, timeMs);
  };
  for (const { user, timeMs } of await readWtmpTail(root)) note(user, timeMs);
  for (const [user, timeMs] of await readLastlog(root, users)) note(user, timeMs);
  for (const [user, timeMs] of await readLastlog2(root)) note(user, timeMs);
  return latest;
}

async function readWtmpTail(root: DiskTree): Promise<ReturnType<typeof parseLoginRecords>> {
  const file = "var/log/wtmp";
  const sizeBytes = await root.sizeBytes(file);
  if (sizeBytes === 0) return [];
  const excess = Math.max(0, sizeBytes - MAX_WTMP_TAIL_BYTES);
  const offsetBytes = Math.ceil(excess / LOGIN_RECORDS_STEP_BYTES) * LOGIN_RECORDS_STEP_BYTES;
  return parseLoginRecords(
    await readOpen(root, file, { offsetBytes, length: MAX_WTMP_TAIL_BYTES }),
  );
}

async function readLastlog(root: DiskTree, users: readonly Account[]): Promise<[string, number][]> {
  const file = "var/log/lastlog";
  const sizeBytes = await root.sizeBytes(file);
  const length = lastlogRecordBytes(sizeBytes);
  const found: [string, number][] = [];
  for (const { name, uid } of users) {
    if ((uid + 1) * length > sizeBytes) continue;
    const timeMs = parseLastlogRecord(
      await readOpen(root, file, { offsetBytes: uid * length, length }),
    );
    if (timeMs !== undefined) found.push([name, timeMs]);
  }
  return found;
}

/** Empty when the file is not readable, because other records may have the data. */
async function readOpen(
  root: DiskTree,
  file: string,
  range: { offsetBytes: number; length: number },
): Promise<Uint8Array> {
  return root.readRange(file, range).catch(() => new Uint8Array());
}
