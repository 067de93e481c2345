import { PihealthError } from "../../../exporter/shared/model/errors.js";

/**
 * Stored bytes contradict their own lengths or checksums. What else the file holds may be intact.
 */
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
