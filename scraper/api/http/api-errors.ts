import { codeOf, messageOf, PihealthError } from "../../../exporter/shared/model/errors.js";

/** Prometheus' `errorType` values (prometheus web/api/v1) and the HTTP status of each. */
const STATUS_OF = {
  bad_data: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  too_large: 413,
  execution: 422,
  /** Not Prometheus': a body that does not fit the schema of Alertmanager's API. */
  invalid_body: 422,
  too_many: 429,
  internal: 500,
  timeout: 503,
  canceled: 503,
  unavailable: 503,
} as const;

export type ApiErrorType = keyof typeof STATUS_OF;

interface ApiErrorOptions extends ErrorOptions {
  /** Number of the check that failed, for Alertmanager's API (go-openapi/errors: 602 is a missing field). */
  readonly schemaCode?: number;
}

/** A request that gets an error instead of data. The route's error style gives the answer its form. */
export class ApiError extends PihealthError {
  readonly schemaCode: number | undefined;

  constructor(
    readonly code: ApiErrorType,
    message: string,
    options?: ApiErrorOptions,
  ) {
    super(message, options);
    this.schemaCode = options?.schemaCode;
  }

  get status(): number {
    return STATUS_OF[this.code];
  }
}

/** The answer body of Alertmanager's API: a JSON string, or an object when a check of its schema failed. */
export const alertmanagerBody = ({
  message,
  schemaCode,
}: ApiError): string | { readonly code: number; readonly message: string } =>
  schemaCode === undefined ? message : { code: schemaCode, message };

const isApiErrorType = (code: string): code is ApiErrorType => Object.hasOwn(STATUS_OF, code);

/** The whole answer to a request that met an internal error. The error itself is in the log. */
const INTERNAL = "internal error, see the log of the scraper";

/**
 * Errors of lower rooms carry a code that names the kind of answer. Any other error is internal: its
 * text may show files and values of this machine, so the client does not get it.
 */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const code = codeOf(error);
  if (code === "bad_input" || code === "bad_config")
    return new ApiError("bad_data", messageOf(error), { cause: error });
  const type = code !== undefined && isApiErrorType(code) ? code : "internal";
  const message = type === "internal" ? INTERNAL : messageOf(error);
  return new ApiError(type, message, { cause: error });
}
