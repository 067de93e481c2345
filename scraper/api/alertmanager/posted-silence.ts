import type { MatcherParts } from "../../alerting/config/matchers.js";
import { ApiError } from "./api-error.js";
import {
  isObject,
  optionalTime,
  parseJson,
  requiredField,
  wrongType,
  type JsonObject,
} from "./posted-json.js";

/** A silence as it is asked for, its parts of the right type but not yet checked for sense. */
export interface PostedSilence {
  readonly id: string | undefined;
  readonly matchers: readonly MatcherParts[];
  readonly startsAtMs: number;
  readonly endsAtMs: number;
  readonly createdBy: string;
  readonly comment: string;
}

export const MAX_SILENCE_BODY_BYTES = 65_536 * 4;

/**
 * Reads the body of `POST /api/v2/silences`.
 *
 * @throws {ApiError} 400 or 422
 */
export function decodePostableSilence(body: string): PostedSilence {
  const value = parseJson(body, "silence");
  if (!isObject(value)) throw wrongType("silence", "an object");
  const id = optionalText(value, "id");
  return {
    id: id === "" ? undefined : id,
    comment: requiredText(value, "comment"),
    createdBy: requiredText(value, "createdBy"),
    endsAtMs: requiredTime(value, "endsAt"),
    matchers: decodeMatchers(value["matchers"]),
    startsAtMs: requiredTime(value, "startsAt"),
  };
}

function decodeMatchers(value: unknown): MatcherParts[] {
  if (value === undefined) throw requiredField("matchers");
  if (!Array.isArray(value)) throw wrongType("matchers", "a list");
  if (value.length === 0) {
    throw new ApiError(422, {
      code: 612,
      message: "matchers in body should have at least 1 items",
    });
  }
  return value.map((entry: unknown, index) => {
    const place = `matchers.${index}`;
    if (!isObject(entry)) throw wrongType(place, "an object");
    return {
      name: requiredText(entry, "name", place),
      value: requiredText(entry, "value", place),
      isRegex: flag(entry, "isRegex", undefined, place),
      isEqual: flag(entry, "isEqual", true, place),
    };
  });
}

function requiredText(object: JsonObject, field: string, parent?: string): string {
  const text = optionalText(object, field, parent);
  if (text === undefined) throw requiredField(placeOf(field, parent));
  return text;
}

function optionalText(object: JsonObject, field: string, parent?: string): string | undefined {
  const value = object[field] ?? undefined;
  if (value !== undefined && typeof value !== "string")
    throw wrongType(placeOf(field, parent), "a text");
  return value;
}

function requiredTime(object: JsonObject, field: string): number {
  const timeMs = optionalTime(object[field], field);
  if (timeMs === undefined) throw requiredField(field);
  return timeMs;
}

function flag(
  object: JsonObject,
  field: string,
  standard: boolean | undefined,
  parent: string,
): boolean {
  const value = object[field] ?? standard;
  if (value === undefined) throw requiredField(placeOf(field, parent));
  if (typeof value !== "boolean") throw wrongType(placeOf(field, parent), "true or false");
  return value;
}

const placeOf = (field: string, parent: string | undefined): string =>
  parent === undefined ? field : `${parent}.${field}`;
