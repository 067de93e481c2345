import { codeOf } from "../shared/model/errors.js";
import type { DiskTree, FileTree } from "./file-tree.js";
import { BrokenSourceError } from "./broken-source-error.js";
import { parseEnvironmentFile } from "./environment-file.js";
import { hasWideRecords } from "./last-logins.js";
import { areLoginRecords, parseLoginRecords } from "./login-records.js";
import { findSessionTty } from "./session-tty.js";

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
  readonly sysfs: FileTree;
  /** Tells whether a process exists that hidepid may hide. */
  readonly isProcessAlive?: ((pid: number) => boolean) | undefined;
}

export interface SessionList {
  readonly sessions: readonly Session[];
  /** Login records beyond the bound. */
  readonly recordsLeftOut: number;
}

const UTMP = "run/utmp";
const SESSIONS = "run/systemd/sessions";
const MAX_UTMP_BYTES = 3_840_000; // 10,000 sessions.
const RECORD_BYTES = 384;

/** Reads /run/utmp if it exists, otherwise the files of logind. Debian 13 has no utmp. */
export async function readSessions(places: Places): Promise<SessionList> {
  const sizeBytes = await places.root.sizeBytes(UTMP);
  if (sizeBytes === 0) return { sessions: await readLogind(places), recordsLeftOut: 0 };
  const length = Math.min(sizeBytes, MAX_UTMP_BYTES);
  return {
    sessions: await readUtmp(places, length),
    recordsLeftOut: Math.ceil((sizeBytes - length) / RECORD_BYTES),
  };
}

/**
 * @throws {BrokenSourceError} when it cannot be known which sessions there are, or which have ended
 */
async function readUtmp(places: Places, length: number): Promise<Session[]> {
  const { root, procfs } = places;
  const bytes = await root.readRange(UTMP, { offsetBytes: 0, length });
  const isWide = await hasWideRecords(procfs);
  if (!areLoginRecords(bytes, isWide))
    throw new BrokenSourceError(`/${UTMP}`, "it holds no login records, it must hold nothing else");
  const records = parseLoginRecords(bytes, isWide);
  const sessions: Session[] = [];
  for (const { pid, user, host, tty, timeMs } of records) {
    // A session that was killed leaves its record behind.
    if (await isAlive(pid, places)) sessions.push({ user, address: host, tty, sinceMs: timeMs });
  }
  return sessions;
}

async function isAlive(pid: number, { procfs, isProcessAlive }: Places): Promise<boolean> {
  if (await procfs.exists(String(pid))) return true;
  if (isProcessAlive !== undefined) return isProcessAlive(pid);
  if (await procfs.exists("1")) return false;
  throw new BrokenSourceError(
    "/proc",
    "processes of other users are hidden (hidepid), they must be visible to know which sessions last",
  );
}

/**
 * Names of session files; the `<id>.ref` beside each is a pipe, which must never be opened for
 * reading.
 */
const SESSION_ID = /^[a-zA-Z0-9]+$/;

async function readLogind(places: Places): Promise<Session[]> {
  const sessions: Session[] = [];
  for (const id of await places.root.list(SESSIONS, SESSION_ID)) {
    const session = await readLogindSession(places, id);
    if (session !== undefined) sessions.push(session);
  }
  return sessions;
}

async function readLogindSession(places: Places, id: string): Promise<Session | undefined> {
  let text: string;
  try {
    text = await places.root.readText(`${SESSIONS}/${id}`);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined; // The session has ended since the list was read.
    throw error;
  }
  const values = parseEnvironmentFile(text, { isRawUnquoted: true });
  const user = values.get("USER") ?? values.get("UID") ?? "";
  // Greeters, user managers and cron jobs are sessions, too, but not of a person.
  const isPerson = (values.get("CLASS") ?? "user").startsWith("user");
  if (user === "" || !isPerson || values.get("STATE") === "closing") return undefined;
  return {
    user,
    address: values.get("REMOTE_HOST") ?? "",
    tty:
      values.get("TTY") ||
      (await findSessionTty(places, {
        userId: values.get("UID") ?? "",
        scope: values.get("SCOPE") ?? "",
      })),
    sinceMs: Math.floor(Number(values.get("REALTIME") ?? 0) / 1000) || 0,
  };
}
