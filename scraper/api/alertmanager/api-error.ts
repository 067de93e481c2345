import { PihealthError } from "../../../exporter/shared/model/errors.js";

/**
 * A request cannot be answered as asked; `body` is the JSON to answer with, in Alertmanager's form.
 */
export class ApiError extends PihealthError {
  readonly code = "api_error";

  constructor(
    readonly status: number,
    readonly body: unknown,
    options?: ErrorOptions,
  ) {
    super(typeof body === "string" ? body : JSON.stringify(body), options);
  }
}
