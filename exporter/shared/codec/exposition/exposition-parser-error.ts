import { PihealthError } from "../../model/errors.js";

/** Longest accepted line, without its line feed. */
export const MAX_LINE_BYTES = 1_048_576;
/** Most labels one sample may have. */
export const MAX_LABELS = 512;

const LINE_FEED = 10;
const SHOWN_BYTES = 24;

/** A body is not valid exposition text. `line` and `byte` count from 1, `byte` within the line. */
export class ExpositionError extends PihealthError {
  readonly code = "bad_exposition";

  constructor(
    readonly line: number,
    readonly byte: number,
    readonly detail: string,
  ) {
    super(`Cannot parse exposition at line ${line}, byte ${byte}: ${detail}`);
  }
}

/** The error for the text at `position`; `mustBe` completes "it must be …". */
export function errorAt(body: Uint8Array, position: number, mustBe: string): ExpositionError {
  return errorWith(body, position, `found ${describeAt(body, position)}, it must be ${mustBe}`);
}

/** The error at `position` with a message of its own. */
export function errorWith(body: Uint8Array, position: number, detail: string): ExpositionError {
  let line = 1;
  let lineStart = 0;
  for (
    let index = body.indexOf(LINE_FEED);
    index >= 0 && index < position;
    index = body.indexOf(LINE_FEED, index + 1)
  ) {
    line++;
    lineStart = index + 1;
  }
  return new ExpositionError(line, position - lineStart + 1, detail);
}

function describeAt(body: Uint8Array, position: number): string {
  if (position >= body.length) return "the end of the body";
  if (body[position] === LINE_FEED) return "the end of the line";
  const lineEnd = body.indexOf(LINE_FEED, position);
  const end = Math.min(lineEnd < 0 ? body.length : lineEnd, position + SHOWN_BYTES);
  return JSON.stringify(Buffer.from(body.subarray(position, end)).toString("utf8"));
}
