/**
 * The meaning of sudoers files: who may run every command as root on this machine (sudoers(5)).
 *
 * Rights to single commands, and rights to become another user than root, do not count. Netgroups
 * are not resolved. `ALL` with exceptions counts, because such a list keeps nobody from root.
 */
import {
  parseSudoersLines,
  type AliasKind,
  type ListItem,
  type SudoersCommand,
  type SudoersText,
} from "./sudoers-text.js";

/** A user as the lists of a rule name it. */
export interface SudoersUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** Names and ids of the groups of the user. */
  readonly groups: readonly { readonly name: string; readonly gid: number }[];
}

type Verdict = boolean | undefined;

interface SudoersPlace {
  /** Of this machine, for rules that are for other machines; empty when not known. */
  readonly hostname: string;
  /** Wall clock time, for rules that hold for a time. */
  readonly nowMs: number;
}

/** The rules of all sudoers files of a machine. */
export class SudoersRules {
  private readonly text: SudoersText;
  private readonly hostname: string;
  private readonly nowMs: number;

  /** @param lines of all files, in the order in which sudo reads them */
  constructor(lines: readonly string[], { hostname, nowMs }: SudoersPlace) {
    this.text = parseSudoersLines(lines);
    this.hostname = hostname;
    this.nowMs = nowMs;
  }

  /** The last rule about `ALL` as root decides, as in sudo. */
  mayBecomeRoot(user: SudoersUser): boolean {
    const isRootDefault = isRoot(this.runAsDefaultOf(user));
    let may = false;
    for (const rule of this.text.rules) {
      const { users } = rule;
      if (!this.includesUser(users, user)) continue;
      const isForEverybody = users.every(({ isAll }) => isAll);
      for (const { hosts, commands } of rule.parts) {
        if (!this.includesHost(hosts)) continue;
        for (const command of commands) {
          const { runAs, item, needsPassword } = command;
          // Who must know root's password may become root without sudo.
          if (isForEverybody && this.text.needsTargetPassword && needsPassword) continue;
          if (!this.isNow(command)) continue;
          if (runAs === undefined ? !isRootDefault : this.verdict("Runas", runAs, isRoot) !== true)
            continue;
          may = this.verdict("Cmnd", [item], isEveryCommand) ?? may;
        }
      }
    }
    return may;
  }

  private runAsDefaultOf(user: SudoersUser): ListItem {
    const found = this.text.runAsDefaults.findLast(
      ({ scope, list }) =>
        scope === "all" ||
        (scope === "users" ? this.includesUser(list, user) : this.includesHost(list)),
    );
    return found?.user ?? { text: "root", isNegated: false, isAll: false };
  }

  private includesUser(list: readonly ListItem[], user: SudoersUser): boolean {
    return this.verdict("User", list, (item) => isUser(item, user)) === true;
  }

  private includesHost(list: readonly ListItem[]): boolean {
    return this.verdict("Host", list, (item) => this.isThisHost(item)) === true;
  }

  private isNow({ notBeforeMs = -Infinity, notAfterMs = Infinity }: SudoersCommand): boolean {
    return this.nowMs >= notBeforeMs && this.nowMs <= notAfterMs;
  }

  /**
   * The last item of a list that matches decides; undefined when none matches.
   *
   * @param known verdicts about aliases; one that is being found contains itself, and matches nothing
   */
  private verdict(
    kind: AliasKind,
    list: readonly ListItem[],
    isMatch: (item: ListItem) => boolean,
    known = new Map<string, Verdict>(),
  ): Verdict {
    let verdict: Verdict;
    for (const item of list) {
      const members = this.text.aliases[kind].get(item.text);
      if (members !== undefined && !known.has(item.text)) {
        known.set(item.text, undefined);
        known.set(item.text, this.verdict(kind, members, isMatch, known));
      }
      const found =
        members === undefined
          ? item.isAll || isMatch(item)
            ? true
            : undefined
          : known.get(item.text);
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
  if (text.startsWith("%#")) return groups.some(({ gid }) => isId(text.slice(2), gid));
  if (text.startsWith("%")) return groups.some((group) => group.name === text.slice(1));
  return text.startsWith("#") ? isId(text.slice(1), uid) : text === name;
}

const isRoot = ({ text }: ListItem): boolean =>
  /^%?root$/.test(text) || (/^%?#/.test(text) && isId(text.replace(/^%?#/, ""), 0));

const isId = (digits: string, id: number): boolean => /^\d+$/.test(digits) && Number(digits) === id;

/** Regular expressions that match every command (since sudo 1.9.10). */
const EVERY_COMMAND = /^\^\/?\.[*+]\$$/;
const isEveryCommand = ({ text }: ListItem): boolean => EVERY_COMMAND.test(text);

/** `*`, `?` and `[...]` of a shell pattern; case does not matter in the names of hosts. */
function matchesGlob(name: string, pattern: string): boolean {
  const source = pattern.replace(/\[([^\]/]+)\]|[^*?]/g, (one, set: string | undefined) =>
    set === undefined ? escaped(one) : `[${set.replace(/[^-]/g, escaped)}]`,
  );
  const expression = source.replaceAll("*", ".*").replaceAll("?", ".");
  try {
    return new RegExp(`^${expression}$`, "iu").test(name);
  } catch {
    return false; // A range such as `[z-a]` matches nothing.
  }
}

const escaped = (character: string): string =>
  `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
