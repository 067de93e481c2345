/**
 * Accounts, accounts with root rights, recent users and current sessions.
 *
 * Sources: /etc/passwd, /etc/group, /etc/login.defs and the sudoers files (sources/accounts.ts);
 * sessions from utmp or logind (sources/sessions.ts); earlier logins from wtmp, lastlog, lastlog2 and
 * wtmpdb (sources/last-logins.ts).
 */
import { KnownAccounts, type Accounts } from "../sources/accounts.js";
import { KnownLastLogins } from "../sources/last-logins.js";
import { readSessions, type Session } from "../sources/sessions.js";
import type { Sources } from "../sources/sources.js";
import { gauge, type Sample } from "../shared/model/metric.js";
import type { Collector } from "./collector.js";
import { leftOutSample, ROWS_LEFT_OUT } from "./left-out.js";

export const REAL = gauge({
  name: "pihealth_users_real",
  help: "Accounts of people, without system accounts.",
});
export const RECENT_RANK = gauge({
  name: "pihealth_user_recent_rank",
  help: "Rank of a recently active user: 1 is the latest, then 2 and 3. Other users have no series.",
  labels: ["user"],
});
export const ROOT_INFO = gauge({
  name: "pihealth_user_root_info",
  help: "A user who is root or may become root; always 1.",
  labels: ["user"],
});
export const SESSIONS = gauge({
  name: "pihealth_user_sessions",
  help: "Number of sessions of logged-in users.",
});
export const SESSION_INFO = gauge({
  name: "pihealth_user_session_info",
  help: "A session of a logged-in user, with its remote address and terminal; always 1.",
  labels: ["user", "address", "tty"],
});

const RECENT_USERS = 3;
const MAX_ROOT_SERIES = 32;
const MAX_SESSION_SERIES = 64;

export function createUsersCollector(sources: Sources): Collector {
  const { root, procfs, sysfs, isProcessAlive, clock } = sources;
  const knownAccounts = new KnownAccounts(root, clock);
  const knownLogins = new KnownLastLogins({ root, procfs });
  return {
    name: "users",
    metrics: [REAL, RECENT_RANK, ROOT_INFO, SESSIONS, SESSION_INFO, ROWS_LEFT_OUT],
    async collect() {
      const accounts = await knownAccounts.read();
      const { sessions, recordsLeftOut } = await readSessions({
        root,
        procfs,
        sysfs,
        isProcessAlive,
      });
      const recent = recentUsers(accounts, sessions, await knownLogins.read(accounts.all));
      const listed = sessionSamples(sessions);
      const { withRootRights, sudoersFilesLeftOut } = accounts;
      return [
        REAL.sample(accounts.real.length),
        ...recent.map((user, index) => RECENT_RANK.sample(index + 1, { user })),
        ...withRootRights.slice(0, MAX_ROOT_SERIES).map((user) => ROOT_INFO.sample(1, { user })),
        SESSIONS.sample(sessions.length),
        ...listed.slice(0, MAX_SESSION_SERIES),
        leftOut("root_user", withRootRights.length - MAX_ROOT_SERIES),
        leftOut("session", listed.length - MAX_SESSION_SERIES),
        leftOut("login_record", recordsLeftOut),
        leftOut("sudoers_file", sudoersFilesLeftOut),
      ];
    },
  };
}

const leftOut = (kind: string, count: number): Sample =>
  leftOutSample("users", kind, Math.max(0, count));

/** Users who are logged in come first, then the latest logins. Deleted accounts are left out. */
function recentUsers(
  { all }: Accounts,
  sessions: readonly Session[],
  lastLogins: ReadonlyMap<string, number>,
): string[] {
  const online = new Map<string, number>();
  for (const { user, sinceMs } of sessions)
    online.set(user, Math.max(sinceMs, online.get(user) ?? 0));
  const candidates = [...new Set(all.map(({ name }) => name))].filter(
    (name) => online.has(name) || lastLogins.has(name),
  );
  const timeOf = (name: string): number => online.get(name) ?? lastLogins.get(name) ?? 0;
  candidates.sort(
    (left, right) =>
      Number(online.has(right)) - Number(online.has(left)) ||
      timeOf(right) - timeOf(left) ||
      (left < right ? -1 : 1),
  );
  return candidates.slice(0, RECENT_USERS);
}

/**
 * Sessions from other machines first, then the latest ones. Two sessions of one user from one
 * address without a terminal become one series, because labels must be unique.
 */
function sessionSamples(sessions: readonly Session[]): Sample[] {
  const ranked = [...sessions].sort(
    (left, right) =>
      Number(right.address !== "") - Number(left.address !== "") || right.sinceMs - left.sinceMs,
  );
  const unique = new Map(
    ranked.map(({ user, address, tty }) => [`${user}\0${address}\0${tty}`, { user, address, tty }]),
  );
  return [...unique.values()].map((labels) => SESSION_INFO.sample(1, labels));
}
