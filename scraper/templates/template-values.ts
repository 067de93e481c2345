/**
 * The values of Go's template language in JavaScript.
 *
 * | Go                          | here                                                            |
 * |-----------------------------|-----------------------------------------------------------------|
 * | string, bool, nil           | string, boolean, undefined or null                              |
 * | int                         | bigint                                                          |
 * | float64                     | number                                                          |
 * | map[string]string           | Map: a missing key is "", as with `missingkey=zero`             |
 * | map[string]interface{}      | InterfaceMap: a missing key is nil                              |
 * | struct                      | plain object: a missing field is an error                       |
 * | slice                       | array                                                           |
 * | template.HTML, template.URL | SafeHtml, SafeUrl                                               |
 *
 * Templates reach only own properties of objects, and so nothing of JavaScript itself.
 */

/**
 * The key of the methods that templates can call. As in Go, methods come before fields and keys.
 */
export const METHODS = Symbol("methods");

/** The key of the names of fields in JSON, for a struct whose names differ there. */
export const JSON_NAMES = Symbol("JSON names");

export interface WithMethods {
  readonly [METHODS]: Readonly<Record<string, TemplateFunction>>;
}

/**
 * The type of a parameter. `any` takes every value unchanged, and `number` converts an int to a
 * double.
 */
export type ParameterKind =
  "any" | "string" | "number" | "int" | "bool" | "list" | "map" | "time" | "duration";

/** The template that calls a function. */
export interface CallContext {
  /** The output of a named template. */
  renderTemplate(name: string, data: unknown): string;
}

export interface TemplateFunction {
  readonly parameters: readonly ParameterKind[];
  /** The kind of all further arguments; undefined when no more are allowed. */
  readonly rest: ParameterKind | undefined;
  /**
   * @param values arguments of the kinds that `parameters` and `rest` require
   * @throws {FunctionError}
   */
  readonly call: (context: CallContext, values: readonly unknown[]) => unknown;
}

/** Functions by name, besides those that every template has (`eq`, `printf`, `len`, …). */
export type FunctionTable = Readonly<Record<string, TemplateFunction>>;

interface KindTypes {
  any: unknown;
  string: string;
  number: number;
  int: bigint;
  bool: boolean;
  list: readonly unknown[];
  map: ReadonlyMap<string, unknown>;
  time: object;
  /** A time.Duration, or a number of nanoseconds. */
  duration: object | bigint | number;
}
type ArgumentTypes<Kinds extends readonly ParameterKind[]> = {
  -readonly [Index in keyof Kinds]: KindTypes[Kinds[Index]];
};

/**
 * A function with a fixed number of arguments: `templateFunction(["string"], (text) =>
 * text.trim())`.
 */
export function templateFunction<const Kinds extends readonly ParameterKind[]>(
  parameters: Kinds,
  call: (...values: ArgumentTypes<Kinds>) => unknown,
): TemplateFunction {
  return contextFunction(parameters, (_context, ...values) => call(...values));
}

/** A function with a fixed number of arguments that also uses the template that calls it. */
export function contextFunction<const Kinds extends readonly ParameterKind[]>(
  parameters: Kinds,
  call: (context: CallContext, ...values: ArgumentTypes<Kinds>) => unknown,
): TemplateFunction {
  return {
    parameters,
    rest: undefined,
    // eslint-disable-next-line house/no-type-assertion -- function-calls.ts checks arguments
    call: (context, values) => call(context, ...(values as ArgumentTypes<Kinds>)),
  };
}

/**
 * A function whose last parameter repeats: `variadicFunction([], "string", (...words) => words)`.
 */
export function variadicFunction<
  const Kinds extends readonly ParameterKind[],
  Rest extends ParameterKind,
>(
  parameters: Kinds,
  rest: Rest,
  call: (...values: [...ArgumentTypes<Kinds>, ...KindTypes[Rest][]]) => unknown,
): TemplateFunction {
  return {
    parameters,
    rest,
    // eslint-disable-next-line house/no-type-assertion -- function-calls.ts checks arguments
    call: (_context, values) => call(...(values as Parameters<typeof call>)),
  };
}

/** Text that is already HTML, so HTML mode does not escape it. */
export class SafeHtml {
  constructor(readonly text: string) {}

  toString(): string {
    return this.text;
  }
}

/** A trusted URL, so HTML mode does not check its scheme. */
export class SafeUrl {
  constructor(readonly text: string) {}

  toString(): string {
    return this.text;
  }
}

/** The key of the number behind a value whose Go type is an integer with methods. */
export const INTEGER = Symbol("integer");

const hasInteger = (value: object): value is { readonly [INTEGER]: bigint } => INTEGER in value;

/** The number of a bigint, a duration, a month or a day of the week; undefined for other values. */
export function integerOf(value: unknown): bigint | undefined {
  if (typeof value === "bigint") return value;
  const isObject = typeof value === "object" && value !== null;
  return isObject && hasInteger(value) ? value[INTEGER] : undefined;
}

/** A map with values of any type, so a missing key is nil. */
export class InterfaceMap extends Map<string, unknown> {}

export function methodsOf(value: object): Readonly<Record<string, TemplateFunction>> | undefined {
  return hasMethods(value) ? value[METHODS] : undefined;
}

const hasMethods = (value: object): value is WithMethods => METHODS in value;

export const isNil = (value: unknown): value is undefined | null =>
  value === undefined || value === null;

export function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

export function isMap(value: unknown): value is ReadonlyMap<string, unknown> {
  return value instanceof Map;
}

/** Truth in Go's templates: false, zero, nil and empty values are false. */
export function isTrue(value: unknown): boolean {
  if (isNil(value)) return false;
  if (isList(value)) return value.length > 0;
  if (isMap(value)) return value.size > 0;
  if (value instanceof SafeHtml || value instanceof SafeUrl) return value.text !== "";
  return typeof value === "object" ? integerOf(value) !== 0n : Boolean(value);
}

/** The name of a value's Go type, for messages. */
export function typeName(value: unknown): string {
  if (isNil(value)) return "nil";
  const kind = typeof value;
  return kind === "object" ? objectTypeName(value) : BASIC_TYPE_NAMES[kind];
}

const BASIC_TYPE_NAMES = {
  string: "string",
  bigint: "int",
  number: "float64",
  boolean: "bool",
  function: "func",
  symbol: "nil",
  undefined: "nil",
} as const;

function objectTypeName(value: object): string {
  if (isList(value)) return "[]interface {}";
  if (value instanceof InterfaceMap) return "map[string]interface {}";
  if (value instanceof Map) return "map[string]string";
  if (value instanceof SafeHtml) return "template.HTML";
  if (value instanceof SafeUrl) return "template.URL";
  const tag = Symbol.toStringTag in value ? value[Symbol.toStringTag] : undefined;
  if (typeof tag === "string") return tag;
  const name = value.constructor?.name ?? "Object";
  return name === "Object" ? "struct" : name;
}

const hasJsonNames = (
  value: object,
): value is { readonly [JSON_NAMES]: Readonly<Record<string, string>> } => JSON_NAMES in value;

/** The name of each field in JSON, where it is another. */
export const jsonNamesOf = (value: object): Readonly<Record<string, string>> =>
  hasJsonNames(value) ? value[JSON_NAMES] : {};
