import { FunctionError } from "./template-error.js";
import { formatTime, GoTime } from "./go-time.js";
import {
  integerOf,
  isList,
  isMap,
  isNil,
  jsonNamesOf,
  SafeHtml,
  SafeUrl,
} from "./template-values.js";

const MAX_DEPTH = 50;

/**
 * Go's json.Marshal, which escapes characters that could end a script element.
 *
 * @throws {FunctionError} for a value that JSON does not have, such as NaN
 */
export function goJson(value: unknown, depth = 0): string {
  if (depth > MAX_DEPTH) throw new FunctionError(`value is nested deeper than ${MAX_DEPTH}`);
  if (isNil(value)) return "null";
  if (typeof value === "bigint" || typeof value === "boolean") return String(value);
  if (typeof value === "string") return jsonString(value);
  if (typeof value === "number") return jsonNumber(value);
  if (typeof value !== "object") throw new FunctionError(`json: unsupported type: ${typeof value}`);
  return jsonObject(value, depth);
}

function jsonObject(value: object, depth: number): string {
  const inner = (item: unknown): string => goJson(item, depth + 1);
  const pair = (name: string, item: unknown): string => `${jsonString(name)}:${inner(item)}`;
  if (value instanceof SafeHtml || value instanceof SafeUrl) return jsonString(value.text);
  if (value instanceof GoTime) {
    return jsonString(formatTime(value, "2006-01-02T15:04:05.999999999Z07:00"));
  }
  const integer = integerOf(value);
  if (integer !== undefined) return String(integer);
  if (isList(value)) return `[${value.map(inner).join(",")}]`;
  if (isMap(value)) {
    return `{${[...value.keys()]
      .sort()
      .map((key) => pair(key, value.get(key)))
      .join(",")}}`;
  }
  const names = jsonNamesOf(value);
  const fields = Object.entries(value).filter(([, field]) => typeof field !== "function");
  return `{${fields.map(([name, field]) => pair(names[name] ?? name, field)).join(",")}}`;
}

function jsonNumber(value: number): string {
  if (!Number.isFinite(value)) throw new FunctionError(`json: unsupported value: ${value}`);
  return Object.is(value, -0) ? "-0" : JSON.stringify(value);
}

const jsonString = (text: string): string =>
  JSON.stringify(text.toWellFormed()).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
