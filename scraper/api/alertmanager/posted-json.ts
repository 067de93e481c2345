import { BadJsonError, type JsonFields } from "../../../exporter/shared/codec/json-fields.js";
import { ApiError } from "../http/api-errors.js";

/** Later times do not fit into the four digits of a year that RFC 3339 has. */
const LATEST_MS = Date.UTC(9999, 11, 31);
/** How a Go program writes a time that was never set. */
const GO_ZERO_TIME = "0001-01-01T";

/** Codes of go-openapi/errors, which Alertmanager's own checks of a body answer with. */
export const SCHEMA_CODES = { unreadable: 400, invalidType: 601, required: 602, minItems: 612 };

/**
 * Runs the decoder of a request body.
 *
 * @throws {ApiError} 422 for a field that is missing, 400 for any other fault, as Alertmanager answers
 */
export function decodeBody<Result>(decode: () => Result): Result {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof BadJsonError)) throw error;
    if (error.problem === "missing" && error.path.length > 0) {
      throw new ApiError("invalid_body", `${error.path.join(".")} in body is required`, {
        schemaCode: SCHEMA_CODES.required,
        cause: error,
      });
    }
    throw new ApiError("bad_data", error.message, {
      schemaCode: SCHEMA_CODES.unreadable,
      cause: error,
    });
  }
}

/**
 * Reads a time that may be missing, null or Go's zero time.
 *
 * @throws {BadJsonError}
 */
export function optionalTimeMs(fields: JsonFields, key: string): number | undefined {
  const timeMs = fields.optional(key, (name) => fields.isoTimeMs(name));
  if (timeMs === undefined || fields.text(key).startsWith(GO_ZERO_TIME)) return undefined;
  return timeMs <= LATEST_MS ? timeMs : fields.fail(key, "a time before the year 10000");
}
