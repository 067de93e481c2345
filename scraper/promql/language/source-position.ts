import type { SourceRange } from "./ast.js";
import { QueryParseError } from "./query-errors.js";

/** `line:column` of the start of a range, both from 1; columns count UTF-8 bytes, as Prometheus' do. */
export function positionOf(text: string, range: SourceRange): string {
  const before = text.slice(0, range.start);
  const line = before.split("\n").length;
  const column = Buffer.byteLength(before.slice(before.lastIndexOf("\n") + 1)) + 1;
  return `${line}:${column}`;
}

/** Prometheus' `1:5: parse error: …`. */
export function parseErrorAt(text: string, range: SourceRange, detail: string): QueryParseError {
  const position = text === "" ? "unknown position" : positionOf(text, range);
  return new QueryParseError(`${position}: parse error: ${detail}`);
}
