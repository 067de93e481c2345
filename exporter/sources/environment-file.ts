/**
 * Files of assignments as systemd writes and reads them: session files, os-release(5), machine-info.
 * The quoting is that of systemd, without expansion: single quotes, double quotes, backslashes,
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

/**
 * Reads the assignments. Lines of another form are skipped; of equal keys the last one counts.
 *
 * The rules are those of systemd: a quote is one at the beginning of a value only, or after another
 * quoted part, and white space after a quoted part is none of the value.
 */
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

const LINE_END = /[\r\n]/g;
const isLineEnd = (character: string | undefined): boolean =>
  character === "\n" || character === "\r";

function lineEnd(text: string, from: number): number {
  LINE_END.lastIndex = from;
  return LINE_END.exec(text)?.index ?? text.length;
}

interface Part {
  readonly text: string;
  readonly end: number;
}

/** Reads up to the end of the line that ends the value, which is not the one in quotes. */
function readValue(text: string, start: number, isRawUnquoted: boolean): Part {
  let value = "";
  let at = start;
  while (at < text.length && !isLineEnd(text[at])) {
    const character = text[at] ?? "";
    if (character === " " || character === "\t") {
      at++;
      continue;
    }
    const isQuote = character === "'" || character === '"';
    const part = !isQuote
      ? readUnquoted(text, at, isRawUnquoted)
      : character === "'"
        ? readSingleQuoted(text, at + 1)
        : readDoubleQuoted(text, at + 1);
    value += part.text;
    at = part.end;
  }
  return { text: value, end: at };
}

function readUnquoted(text: string, start: number, isRaw: boolean): Part {
  let value = "";
  let keptLength = 0; // White space after this length is at the end of the line so far.
  let at = start;
  while (at < text.length && !isLineEnd(text[at])) {
    const character = text[at] ?? "";
    if (character === "\\" && !isRaw) {
      const next = text[at + 1] ?? "";
      if (!isLineEnd(next)) value += next; // A backslash at the end joins two lines.
      keptLength = value.length;
      at += 2;
    } else {
      value += character;
      if (character !== " " && character !== "\t") keptLength = value.length;
      at++;
    }
  }
  return { text: value.slice(0, keptLength), end: at };
}

function readSingleQuoted(text: string, start: number): Part {
  const close = text.indexOf("'", start);
  const end = close < 0 ? text.length : close;
  return { text: text.slice(start, end), end: end + 1 };
}

function readDoubleQuoted(text: string, start: number): Part {
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
