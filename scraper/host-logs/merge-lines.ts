/** Every line begins with its time, as written by `formatTime`. */
const TIME = /^\d{4}-\d\d-\d\d__\d\d:\d\d:\d\d/;
/** An earlier time was written by a clock that was not set. */
const EARLIEST = "2020";

/**
 * The time of a line as sortable text; undefined when it has none, or one from a clock that was not
 * set.
 */
export function timeKeyOf(line: string): string | undefined {
  const key = TIME.exec(line)?.[0];
  return key === undefined || key < EARLIEST ? undefined : key;
}

/** The first time in the text. */
export function firstTimeKey(content: string): string | undefined {
  for (let at = 0; at < content.length;) {
    const end = endOfLine(content, at);
    const key = timeKeyOf(content.slice(at, Math.min(end, at + 64)));
    if (key !== undefined) return key;
    at = end + 1;
  }
  return undefined;
}

export interface MergedLines {
  readonly text: string;
  /** Number of lines that were not there before. */
  readonly addedLines: number;
}

/**
 * Merges lines into the lines of a log, in the order of time. Existing lines keep their order. No
 * line is added for a time that the log already has lines for: those are the same sampling, written
 * before.
 *
 * @param content whole lines; the last one may lack its line feed
 * @param added without line feeds, each with a time, in ascending order
 */
export function mergeLines(content: string, added: readonly string[]): MergedLines {
  const first = timeKeyOf(added[0] ?? "");
  if (first === undefined) return { text: content, addedLines: 0 };
  const whole = content === "" || content.endsWith("\n") ? content : `${content}\n`;
  const tailAt = startOfTail(whole, first);
  const tail = whole.slice(tailAt).split("\n").slice(0, -1);
  const tailKeys = tail.map(timeKeyOf);
  const known = new Set(tailKeys);
  const fresh = [...new Set(added)]
    .map((text) => ({ text, key: timeKeyOf(text) ?? "" }))
    .filter(({ key }) => !known.has(key));
  const merged: string[] = [];
  let next = 0;
  for (const [index, line] of tail.entries()) {
    const key = tailKeys[index] ?? "";
    for (
      let earlier = fresh[next];
      earlier !== undefined && earlier.key < key;
      earlier = fresh[next]
    ) {
      merged.push(earlier.text);
      next++;
    }
    merged.push(line);
  }
  merged.push(...fresh.slice(next).map(({ text }) => text));
  const text = merged.length === 0 ? "" : `${merged.join("\n")}\n`;
  return { text: whole.slice(0, tailAt) + text, addedLines: fresh.length };
}

/**
 * Splits lines into those of a file that begins at `key`, and older ones. Both keep their ascending
 * order.
 */
export function splitLinesAt(
  lines: readonly string[],
  key: string,
): [older: string[], own: string[]] {
  const index = lines.findIndex((line) => (timeKeyOf(line) ?? "") >= key);
  return index < 0 ? [[...lines], []] : [lines.slice(0, index), lines.slice(index)];
}

/** Finds the first line at or after `key`, searching from the end. */
function startOfTail(content: string, key: string): number {
  let start = content.length;
  for (let end = content.length; end > 0;) {
    const lineStart = content.lastIndexOf("\n", end - 2) + 1;
    const lineKey = timeKeyOf(content.slice(lineStart, Math.min(end, lineStart + 64)));
    if (lineKey !== undefined && lineKey < key) return end;
    start = lineStart;
    end = lineStart;
  }
  return start;
}

function endOfLine(text: string, at: number): number {
  const end = text.indexOf("\n", at);
  return end < 0 ? text.length : end;
}
