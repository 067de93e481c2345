/**
 * The grammar of sudoers files (sudoers(5)): texts go in; aliases, rules and include directives
 * come out. The meaning of a rule is in sudoers.ts. A line of another form is skipped, as a text
 * that sudo itself refuses grants nothing.
 */

/** A member of a list, such as `ann`, `%wheel`, `#1000`, `!eve`, an alias or a command. */
export interface ListItem {
  /** Without quotes and escapes. */
  readonly text: string;
  readonly isNegated: boolean;
  /** The word ALL, which is an ordinary name in quotes. */
  readonly isAll: boolean;
}

export interface SudoersCommand {
  readonly item: ListItem;
  /** The users as whom it may run; undefined for the default user to become. */
  readonly runAs: readonly ListItem[] | undefined;
  readonly needsPassword: boolean;
  /** Milliseconds since the epoch; undefined without a bound. */
  readonly notBeforeMs: number | undefined;
  readonly notAfterMs: number | undefined;
}

export interface SudoersRule {
  readonly users: readonly ListItem[];
  readonly parts: readonly {
    readonly hosts: readonly ListItem[];
    readonly commands: readonly SudoersCommand[];
  }[];
}

/** Aliases of different kinds may have the same name. */
export type AliasKind = "User" | "Runas" | "Host" | "Cmnd";
export type SudoersAliases = Readonly<Record<AliasKind, ReadonlyMap<string, readonly ListItem[]>>>;

/** The default user to become, for everybody or for the users or hosts of a list. */
export interface RunAsDefault {
  readonly scope: "all" | "users" | "hosts";
  readonly list: readonly ListItem[];
  readonly user: ListItem;
}

export interface SudoersText {
  readonly rules: readonly SudoersRule[];
  readonly aliases: SudoersAliases;
  /** The last one that applies counts. */
  readonly runAsDefaults: readonly RunAsDefault[];
  /** A rule needs the password of the user to become, not of the user who asks. */
  readonly needsTargetPassword: boolean;
}

export interface SudoersInclude {
  readonly isFolder: boolean;
  readonly path: string;
}

/** @param lines of all files, in the order in which sudo reads them */
export function parseSudoersLines(lines: readonly string[]): SudoersText {
  const rules: SudoersRule[] = [];
  const aliases = {
    ...{
      User: new Map<string, readonly ListItem[]>(),
      Runas: new Map<string, readonly ListItem[]>(),
    },
    ...{
      Host: new Map<string, readonly ListItem[]>(),
      Cmnd: new Map<string, readonly ListItem[]>(),
    },
  };
  const runAsDefaults: RunAsDefault[] = [];
  let needsTargetPassword = false;
  for (const line of lines) {
    const [, scope, defaults] = /^Defaults(?=[\s@:!>])([@:!>]?)(.*)$/.exec(line) ?? [];
    if (defaults !== undefined) {
      if (scope === "") needsTargetPassword = targetPasswordOf(defaults) ?? needsTargetPassword;
      runAsDefaults.push(...parseRunAsDefaults(scope ?? "", defaults));
      continue;
    }
    const [, kind, definitions = ""] = /^(User|Runas|Host|Cmnd|Cmd)_Alias\s+(.*)$/.exec(line) ?? [];
    if (kind === undefined) {
      const rule = parseRule(line);
      if (rule !== undefined) rules.push(rule);
      continue;
    }
    for (const definition of splitAt(definitions, ":")) {
      const [, name, members] = /^\s*([A-Z][A-Z0-9_]*)\s*=(.*)$/.exec(definition) ?? [];
      const known = aliases[ALIAS_KINDS[kind] ?? "Cmnd"];
      // sudo refuses the second definition of an alias.
      if (name !== undefined && !known.has(name)) known.set(name, parseList(members ?? ""));
    }
  }
  return { rules, aliases, runAsDefaults, needsTargetPassword };
}

const ALIAS_KINDS: Readonly<Record<string, AliasKind>> = {
  User: "User",
  Runas: "Runas",
  Host: "Host",
  Cmnd: "Cmnd",
  Cmd: "Cmnd",
};

/** @returns undefined when the options say nothing about it */
function targetPasswordOf(options: string): boolean | undefined {
  let needs: boolean | undefined;
  for (const option of splitAt(options, ",").map((one) => one.trim()))
    if (/^!?(targetpw|rootpw)$/.test(option)) needs = !option.startsWith("!");
  return needs;
}

const SCOPES: Readonly<Record<string, RunAsDefault["scope"]>> = {
  "": "all",
  ":": "users",
  "@": "hosts",
};

/** Defaults of commands (`!`) and of users to become (`>`) do not decide about `ALL`. */
function parseRunAsDefaults(mark: string, text: string): RunAsDefault[] {
  const scope = SCOPES[mark];
  if (scope === undefined) return [];
  const end = scope === "all" ? 0 : endOfList(text);
  return splitAt(text.slice(end), ",").flatMap((option) => {
    const value = /^\s*runas_default\s*=\s*(.*)$/.exec(option)?.[1];
    const user = value === undefined ? undefined : parseItem(value);
    return user === undefined ? [] : [{ scope, list: parseList(text.slice(0, end)), user }];
  });
}

/** The lines of a file and the files and folders that it includes, in their order. */
export function sudoersParts(text: string): (string | SudoersInclude)[] {
  return logicalLines(text).flatMap((line): (string | SudoersInclude)[] => {
    const [, kind, word] = INCLUDE.exec(line) ?? [];
    if (word !== undefined) return [{ isFolder: kind !== undefined, path: unescape(word) }];
    const rule = line.trim();
    return rule === "" || rule.startsWith("@include") ? [] : [rule];
  });
}

const INCLUDE_START = /^\s*[#@]include/;
const INCLUDE = /^\s*[#@]include(dir)?\s+("[^"]*"|(?:\\.|[^\s\\])+)/;
/** sudo takes white space after a backslash that joins two lines. */
const CONTINUATION = /\\[ \t]*\r?\n/y;

/** Lines without comments. A backslash at the end of a comment joins no lines. */
function logicalLines(text: string): string[] {
  const lines: string[] = [];
  let line = "";
  let isQuoted = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at] ?? "";
    CONTINUATION.lastIndex = at;
    const continuation = character === "\\" ? CONTINUATION.exec(text)?.[0] : undefined;
    if (continuation !== undefined) {
      line += " ";
      at += continuation.length - 1;
    } else if (character === "\\" && !/[\r\n]/.test(text[at + 1] ?? "\n")) {
      line += text.slice(at, at + 2);
      at++;
    } else if (character === "\n") {
      lines.push(line.replace(/\r$/, ""));
      [line, isQuoted] = ["", false];
    } else if (character === "#" && !isQuoted && isComment(line, text.slice(at, at + 16))) {
      const end = text.indexOf("\n", at);
      at = end < 0 ? text.length : end - 1;
    } else {
      if (character === '"') isQuoted = !isQuoted;
      line += character;
    }
  }
  return [...lines, line];
}

/**
 * `#1000` is a user where a user may stand, and `#include` a directive at the start of a line; every
 * other `#` outside quotes begins a comment.
 */
function isComment(before: string, rest: string): boolean {
  if (before.trim() === "" && /^#include(dir)?\s/.test(rest)) return false;
  if (INCLUDE_START.test(before)) return /\s$/.test(before);
  return !(/^#\d/.test(rest) && /(^|[,(!%:=])\s*$/.test(before));
}

/** `users hosts = commands : hosts = commands`. */
function parseRule(line: string): SudoersRule | undefined {
  const [first = "", ...others] = splitAt(line, ":", { outsideCommands: true });
  const [left, right] = splitOnce(first, "=");
  if (right === undefined) return undefined;
  const end = endOfList(left);
  const users = parseList(left.slice(0, end));
  const hosts = parseList(left.slice(end));
  if (users.length === 0 || hosts.length === 0) return undefined;
  const parts = [{ hosts, commands: parseCommands(right) }];
  for (const other of others) {
    const [moreHosts, moreCommands] = splitOnce(other, "=");
    if (moreCommands === undefined) continue;
    parts.push({ hosts: parseList(moreHosts), commands: parseCommands(moreCommands) });
  }
  return { users, parts };
}

/** Index after the first list of a text: its items are separated by commas, not by spaces only. */
function endOfList(text: string): number {
  const list =
    /^\s*(?:!\s*)*(?:"[^"]*"|(?:\\.|[^\s,"\\])+)(?:\s*,\s*(?:!\s*)*(?:"[^"]*"|(?:\\.|[^\s,"\\])+))*/;
  return list.exec(text)?.[0].length ?? 0;
}

const TAG =
  /^(?:(NOPASSWD|PASSWD)|(?:NO)?(?:EXEC|FOLLOW|LOG_INPUT|LOG_OUTPUT|MAIL|SETENV|INTERCEPT))\s*:\s*/;
const OPTION = /^([A-Z_]+)\s*=\s*("[^"]*"|\S+)\s*/;

/** Users to become, times and tags hold for the commands after them, until others are given. */
function parseCommands(text: string): SudoersCommand[] {
  const commands: SudoersCommand[] = [];
  let runAs: readonly ListItem[] | undefined;
  let needsPassword = true;
  let notBeforeMs: number | undefined;
  let notAfterMs: number | undefined;
  for (const part of splitAt(text, ",")) {
    let rest = part.trim();
    const group = /^\(([^)]*)\)\s*/.exec(rest);
    if (group !== null) {
      // Without a user, the commands run as the user who asks.
      runAs = parseList(splitAt(group[1] ?? "", ":")[0] ?? "");
      rest = rest.slice(group[0].length);
    }
    for (let option = OPTION.exec(rest); option !== null; option = OPTION.exec(rest)) {
      const [whole, name, value = ""] = option;
      if (name === "NOTBEFORE") notBeforeMs = parseTime(value);
      if (name === "NOTAFTER") notAfterMs = parseTime(value);
      rest = rest.slice(whole.length);
    }
    for (let tag = TAG.exec(rest); tag !== null; tag = TAG.exec(rest)) {
      if (tag[1] !== undefined) needsPassword = tag[1] === "PASSWD";
      rest = rest.slice(tag[0].length);
    }
    const item = parseItem(rest);
    if (item !== undefined) commands.push({ item, runAs, needsPassword, notBeforeMs, notAfterMs });
  }
  return commands;
}

/** A generalized time such as `20301231235959Z` or `203012312359+0100`, in milliseconds. */
function parseTime(text: string): number | undefined {
  const [, day, hour, minute = "00", second = "00", zone = "Z"] =
    /^"?(\d{8})(\d\d)(\d\d)?(\d\d)?(?:[.,]\d+)?(Z|[-+]\d{4})?"?$/.exec(text) ?? [];
  if (day === undefined) return undefined;
  const date = `${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6)}`;
  const offset = zone === "Z" ? zone : `${zone.slice(0, 3)}:${zone.slice(3)}`;
  const timeMs = Date.parse(`${date}T${hour}:${minute}:${second}${offset}`);
  return Number.isNaN(timeMs) ? undefined : timeMs;
}

function parseList(text: string): ListItem[] {
  return splitAt(text, ",").flatMap((part) => parseItem(part) ?? []);
}

function parseItem(text: string): ListItem | undefined {
  const [, marks = "", rest = ""] = /^\s*((?:!\s*)*)(.*?)\s*$/.exec(text) ?? [];
  const isNegated = marks.replace(/\s/g, "").length % 2 === 1;
  return rest === "" ? undefined : { text: unescape(rest), isNegated, isAll: rest === "ALL" };
}

/** Removes quotes, and backslashes outside them; `\x20` is a character by its code. */
function unescape(text: string): string {
  const quoted = /^(%?:?)"(.*)"$/.exec(text);
  if (quoted !== null) return `${quoted[1]}${(quoted[2] ?? "").replaceAll('\\"', '"')}`;
  return text.replace(/\\x([0-9a-fA-F]{2})|\\(.)/g, (_, code?: string, plain?: string) =>
    code === undefined ? (plain ?? "") : String.fromCharCode(Number.parseInt(code, 16)),
  );
}

function splitOnce(text: string, separator: string): [left: string, right: string | undefined] {
  const parts = splitAt(text, separator);
  return [parts[0] ?? "", parts.length < 2 ? undefined : parts.slice(1).join(separator)];
}

/**
 * Splits at a character outside quotes, parentheses and escapes.
 *
 * @param options.outsideCommands splits a rule at colons, but not at those of tags and addresses
 */
function splitAt(
  text: string,
  separator: string,
  { outsideCommands = false }: { outsideCommands?: boolean } = {},
): string[] {
  const parts: string[] = [];
  let depth = 0;
  let isQuoted = false;
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === "\\") at++;
    else if (character === '"') isQuoted = !isQuoted;
    else if (isQuoted) continue;
    else if (character === "(") depth++;
    else if (character === ")") depth = Math.max(0, depth - 1);
    else if (character === separator && depth === 0) {
      if (outsideCommands && !isBetweenParts(text, at)) continue;
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  return [...parts, text.slice(start)];
}

const TAG_OR_DIGEST =
  /(^|[\s,=):])((NO)?(PASSWD|EXEC|FOLLOW|LOG_INPUT|LOG_OUTPUT|MAIL|SETENV|INTERCEPT)|sha\d+)\s*$/;

/** True for a colon between two `hosts = commands`: no tag ends there, and an assignment follows. */
function isBetweenParts(text: string, at: number): boolean {
  const before = text.slice(0, at);
  return (
    before.includes("=") && !TAG_OR_DIGEST.test(before) && /^\s*[^=]+=/.test(text.slice(at + 1))
  );
}
