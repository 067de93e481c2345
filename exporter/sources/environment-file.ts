/**
 * Files of assignments as systemd writes and reads them: session files, os-release(5), machine-info.
 * The quoting is that of a shell, without expansion: single quotes, double quotes, backslashes,
 * `#` and `;` for comments.
 */

interface EnvironmentFileOptions {
  /**
   * A backslash outside quotes is a character like others. systemd before 256 wrote values of
   * session files as they were, and later versions quote every value with a backslash.
   */
  readonly isRawUnquoted?: boolean;
}

/** Characters that a backslash escapes in double quotes. */
const ESCAPED_IN_QUOTES = '"\\`$';

/** Reads the assignments. Lines of another form are skipped; of equal keys the last one counts. */
export function parseEnvironmentFile(
  text: string,
  { isRawUnquoted = false }: EnvironmentFileOptions = {},
): Map<string, string> {
  const values = new Map<string, string>();
  for (let at = 0; at < text.length;) {
    const head = /^[ \t]*([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*/.exec(
      text.slice(at, lineEnd(text, at)),
    );
    if (head === null) {
      at = lineEnd(text, at) + 1;
      continue;
    }
    const value = readValue(text, at + head[0].length, isRawUnquoted);
    values.set(head[1] ?? "", value.text);
    at = value.end + 1;
  }
  return values;
}

function lineEnd(text: string, from: number): number {
  const end = text.indexOf("\n", from);
  return end < 0 ? text.length : end;
}

/** Reads up to the line feed that ends the value, which is not the one in quotes. */
function readValue(
  text: string,
  start: number,
  isRawUnquoted: boolean,
): { readonly text: string; readonly end: number } {
  let value = "";
  let keptLength = 0; // White space after this length is at the end of the line so far.
  let at = start;
  while (at < text.length && text[at] !== "\n") {
    const character = text[at] ?? "";
    if (character === "'" || character === '"') {
      const quoted =
        character === "'" ? readSingleQuoted(text, at + 1) : readDoubleQuoted(text, at + 1);
      value += quoted.text;
      keptLength = value.length;
      at = quoted.end;
    } else if (character === "\\" && !isRawUnquoted) {
      const next = text[at + 1] ?? "";
      if (next !== "\n") value += next; // A backslash at the end joins two lines.
      keptLength = value.length;
      at += 2;
    } else {
      value += character;
      if (!/[ \t\r]/.test(character)) keptLength = value.length;
      at++;
    }
  }
  return { text: value.slice(0, keptLength), end: at };
}

function readSingleQuoted(text: string, start: number): { text: string; end: number } {
  const close = text.indexOf("'", start);
  const end = close < 0 ? text.length : close;
  return { text: text.slice(start, end), end: end + 1 };
}

function readDoubleQuoted(text: string, start: number): { text: string; end: number } {
  let value = "";
  let at = start;
  while (at < text.length && text[at] !== '"') {
    const next = text[at + 1] ?? "";
    if (text[at] === "\\" && (ESCAPED_IN_QUOTES.includes(next) || next === "\n")) {
      if (next !== "\n") value += next;
      at += 2;
    } else {
      value += text[at] ?? "";
      at++;
    }
  }
  return { text: value, end: at + 1 };
}
