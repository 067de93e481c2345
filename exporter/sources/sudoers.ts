/**
 * The meaning of sudoers files: who may run every command as root on this machine (sudoers(5)).
 *
 * Rights to single commands, and rights to become another user than root, do not count. Netgroups
 * are not resolved. `ALL` with exceptions counts, because such a list keeps nobody from root.
 */
import { parseSudoersText, type ListItem, type SudoersRule } from "./sudoers-text.js";

/** A user as the lists of a rule name it. */
export interface SudoersUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** Names and ids of the groups of the user. */
  readonly groups: readonly { readonly name: string; readonly gid: number }[];
}

type Aliases = ReadonlyMap<string, readonly ListItem[]>;
type Verdict = boolean | undefined;

const MAX_ALIAS_DEPTH = 16;

/** The rules of all sudoers files of a machine. */
export class SudoersRules {
  private readonly rules: readonly SudoersRule[];
  private readonly aliases: Aliases;
  private readonly needsTargetPassword: boolean;

  /**
   * @param texts the files in the order in which sudo reads them
   * @param hostname of this machine, for rules that are for other machines
   */
  constructor(
    texts: readonly string[],
    private readonly hostname: string,
  ) {
    const files = texts.map(parseSudoersText);
    this.rules = files.flatMap(({ rules }) => rules);
    this.aliases = new Map(files.flatMap(({ aliases }) => [...aliases]));
    this.needsTargetPassword = files.some(({ needsTargetPassword }) => needsTargetPassword);
  }

  /** The last rule about `ALL` as root decides, as in sudo. */
  mayBecomeRoot(user: SudoersUser): boolean {
    let may = false;
    for (const rule of this.rules) {
      const { users } = rule;
      if (this.verdict(users, (item) => isUser(item, user)) !== true) continue;
      const isForEverybody = users.every(({ text }) => text === "ALL");
      for (const { hosts, commands } of rule.parts) {
        if (this.verdict(hosts, (item) => this.isThisHost(item)) !== true) continue;
        for (const { runAs, item, needsPassword } of commands) {
          // Who must know root's password may become root without sudo.
          if (isForEverybody && this.needsTargetPassword && needsPassword) continue;
          if (runAs !== undefined && this.verdict(runAs, isRoot) !== true) continue;
          may = this.verdict([item], ({ text }) => text === "ALL") ?? may;
        }
      }
    }
    return may;
  }

  /** The last item of a list that matches decides; undefined when none matches. */
  private verdict(
    list: readonly ListItem[],
    isMatch: (item: ListItem) => boolean,
    depth = 0,
  ): Verdict {
    let verdict: Verdict;
    for (const item of list) {
      const alias = this.aliases.get(item.text);
      const found =
        alias !== undefined && depth < MAX_ALIAS_DEPTH
          ? this.verdict(alias, isMatch, depth + 1)
          : item.text === "ALL" || isMatch(item)
            ? true
            : undefined;
      if (found !== undefined) verdict = item.isNegated ? !found : found;
    }
    return verdict;
  }

  /** Addresses, networks and netgroups may be those of this machine, and count as such. */
  private isThisHost({ text }: ListItem): boolean {
    if (this.hostname === "") return true;
    if (text.startsWith("+") || /^[0-9.]+(\/[0-9.]+)?$/.test(text) || text.includes(":"))
      return true;
    const short = this.hostname.split(".")[0] ?? "";
    return [this.hostname, short].some((name) => matchesGlob(name, text));
  }
}

function isUser({ text }: ListItem, { name, uid, groups }: SudoersUser): boolean {
  if (text.startsWith("%#")) return groups.some(({ gid }) => String(gid) === text.slice(2));
  if (text.startsWith("%")) return groups.some((group) => group.name === text.slice(1));
  return text.startsWith("#") ? String(uid) === text.slice(1) : text === name;
}

const isRoot = ({ text }: ListItem): boolean =>
  text === "root" || text === "#0" || text === "%root" || text === "%#0";

/** `*` and `?` of a shell pattern; case does not matter in the names of hosts. */
function matchesGlob(name: string, pattern: string): boolean {
  const source = pattern.replace(/[^*?]/g, (character) => `\\u{${hexOf(character)}}`);
  const expression = source.replaceAll("*", ".*").replaceAll("?", ".");
  return new RegExp(`^${expression}$`, "iu").test(name);
}

const hexOf = (character: string): string => (character.codePointAt(0) ?? 0).toString(16);
