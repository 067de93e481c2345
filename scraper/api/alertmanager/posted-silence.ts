import { BadJsonError, JsonFields } from "../../../exporter/shared/codec/json-fields.js";
import type { MatcherParts } from "../../alerting/config/matcher-notation.js";
import { ApiError } from "../http/api-errors.js";
import { decodeBody, optionalTimeMs, SCHEMA_CODES } from "./posted-json.js";

/** A silence as a client asks for it. The types are checked, the meaning is not. */
export interface PostedSilence {
  readonly id: string | undefined;
  readonly matchers: readonly MatcherParts[];
  readonly startsAtMs: number;
  readonly endsAtMs: number;
  readonly createdBy: string;
  readonly comment: string;
}

/**
 * Reads the body of `POST /api/v2/silences`.
 *
 * @throws {ApiError} 400 or 422
 */
export function decodePostedSilence(body: string): PostedSilence {
  return decodeBody(() => {
    const fields = JsonFields.parse(body, "silence");
    const id = fields.optional("id", (key) => fields.text(key));
    return {
      id: id === "" ? undefined : id,
      comment: fields.text("comment"),
      createdBy: fields.text("createdBy"),
      endsAtMs: requiredTimeMs(fields, "endsAt"),
      matchers: decodeMatchers(fields),
      startsAtMs: requiredTimeMs(fields, "startsAt"),
    };
  });
}

function decodeMatchers(fields: JsonFields): MatcherParts[] {
  const matchers = fields.objects("matchers");
  if (matchers.length === 0) {
    throw new ApiError("invalid_body", "matchers in body should have at least 1 items", {
      schemaCode: SCHEMA_CODES.minItems,
    });
  }
  return matchers.map((matcher) => ({
    name: matcher.text("name"),
    value: matcher.text("value"),
    isRegex: matcher.boolean("isRegex"),
    isEqual: matcher.optional("isEqual", (key) => matcher.boolean(key)) ?? true,
  }));
}

/** Go's zero time counts as missing. */
function requiredTimeMs(fields: JsonFields, key: string): number {
  const timeMs = optionalTimeMs(fields, key);
  if (timeMs !== undefined) return timeMs;
  throw new BadJsonError("silence", [key], "missing", "is missing, it must be a time");
}
