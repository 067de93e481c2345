import type { Clock } from "../shared/platform/clock.js";
import type { DiskTree } from "./file-tree.js";
import { readOptional, readSudoers } from "./sudoers-files.js";
import { SudoersRules } from "./sudoers.js";

/** One line of /etc/passwd. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

export interface Accounts {
  readonly all: readonly Account[];
  /** Accounts of people: user ids from UID_MIN to UID_MAX of /etc/login.defs. */
  readonly real: readonly Account[];
  /** Accounts that are root or may become root, in order of user id. */
  readonly withRootRights: readonly string[];
  /** Sudoers files that were not read, because there are too many. */
  readonly sudoersFilesLeftOut: number;
}

/** Groups whose members may become root in the sudoers files of distributions. */
const ROOT_GROUPS = ["sudo", "admin", "wheel"];
const DEFAULT_UID_RANGE = { min: 1000, max: 60_000 }; // login.defs(5)

/**
 * @param nowMs wall clock time, for rights that end
 * @throws the system's error when /etc/passwd cannot be read; the other files are optional
 */
export async function readAccounts(root: DiskTree, nowMs: number): Promise<Accounts> {
  const all = parseAccounts(await root.readText("etc/passwd"));
  const uids = parseUidRange((await readOptional(root, "etc/login.defs")) ?? "");
  const groups = parseGroups((await readOptional(root, "etc/group")) ?? "");
  const hostname = await readHostname(root);
  const sudoers = await readSudoers(root, hostname);
  const rules = new SudoersRules(sudoers.lines, { hostname, nowMs });
  const isRoot = (account: Account): boolean => {
    const { name, uid, gid } = account;
    if (uid === 0) return true;
    const ofUser = groups.filter((group) => group.gid === gid || group.members.includes(name));
    if (rules.mayBecomeRoot({ ...account, groups: ofUser })) return true;
    return !sudoers.isComplete && ofUser.some((group) => ROOT_GROUPS.includes(group.name));
  };
  const withRootRights = all.filter(isRoot).sort((left, right) => left.uid - right.uid);
  return {
    all,
    real: all.filter(({ uid }) => uid >= uids.min && uid <= uids.max),
    withRootRights: [...new Set(withRootRights.map(({ name }) => name))],
    sudoersFilesLeftOut: sudoers.leftOut,
  };
}

/** Empty when the machine has none; rules for any machine then count. */
async function readHostname(root: DiskTree): Promise<string> {
  const lines = ((await readOptional(root, "etc/hostname")) ?? "").split("\n");
  return (
    lines.map((line) => line.trim()).find((line) => line !== "" && !line.startsWith("#")) ?? ""
  );
}

/**
 * Files with accounts and their rights. The version of a folder changes when a file is added or
 * removed.
 */
const WATCHED = ["etc/passwd", "etc/group", "etc/login.defs", "etc/sudoers", "etc/sudoers.d"];
/** Interval after which a file in sudoers.d that was edited in place is noticed. */
const REFRESH_MS = 600_000;

/** Reads accounts only when one of their files has changed. */
export class KnownAccounts {
  private known: { accounts: Accounts; version: string; atMs: number } | undefined;

  constructor(
    private readonly root: DiskTree,
    private readonly clock: Clock,
  ) {}

  /** @throws as {@link readAccounts} */
  async read(): Promise<Accounts> {
    const versions = await Promise.all(WATCHED.map((file) => this.root.version(file)));
    const version = versions.join("\n");
    const atMs = this.clock.monotonicMs();
    const { known } = this;
    if (known?.version === version && atMs - known.atMs < REFRESH_MS) return known.accounts;
    const accounts = await readAccounts(this.root, this.clock.wallMs());
    this.known = { accounts, version, atMs };
    return accounts;
  }
}

/**
 * Lines of another form, such as comments and NIS entries, are skipped. Numbers are those that the C
 * library takes: ` 0` and `+0` are root, too.
 */
export function parseAccounts(text: string): Account[] {
  return text.split("\n").flatMap((line) => {
    const [name = "", , uid = "", gid = ""] = line.trimStart().split(":");
    const ids = { uid: parseId(uid), gid: parseId(gid) };
    if (name === "" || /^[#+-]/.test(name) || ids.uid === undefined || ids.gid === undefined)
      return [];
    return [{ name, uid: ids.uid, gid: ids.gid }];
  });
}

/** As strtoul(3) reads it, within 32 bits. */
function parseId(text: string): number | undefined {
  const digits = /^\s*(?:\+?(\d+)|-(0+))$/.exec(text);
  if (digits === null) return undefined;
  const id = Number(digits[1] ?? 0);
  return id < 2 ** 32 ? id : undefined;
}

function parseUidRange(text: string): { min: number; max: number } {
  const value = (key: string, usual: number): number => {
    const lines = text.matchAll(new RegExp(`^[ \\t]*${key}[ \\t]+"?(\\d+)`, "gm"));
    const digits = [...lines].at(-1)?.[1]; // The last line counts.
    return digits === undefined ? usual : Number(digits);
  };
  return {
    min: value("UID_MIN", DEFAULT_UID_RANGE.min),
    max: value("UID_MAX", DEFAULT_UID_RANGE.max),
  };
}

interface Group {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

function parseGroups(text: string): Group[] {
  return text.split("\n").flatMap((line) => {
    const [name = "", , digits = "", members = ""] = line.trimStart().split(":");
    const gid = parseId(digits);
    if (name === "" || gid === undefined || /^[#+-]/.test(name)) return [];
    return [{ name, gid, members: members.split(",").map((member) => member.trim()) }];
  });
}
