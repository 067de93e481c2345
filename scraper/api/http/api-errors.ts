import { codeOf, messageOf, PihealthError } from "../../../exporter/shared/model/errors.js";

/** Prometheus' `errorType` values and the HTTP status of each (prometheus web/api/v1). */
const STATUS_OF = {
  bad_data: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  too_large: 413,
  execution: 422,
  too_many: 429,
  internal: 500,
  timeout: 503,
  canceled: 503,
  unavailable: 503,
} as const;

export type ApiErrorType = keyof typeof STATUS_OF;

/** A request that gets an error envelope instead of data. */
export class ApiError extends PihealthError {
  constructor(
    readonly code: ApiErrorType,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  get status(): number {
    return STATUS_OF[this.code];
  }
}

/** Errors of the rooms below carry a code that says what kind of answer they are; anything else is internal. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const code = codeOf(error);
  if (code === "bad_input" || code === "bad_config")
    return new ApiError("bad_data", messageOf(error), { cause: error });
  const known = code !== undefined && code in STATUS_OF ? (code as ApiErrorType) : "internal";
  return new ApiError(known, messageOf(error), { cause: error });
}
