import { ApiError } from "./api-error.js";

/** Largest instant a Date can hold, and with it everything that is computed from one. */
const LATEST_MS = Date.UTC(9999, 11, 31);
const RFC3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/i;
/** Go's zero time: the sender left the field empty. */
const ZERO_YEAR = "0001-01-01T";

export type JsonObject = Readonly<Record<string, unknown>>;

/** @throws {ApiError} 400 */
export function parseJson(body: string, what: string): unknown {
  try {
    return JSON.parse(body);
  } catch (error) {
    throw new ApiError(
      400,
      { code: 400, message: `Cannot read ${what}: the body is not JSON` },
      { cause: error },
    );
  }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * @param place as `0.labels`, for messages
 *
 * @throws {ApiError} 400 when the value is of another type
 */
export function wrongType(place: string, expected: string): ApiError {
  return new ApiError(400, { code: 400, message: `Cannot read ${place}: it must be ${expected}` });
}

/** @throws {ApiError} 422 as Alertmanager's own check of bodies */
export function requiredField(place: string): ApiError {
  return new ApiError(422, { code: 602, message: `${place} in body is required` });
}

/**
 * @returns undefined when the field is missing, null or Go's zero time
 * @throws {ApiError} 400
 */
export function optionalTime(value: unknown, place: string): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string" || !RFC3339.test(value))
    throw wrongType(place, "a time such as 2026-01-12T15:00:28Z");
  if (value.startsWith(ZERO_YEAR)) return undefined;
  const timeMs = Date.parse(value);
  if (!(timeMs <= LATEST_MS)) throw wrongType(place, "a time such as 2026-01-12T15:00:28Z");
  return timeMs;
}

/** @throws {ApiError} 400 */
export function textMap(value: unknown, place: string): Record<string, string> {
  if (value === undefined || value === null) return {};
  if (!isObject(value)) throw wrongType(place, "an object of texts");
  for (const [name, text] of Object.entries(value)) {
    if (typeof text !== "string") throw wrongType(`${place}.${name.slice(0, 100)}`, "a text");
  }
  return value as Record<string, string>;
}
