import { MalformedBytesError } from "../../../exporter/shared/journal/byte-reader.js";
import { codeOf, PihealthError } from "../../../exporter/shared/model/errors.js";

/** Stored bytes contradict their own lengths or checksums. Other parts of the file may be intact. */
export class DamagedDataError extends PihealthError {
  readonly code = "damaged_data";

  constructor(
    readonly path: string,
    readonly offsetBytes: number,
    detail: string,
    options?: ErrorOptions,
  ) {
    super(`Cannot read "${path}" at byte ${offsetBytes}: ${detail}`, options);
  }
}

/** True when the bytes are wrong, false for trouble of the system. */
export function isDamage(error: unknown): boolean {
  return error instanceof DamagedDataError || error instanceof MalformedBytesError;
}

/**
 * Errors of a machine that is short of something, or of a disk that may answer again. Others, such as
 * a folder in place of a file (EISDIR), last until somebody corrects them.
 */
const PASSING = new Set([
  ...["EMFILE", "ENFILE", "ENOMEM", "EAGAIN", "EINTR", "EBUSY"],
  ...["EIO", "ETIMEDOUT", "ESTALE"],
]);

/** True for trouble that may pass, such as too many open files, and says nothing about the bytes. */
export function isTransient(error: unknown): boolean {
  const origin = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return PASSING.has(codeOf(origin) ?? "");
}
