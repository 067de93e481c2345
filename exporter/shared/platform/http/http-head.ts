/** The peer's bytes are not an HTTP/1.1 response. */
export class HttpSyntaxError extends Error {
  readonly code = "bad_http";
}

export interface HttpHead {
  /** The 0 or 1 after `HTTP/1.`. */
  readonly minorVersion: 0 | 1;
  readonly status: number;
  /** Names in lower case. Values of equal names are joined with commas. */
  readonly headers: Readonly<Record<string, string>>;
}

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [^\r\n]*)?$/;
const USUAL_STATUS_LINE = "HTTP/1.1 200 OK";
const LINE_END = "\r\n";
const COLON = 58;
const CARRIAGE_RETURN = 13;
const LINE_FEED = 10;
const TAB = 9;
const SPACE = 32;
/** 1 for the characters of a header name (RFC 9110, section 5.6.2, "Tokens"). */
const IS_TOKEN = Uint8Array.from({ length: 256 }, (_, code) => {
  return /[!#$%&'*+.^_`|~0-9A-Za-z-]/.test(String.fromCharCode(code)) ? 1 : 0;
});

/** The usual spellings of header names, each converted to lower case once. */
const USUAL_NAMES = new Map(
  [
    "Connection",
    "Content-Encoding",
    "Content-Length",
    "Content-Type",
    "Date",
    "Keep-Alive",
    "Location",
    "Transfer-Encoding",
    "Vary",
  ].map((name) => [name, name.toLowerCase()]),
);

/** A record without a prototype, so that a header may be named `__proto__`; cheaper than `Object.create(null)`. */
// eslint-disable-next-line house/no-type-assertion -- TypeScript has no type for a function called with new
const HeaderRecord = function HeaderRecord() {
  return undefined;
} as unknown as { new (): Record<string, string>; prototype: unknown };
HeaderRecord.prototype = Object.create(null);

export const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze(new HeaderRecord());

/**
 * Reads the status line and the header lines of a response.
 *
 * @param head one character for each byte, without the empty line at the end
 * @throws {HttpSyntaxError}
 */
export function readHead(head: string): HttpHead {
  const found = head.indexOf(LINE_END);
  const firstEnd = found < 0 ? head.length : found;
  const first = head.slice(0, firstEnd);
  if (first === USUAL_STATUS_LINE)
    return { minorVersion: 1, status: 200, headers: readHeaders(head, firstEnd) };
  const [, minor, status] = STATUS_LINE.exec(first) ?? [];
  if (status === undefined)
    throw new HttpSyntaxError("the first line is not an HTTP/1.1 status line");
  return {
    minorVersion: minor === "1" ? 1 : 0,
    status: Number(status),
    headers: readHeaders(head, firstEnd),
  };
}

/** @param from the index at which the status line ends */
function readHeaders(head: string, from: number): Record<string, string> {
  const headers = new HeaderRecord();
  for (let lineEnd = from; lineEnd < head.length;) {
    const start = lineEnd + LINE_END.length;
    const colon = endOfName(head, start);
    lineEnd = endOfLine(head, colon);
    const name = head.slice(start, colon);
    const key = USUAL_NAMES.get(name) ?? name.toLowerCase();
    setHeader(headers, key, trimmed(head, colon + 1, lineEnd));
  }
  return headers;
}

function endOfName(head: string, start: number): number {
  let position = start;
  while (IS_TOKEN[head.charCodeAt(position)] === 1) position++;
  if (position === start || head.charCodeAt(position) !== COLON)
    throw new HttpSyntaxError("a header line is malformed");
  return position;
}

function endOfLine(head: string, start: number): number {
  let position = start;
  for (; position < head.length; position++) {
    const code = head.charCodeAt(position);
    if (code > CARRIAGE_RETURN) continue;
    if (code === CARRIAGE_RETURN && head.charCodeAt(position + 1) === LINE_FEED) break;
    if (code === 0 || code === LINE_FEED || code === CARRIAGE_RETURN)
      throw new HttpSyntaxError("a header line is malformed");
  }
  return position;
}

const isBlank = (code: number): boolean => code === SPACE || code === TAB;

function trimmed(head: string, from: number, until: number): string {
  let start = from;
  let end = until;
  while (start < end && isBlank(head.charCodeAt(start))) start++;
  while (end > start && isBlank(head.charCodeAt(end - 1))) end--;
  return head.slice(start, end);
}

function setHeader(headers: Record<string, string>, key: string, value: string): void {
  const known = headers[key];
  if (known === undefined) headers[key] = value;
  else if (key !== "content-length") headers[key] = `${known}, ${value}`;
  else if (known !== value) throw new HttpSyntaxError("the body length is ambiguous");
}
