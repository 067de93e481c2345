/**
 * The grammar of sudoers files (sudoers(5)): one text goes in; aliases, rules and include directives
 * come out. The meaning of a rule is in sudoers.ts. A line of another form is skipped, as a text
 * that sudo itself refuses grants nothing.
 */

/** A member of a list, such as `ann`, `%wheel`, `#1000`, `!eve`, an alias or a command. */
export interface ListItem {
  /** Without quotes and escapes. */
  readonly text: string;
  readonly isNegated: boolean;
}

export interface SudoersCommand {
  readonly item: ListItem;
  /** The users as whom it may run; undefined for root. */
  readonly runAs: readonly ListItem[] | undefined;
  readonly needsPassword: boolean;
}

export interface SudoersRule {
  readonly users: readonly ListItem[];
  readonly parts: readonly {
    readonly hosts: readonly ListItem[];
    readonly commands: readonly SudoersCommand[];
  }[];
}

export interface SudoersText {
  readonly rules: readonly SudoersRule[];
  readonly aliases: ReadonlyMap<string, readonly ListItem[]>;
  /** A rule needs the password of the user to become, not of the user who asks. */
  readonly needsTargetPassword: boolean;
}

export interface SudoersInclude {
  readonly isFolder: boolean;
  readonly path: string;
}

export function parseSudoersText(text: string): SudoersText {
  const rules: SudoersRule[] = [];
  const aliases = new Map<string, readonly ListItem[]>();
  let needsTargetPassword = false;
  for (const line of logicalLines(text)) {
    const defaults = /^Defaults\s+(.*)$/.exec(line)?.[1];
    if (defaults !== undefined) {
      for (const option of splitAt(defaults, ",").map((one) => one.trim()))
        if (/^!?(targetpw|rootpw)$/.test(option)) needsTargetPassword = !option.startsWith("!");
      continue;
    }
    if (/^(Defaults\b|@include)/.test(line)) continue;
    const definitions = /^(?:User|Runas|Host|Cmnd|Cmd)_Alias\s+(.*)$/.exec(line)?.[1];
    if (definitions === undefined) {
      const rule = parseRule(line);
      if (rule !== undefined) rules.push(rule);
      continue;
    }
    for (const definition of splitAt(definitions, ":")) {
      const [, name, members] = /^\s*([A-Z][A-Z0-9_]*)\s*\+?=(.*)$/.exec(definition) ?? [];
      if (name !== undefined) aliases.set(name, parseList(members ?? ""));
    }
  }
  return { rules, aliases, needsTargetPassword };
}

/** The files and folders that a text includes, in their order. */
export function sudoersIncludes(text: string): SudoersInclude[] {
  return joinedLines(text).flatMap((line) => {
    const [, kind, rest = ""] = /^\s*[#@]include(dir)?\s+(.*?)\s*$/.exec(line) ?? [];
    const path = unescape(rest);
    return path === "" ? [] : [{ isFolder: kind !== undefined, path }];
  });
}

const joinedLines = (text: string): string[] => text.replace(/\\\r?\n/g, " ").split(/\r?\n/);

/** Lines without comments. */
function logicalLines(text: string): string[] {
  return joinedLines(text).flatMap((line) => {
    if (/^\s*#include(dir)?\s/.test(line)) return [];
    const rule = withoutComment(line).trim();
    return rule === "" ? [] : [rule];
  });
}

/** `#1000` is a user where a user may stand; every other `#` outside quotes begins a comment. */
function withoutComment(line: string): string {
  let isQuoted = false;
  for (let at = 0; at < line.length; at++) {
    const character = line[at];
    if (character === "\\") at++;
    else if (character === '"') isQuoted = !isQuoted;
    else if (character === "#" && !isQuoted) {
      const isUser = /^\d/.test(line.slice(at + 1)) && /(^|[,(!%:=])\s*$/.test(line.slice(0, at));
      if (!isUser) return line.slice(0, at);
    }
  }
  return line;
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
const OPTION = /^[A-Z_]+\s*=\s*(?:"[^"]*"|\S+)\s*/;

/** Users to become and tags hold for the commands after them, until others are given. */
function parseCommands(text: string): SudoersCommand[] {
  const commands: SudoersCommand[] = [];
  let runAs: readonly ListItem[] | undefined;
  let needsPassword = true;
  for (const part of splitAt(text, ",")) {
    let rest = part.trim();
    const group = /^\(([^)]*)\)\s*/.exec(rest);
    if (group !== null) {
      // Without a user, the commands run as the user who asks.
      runAs = parseList(splitAt(group[1] ?? "", ":")[0] ?? "");
      rest = rest.slice(group[0].length);
    }
    for (let option = OPTION.exec(rest); option !== null; option = OPTION.exec(rest))
      rest = rest.slice(option[0].length);
    for (let tag = TAG.exec(rest); tag !== null; tag = TAG.exec(rest)) {
      if (tag[1] !== undefined) needsPassword = tag[1] === "PASSWD";
      rest = rest.slice(tag[0].length);
    }
    const item = parseItem(rest);
    if (item !== undefined) commands.push({ item, runAs, needsPassword });
  }
  return commands;
}

function parseList(text: string): ListItem[] {
  return splitAt(text, ",").flatMap((part) => parseItem(part) ?? []);
}

function parseItem(text: string): ListItem | undefined {
  const [, marks = "", rest = ""] = /^\s*((?:!\s*)*)(.*?)\s*$/.exec(text) ?? [];
  const isNegated = marks.replace(/\s/g, "").length % 2 === 1;
  return rest === "" ? undefined : { text: unescape(rest), isNegated };
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
