import { PihealthError } from "../shared/model/errors.js";

/**
 * A file of the system exists but has unexpected content. This is a failed read, not missing
 * hardware.
 */
export class BrokenSourceError extends PihealthError {
  readonly code = "broken_source";

  constructor(source: string, detail: string, options?: ErrorOptions) {
    super(`Cannot read "${source}": ${detail}`, options);
  }
}

/** @throws {BrokenSourceError} when the text is not a decimal number */
export function parseNumber(text: string | undefined, source: string): number {
  const value = text === undefined || text.trim() === "" ? Number.NaN : Number(text);
  if (!Number.isFinite(value)) {
    const found = text === undefined ? "nothing" : JSON.stringify(text.slice(0, 40));
    throw new BrokenSourceError(source, `it holds ${found}, it must hold a number`);
  }
  return value;
}

/**
 * A number that counts something: never below 0.
 *
 * @throws {BrokenSourceError} when the text is not such a number
 */
export function parseCount(text: string | undefined, source: string): number {
  const value = parseNumber(text, source);
  if (value < 0) throw new BrokenSourceError(source, `it holds ${value}, it must be at least 0`);
  return value;
}
