/**
 * How values of the Go template language are held in JavaScript.
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
 * Only own properties of objects can be reached, so nothing of JavaScript itself leaks into a
 * template.
 */

/**
 * Methods of a value that templates may call, by name. Looked for before fields and keys, as in Go.
 */
export const METHODS = Symbol("methods");

export interface WithMethods {
  readonly [METHODS]: Readonly<Record<string, TemplateFunction>>;
}

/**
 * What a function takes: `any` is handed over as it is; `number` also takes an int, as a double.
 */
export type ParameterKind = "any" | "string" | "number" | "int" | "bool" | "list" | "map" | "time";

/** What a function may ask of the template that calls it. */
export interface CallContext {
  /** The output of a named template. */
  renderTemplate(name: string, data: unknown): string;
}

export interface TemplateFunction {
  readonly parameters: readonly ParameterKind[];
  /** Kind of any further arguments; undefined when there may be none. */
  readonly rest: ParameterKind | undefined;
  /** Throws a `FunctionError`; the arguments have the kinds asked for. */
  readonly call: (context: CallContext, ...values: never[]) => unknown;
}

/** Functions by name, beside those every template has (`eq`, `printf`, `len`, …). */
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
  return {
    parameters,
    rest: undefined,
    call: (_context, ...values) => call(...(values as unknown[] as ArgumentTypes<Kinds>)),
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
    call: (_context, ...values) => call(...(values as unknown[] as Parameters<typeof call>)),
  };
}

/** Text that is HTML already: not escaped again in HTML mode. */
export class SafeHtml {
  constructor(readonly text: string) {}

  toString(): string {
    return this.text;
  }
}

/** A URL from a trusted place: its scheme is not checked in HTML mode. */
export class SafeUrl {
  constructor(readonly text: string) {}

  toString(): string {
    return this.text;
  }
}

/** A map whose values may be anything, so that a missing key is nil. */
export class InterfaceMap extends Map<string, unknown> {}

export function methodsOf(value: unknown): Readonly<Record<string, TemplateFunction>> | undefined {
  if (typeof value !== "object" || value === null || !(METHODS in value)) return undefined;
  return (value as WithMethods)[METHODS];
}

export const isNil = (value: unknown): value is undefined | null =>
  value === undefined || value === null;

export function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

/** Go's truth: false, zero, nil and everything empty are false. */
export function isTrue(value: unknown): boolean {
  if (isNil(value)) return false;
  if (isList(value)) return value.length > 0;
  if (value instanceof Map) return value.size > 0;
  if (value instanceof SafeHtml || value instanceof SafeUrl) return value.text !== "";
  return typeof value === "object" || Boolean(value);
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
  const tag = (value as { [Symbol.toStringTag]?: string })[Symbol.toStringTag];
  if (tag !== undefined) return tag;
  const name = value.constructor?.name ?? "Object";
  return name === "Object" ? "struct" : name;
}
