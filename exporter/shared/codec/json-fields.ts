/**
 * The one reader of JSON from outside: messages of peers, requests and files. Text comes in,
 * checked values go out, and everything unexpected is a {@link BadJsonError} that names the place.
 * It reads in the caller's thread of control and holds the whole document: the caller limits the
 * size of the text.
 */
import { BadInputError } from "../model/errors.js";
import { Labels } from "../model/labels.js";
import { isSecretKey } from "../model/secret-keys.js";

/** A key of an object or an index of a list. */
type Key = string | number;
type JsonType = "missing" | "null" | "text" | "number" | "boolean" | "list" | "object";

const MAX_SHOWN_CHARACTERS = 60;
const LAST_DATE_MS = 8.64e15; // ECMAScript Date: the last representable millisecond.
const ISO_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/i;

/**
 * A JSON document is not what it must be. The message names document, place, value and expectation.
 */
export class BadJsonError extends BadInputError {
  /**
   * @param document as the message names it: `heartbeat`
   * @param path from the top of the document to the value; empty for the document itself
   * @param problem `syntax`: the document is not JSON; `missing`: the field is not there or is null
   */
  constructor(
    document: string,
    readonly path: readonly Key[],
    readonly problem: "syntax" | "missing" | "wrong",
    detail: string,
    options?: ErrorOptions,
  ) {
    super(`Cannot read ${document}: ${formatPath(path)} ${detail}`, options);
  }
}

/**
 * The fields of one JSON object, or the items of one JSON list, by name or by index. Getters
 * without
 * `optional` or `nullable` around them require the field.
 */
export class JsonFields {
  private constructor(
    private readonly document: string,
    readonly path: readonly Key[],
    private readonly container: object,
  ) {}

  /**
   * Reads a document that is an object.
   *
   * @param document names it in messages: `heartbeat`
   * @throws {BadJsonError}
   */
  static parse(text: string, document: string): JsonFields {
    return JsonFields.ofObject(document, [], parseJson(text, document));
  }

  /**
   * Reads a document that is a list of objects.
   *
   * @throws {BadJsonError}
   */
  static parseList(text: string, document: string, options: ListOptions = {}): JsonFields[] {
    const list = JsonFields.ofList(document, [], parseJson(text, document), options);
    return list.keys.map((key) => list.object(key));
  }

  private static ofObject(document: string, path: readonly Key[], value: unknown): JsonFields {
    if (isObject(value)) return new JsonFields(document, path, value);
    throw wrong(document, path, value, "an object");
  }

  private static ofList(
    document: string,
    path: readonly Key[],
    value: unknown,
    { length, maxLength = Number.POSITIVE_INFINITY }: ListOptions,
  ): JsonFields {
    if (!Array.isArray(value)) throw wrong(document, path, value, "a list");
    if (length !== undefined && value.length !== length) {
      throw wrong(document, path, value, `a list of length ${length}`);
    }
    if (value.length > maxLength) {
      throw wrong(document, path, value, `a list of at most ${maxLength} items`);
    }
    return new JsonFields(document, path, value);
  }

  /** Names of an object's fields in the order of the text, or indexes of a list. */
  get keys(): Key[] {
    const { container } = this;
    return Array.isArray(container) ? [...container.keys()] : Object.keys(container);
  }

  /** The value of a field as it was parsed; undefined when it is missing. */
  value(key: Key): unknown {
    return Object.hasOwn(this.container, key) ? Reflect.get(this.container, key) : undefined;
  }

  typeOf(key: Key): JsonType {
    return typeOf(this.value(key));
  }

  /** False when the field is null, too. */
  has(key: Key): boolean {
    return (this.value(key) ?? undefined) !== undefined;
  }

  /**
   * Reads a field that may be missing or null: `fields.optional("port", (key) =>
   * fields.integer(key))`.
   */
  optional<Name extends Key, Result>(key: Name, read: (key: Name) => Result): Result | undefined {
    return this.has(key) ? read(key) : undefined;
  }

  /** Reads a field that may be null but not missing. */
  nullable<Name extends Key, Result>(key: Name, read: (key: Name) => Result): Result | undefined {
    return this.value(key) === null ? undefined : read(key);
  }

  /** @param options.expected describes the pattern in messages: `32 hexadecimal digits` */
  text(key: Key, options: { pattern?: RegExp; expected?: string } = {}): string {
    const { pattern, expected = "a text" } = options;
    const value = this.value(key);
    if (typeof value !== "string" || pattern?.test(value) === false) this.fail(key, expected);
    return value;
  }

  oneOf<Choice extends string>(key: Key, choices: readonly Choice[]): Choice {
    const value = this.value(key);
    const choice = choices.find((candidate) => candidate === value);
    return choice ?? this.fail(key, `one of ${choices.join(", ")}`);
  }

  boolean(key: Key): boolean {
    const value = this.value(key);
    return typeof value === "boolean" ? value : this.fail(key, "true or false");
  }

  /** A finite number. JSON writes numbers beyond the range of a double; they are refused. */
  number(key: Key): number {
    const value = this.value(key);
    return typeof value === "number" && Number.isFinite(value) ? value : this.fail(key, "a number");
  }

  /** A whole number that a double holds exactly, from `min` to `max`. */
  integer(key: Key, options: RangeOptions = {}): number {
    const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = options;
    const value = this.value(key);
    const isInteger = typeof value === "number" && Number.isSafeInteger(value);
    if (isInteger && value >= min && value <= max) return value;
    return this.fail(key, `a whole number${rangeText(options)}`);
  }

  /** Requires the version of a stored document to be the one that this program writes. */
  version(expected: number, key = "version"): void {
    if (this.value(key) !== expected) this.fail(key, String(expected));
  }

  /** A time as milliseconds since the Unix epoch that a Date can hold. */
  timeMs(key: Key): number {
    return this.integer(key, { min: 0, max: LAST_DATE_MS });
  }

  /**
   * A time as RFC 3339 writes it.
   *
   * @returns milliseconds since the Unix epoch
   */
  isoTimeMs(key: Key): number {
    const expected = "a time such as 2026-01-12T15:00:28Z";
    const timeMs = Date.parse(this.text(key, { pattern: ISO_TIME, expected }));
    return Number.isNaN(timeMs) ? this.fail(key, expected) : timeMs;
  }

  /** An object of names and texts, such as labels. */
  textMap(key: Key): Record<string, string> {
    const fields = this.object(key);
    return Object.fromEntries(fields.keys.map((name) => [name, fields.text(name)]));
  }

  labels(key: Key): Labels {
    return Labels.of(this.textMap(key));
  }

  texts(key: Key, options: ListOptions = {}): string[] {
    const list = this.list(key, options);
    return list.keys.map((index) => list.text(index));
  }

  object(key: Key): JsonFields {
    return JsonFields.ofObject(this.document, [...this.path, key], this.value(key));
  }

  objects(key: Key, options: ListOptions = {}): JsonFields[] {
    const list = this.list(key, options);
    return list.keys.map((index) => list.object(index));
  }

  /** A list whose items are read by index. */
  list(key: Key, options: ListOptions = {}): JsonFields {
    return JsonFields.ofList(this.document, [...this.path, key], this.value(key), options);
  }

  /** A list of lists, each of `itemLength` items. */
  lists(key: Key, options: ListOptions & { itemLength?: number } = {}): JsonFields[] {
    const { itemLength: length, ...others } = options;
    const list = this.list(key, others);
    return list.keys.map((index) => list.list(index, length === undefined ? {} : { length }));
  }

  /** Throws the error of a field that must be `expected`: `a host name`. */
  fail(key: Key, expected: string): never {
    throw wrong(this.document, [...this.path, key], this.value(key), expected);
  }

  /** Throws the error of a field whose name is wrong: `is not a label name`. */
  reject(key: Key, detail: string): never {
    throw new BadJsonError(this.document, [...this.path, key], "wrong", detail);
  }

  /** @throws {BadJsonError} naming the first field that is not in `known` */
  rejectOtherKeys(known: readonly string[]): void {
    const other = this.keys.find((key) => !known.includes(String(key)));
    if (other === undefined) return;
    this.reject(other, `is not a known key, the keys here are ${known.join(", ")}`);
  }
}

interface RangeOptions {
  readonly min?: number;
  readonly max?: number;
}

interface ListOptions {
  /** Exact number of items. */
  readonly length?: number;
  readonly maxLength?: number;
}

/**
 * Parses a document of any type. Read it with {@link JsonFields} unless nothing of the content
 * matters.
 *
 * @throws {BadJsonError}
 */
export function parseJson(text: string, document: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // The error of the parser repeats the text, which may be a secret.
    throw new BadJsonError(document, [], "syntax", "is not JSON");
  }
}

function wrong(
  document: string,
  path: readonly Key[],
  value: unknown,
  expected: string,
): BadJsonError {
  const problem = (value ?? undefined) === undefined ? "missing" : "wrong";
  return new BadJsonError(
    document,
    path,
    problem,
    `is ${describe(path, value)}, it must be ${expected}`,
  );
}

function rangeText({ min, max }: RangeOptions): string {
  if (min !== undefined && max !== undefined) return ` from ${min} to ${max}`;
  if (min !== undefined) return ` of at least ${min}`;
  return max === undefined ? " below 2^53" : ` of at most ${max}`;
}

/**
 * `segments[3].name`; a key that is not a plain name is quoted, so that no text of a peer breaks a
 * log line.
 */
function formatPath(path: readonly Key[]): string {
  if (path.length === 0) return "it";
  const parts = path.map((key, index) => {
    if (typeof key === "number") return `[${key}]`;
    if (!/^\w{1,100}$/.test(key)) return `[${shorten(JSON.stringify(key))}]`;
    return index === 0 ? key : `.${key}`;
  });
  return parts.join("");
}

/** A value as a message shows it. A document without keys may be the content of a secret file. */
function describe(path: readonly Key[], value: unknown): string {
  const type = typeOf(value);
  if (type === "object") return "an object";
  if (Array.isArray(value)) return `a list of length ${value.length}`;
  if (type === "missing" || type === "null") return type;
  if (path.every((key) => typeof key === "number")) return `a ${type}`;
  if (path.some((key) => typeof key === "string" && isSecretKey(key))) return "<secret>";
  return typeof value === "number" ? String(value) : shorten(JSON.stringify(value));
}

function shorten(text: string): string {
  return text.length <= MAX_SHOWN_CHARACTERS
    ? text
    : `${text.slice(0, MAX_SHOWN_CHARACTERS - 3)}...`;
}

function typeOf(value: unknown): JsonType {
  if (value === undefined) return "missing";
  if (value === null) return "null";
  if (typeof value === "string") return "text";
  if (typeof value === "number") return "number";
  if (typeof value === "boolean") return "boolean";
  return Array.isArray(value) ? "list" : "object";
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
