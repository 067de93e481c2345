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

/** @throws the system's error when /etc/passwd cannot be read; the other files are optional */
export async function readAccounts(root: DiskTree): Promise<Accounts> {
  const all = parseAccounts(await root.readText("etc/passwd"));
  const uids = parseUidRange((await readOptional(root, "etc/login.defs")) ?? "");
  const groups = parseGroups((await readOptional(root, "etc/group")) ?? "");
  const sudoers = await readSudoers(root);
  const rules = new SudoersRules(sudoers.texts, await readHostname(root));
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
    const accounts = await readAccounts(this.root);
    this.known = { accounts, version, atMs };
    return accounts;
  }
}

/** Lines of another form, such as comments and NIS entries, are skipped. */
export function parseAccounts(text: string): Account[] {
  return text.split("\n").flatMap((line) => {
    const [name = "", , uid = "", gid = ""] = line.split(":");
    if (name === "" || /^[#+-]/.test(name) || !/^\d+$/.test(uid) || !/^\d+$/.test(gid)) return [];
    return [{ name, uid: Number(uid), gid: Number(gid) }];
  });
}

function parseUidRange(text: string): { min: number; max: number } {
  const value = (key: string, usual: number): number => {
    const digits = new RegExp(`^[ \\t]*${key}[ \\t]+"?(\\d+)`, "m").exec(text)?.[1];
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
    const [name = "", , gid = "", members = ""] = line.split(":");
    if (name === "" || !/^\d+$/.test(gid)) return [];
    return [{ name, gid: Number(gid), members: members.split(",").map((member) => member.trim()) }];
  });
}
