import type { Clock } from "../shared/platform/clock.js";
import { codeOf } from "../shared/model/errors.js";
import type { DiskTree } from "./file-tree.js";

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
}

/** Groups whose members may become root in the sudoers files of distributions. */
const ROOT_GROUPS = ["sudo", "admin", "wheel"];
const DEFAULT_UID_RANGE = { min: 1000, max: 60_000 }; // login.defs(5)
const MAX_SUDOERS_FILES = 100;

/** @throws the system's error when /etc/passwd cannot be read; the other files are optional */
export async function readAccounts(root: DiskTree): Promise<Accounts> {
  const all = parseAccounts(await root.readText("etc/passwd"));
  const uids = parseUidRange(await readOptional(root, "etc/login.defs"));
  const rights = parseSudoers(await readSudoers(root));
  const groups = parseGroups(await readOptional(root, "etc/group"));
  const rootGroups = groups.filter(
    ({ name }) => ROOT_GROUPS.includes(name) || rights.groups.has(name),
  );
  const isRoot = ({ name, uid, gid }: Account): boolean =>
    uid === 0 ||
    rights.users.has(name) ||
    rights.users.has(`#${uid}`) ||
    rootGroups.some((group) => group.gid === gid || group.members.includes(name));
  const withRootRights = all.filter(isRoot).sort((left, right) => left.uid - right.uid);
  return {
    all,
    real: all.filter(({ uid }) => uid >= uids.min && uid <= uids.max),
    withRootRights: [...new Set(withRootRights.map(({ name }) => name))],
  };
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

async function readOptional(root: DiskTree, file: string): Promise<string> {
  try {
    return await root.readText(file);
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "EACCES", "EPERM"].includes(codeOf(error) ?? "")) return "";
    throw error;
  }
}

/** Lines of another form, such as comments and NIS entries, are skipped. */
export function parseAccounts(text: string): Account[] {
  return text.split("\n").flatMap((line) => {
    const [name = "", , uid = "", gid = ""] = line.split(":");
    if (name === "" || name.startsWith("#") || !/^\d+$/.test(uid) || !/^\d+$/.test(gid)) return [];
    return [{ name, uid: Number(uid), gid: Number(gid) }];
  });
}

function parseUidRange(text: string): { min: number; max: number } {
  const value = (key: string, usual: number): number => {
    const digits = new RegExp(`^\\s*${key}\\s+(\\d+)`, "m").exec(text)?.[1];
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

/** Includes the files that sudo includes: none with a dot in the name or a tilde at the end. */
async function readSudoers(root: DiskTree): Promise<string> {
  // On some systems the folder is not readable for ordinary users.
  const names = await root.list("etc/sudoers.d", /^[^.]*[^.~]$/).catch(() => []);
  const texts = [await readOptional(root, "etc/sudoers")];
  for (const name of names.slice(0, MAX_SUDOERS_FILES))
    texts.push(await readOptional(root, `etc/sudoers.d/${name}`));
  return texts.join("\n");
}

/**
 * Finds users who may run every command as root. Rights to single commands do not count, and
 * netgroups are not resolved.
 *
 * @returns user names, user ids as `#1000`, and names of groups
 */
export function parseSudoers(text: string): { users: Set<string>; groups: Set<string> } {
  const aliases = new Map<string, string[]>();
  const rules: { who: string[]; what: string }[] = [];
  for (const line of text.replace(/\\\n/g, " ").split("\n")) {
    // `#1000` is a user, `# text` a comment.
    const rule = line.replace(/(^|\s)#(?!\d).*$/, "").trim();
    const [, alias, members] = /^User_Alias\s+([A-Z][A-Z0-9_]*)\s*=\s*(.+)$/.exec(rule) ?? [];
    if (alias !== undefined) aliases.set(alias, splitList(members));
    else if (/^(Defaults|\w+_Alias\b|@include)/.test(rule)) continue;
    else {
      const [, who, what] = /^((?:[^\s,]+\s*,\s*)*[^\s,]+)\s+[^=]+=\s*(.+)$/.exec(rule) ?? [];
      if (what !== undefined) rules.push({ who: splitList(who), what });
    }
  }
  const names = rules
    .filter(({ what }) => /(^|[\s,:)])ALL\s*(,|$)/.test(what))
    .flatMap(({ who }) => who.flatMap((name) => aliases.get(name) ?? [name]));
  const isGroup = (name: string): boolean => name.startsWith("%");
  return {
    users: new Set(names.filter((name) => !isGroup(name) && !/^[+!]/.test(name) && name !== "ALL")),
    groups: new Set(names.filter(isGroup).map((name) => name.slice(1))),
  };
}

const splitList = (text = ""): string[] => text.split(",").map((item) => item.trim());
