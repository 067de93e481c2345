import { PihealthError } from "../../../exporter/shared/model/errors.js";
import type { SourceRange } from "./ast.js";

/**
 * The expression does not parse or type-check. The message is that of Prometheus. HTTP 400
 * bad_data.
 */
export class QueryParseError extends PihealthError {
  readonly code = "bad_data";
}

/**
 * The evaluation failed, for example because of many-to-many matching or too many samples. HTTP
 * 422.
 */
export class QueryExecutionError extends PihealthError {
  readonly code = "execution";
}

/** The query ran longer than its timeout. HTTP 503, type timeout. */
export class QueryTimeoutError extends PihealthError {
  readonly code = "timeout";
}

/** The caller aborted the query. HTTP 503, type canceled. */
export class QueryCanceledError extends PihealthError {
  readonly code = "canceled";
}

/**
 * `line:column` of the start of a range, both counted from 1. As in Prometheus, columns count UTF-8
 * bytes.
 */
export function positionOf(text: string, range: SourceRange): string {
  const before = text.slice(0, range.start);
  const line = before.split("\n").length;
  const column = Buffer.byteLength(before.slice(before.lastIndexOf("\n") + 1)) + 1;
  return `${line}:${column}`;
}

/** An error with Prometheus' message, `1:5: parse error: …`. */
export function parseErrorAt(text: string, range: SourceRange, detail: string): QueryParseError {
  const position = text === "" ? "unknown position" : positionOf(text, range);
  return new QueryParseError(`${position}: parse error: ${detail}`);
}

/**
 * The queries together would hold too much memory. HTTP 503 when other queries hold a part of it, 422
 * when the query needs too much by itself.
 */
export class QueryMemoryError extends PihealthError {
  readonly code: "unavailable" | "execution";

  constructor(
    readonly neededBytes: number,
    limitBytes: number,
    /** True when it may succeed once other queries have ended. */
    readonly isPassing: boolean,
  ) {
    const mebibytes = (bytes: number): number => Math.ceil(bytes / 1024 / 1024);
    const needed = `needs ${mebibytes(neededBytes)} MiB or more`;
    const limit = `at most ${mebibytes(limitBytes)} MiB are allowed`;
    super(
      isPassing
        ? `query ${needed}, ${limit} for all queries together: try again later`
        : `query processing would load too many samples into memory in query execution: it ${needed}, ${limit} (query.memory)`,
    );
    this.code = isPassing ? "unavailable" : "execution";
  }
}
