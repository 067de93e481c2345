/**
 * The functions that every template has. `and` and `or` are in pipeline-evaluator.ts, since they
 * may not evaluate all of their arguments.
 */
import { sprint, sprintf, sprintln } from "./go-format.js";
import { escapeHtmlText, escapeJs, escapeQuery } from "./text-escaping.js";
import { FunctionError } from "./template-error.js";
import {
  integerOf,
  isList,
  isMap,
  isNil,
  isTrue,
  SafeHtml,
  SafeUrl,
  templateFunction,
  typeName,
  variadicFunction,
  type FunctionTable,
} from "./template-values.js";

export const isBuiltin = (name: string): boolean =>
  name === "and" || name === "or" || Object.hasOwn(BUILTINS, name);

export const BUILTINS: FunctionTable = {
  not: templateFunction(["any"], (value) => !isTrue(value)),
  len: templateFunction(["any"], (value) => BigInt(lengthOf(value))),
  index: variadicFunction(["any"], "any", (value, ...keys) => keys.reduce(indexOf, value)),
  slice: variadicFunction(["any"], "int", slice),
  print: variadicFunction([], "any", (...values) => sprint(values)),
  printf: variadicFunction(["string"], "any", (format, ...values) => sprintf(format, values)),
  println: variadicFunction([], "any", (...values) => sprintln(values)),
  html: variadicFunction([], "any", (...values) => escapeHtmlText(textOf(values))),
  js: variadicFunction([], "any", (...values) => escapeJs(textOf(values))),
  urlquery: variadicFunction([], "any", (...values) => escapeQuery(textOf(values))),
  eq: variadicFunction(["any", "any"], "any", (first, ...others) =>
    others.some((other) => equal(first, other)),
  ),
  ne: templateFunction(["any", "any"], (left, right) => !equal(left, right)),
  lt: templateFunction(["any", "any"], (left, right) => less(left, right)),
  le: templateFunction(["any", "any"], (left, right) => less(left, right) || equal(left, right)),
  gt: templateFunction(["any", "any"], (left, right) => !less(left, right) && !equal(left, right)),
  ge: templateFunction(["any", "any"], (left, right) => !less(left, right)),
  call: variadicFunction(["any"], "any", (value) => {
    throw new FunctionError(
      isNil(value) ? "call of nil" : `non-function of type ${typeName(value)}`,
    );
  }),
};

const textOf = (values: readonly unknown[]): string => {
  const [only] = values;
  return values.length === 1 && typeof only === "string" ? only : sprint(values);
};

function lengthOf(value: unknown): number {
  if (typeof value === "string") return Buffer.byteLength(value);
  if (isList(value)) return value.length;
  if (isMap(value)) return value.size;
  if (value instanceof SafeHtml || value instanceof SafeUrl) return Buffer.byteLength(value.text);
  throw new FunctionError(isNil(value) ? "len of nil pointer" : `len of type ${typeName(value)}`);
}

function indexOf(value: unknown, key: unknown): unknown {
  if (isNil(value)) throw new FunctionError("index of untyped nil");
  if (isMap(value)) {
    if (typeof key !== "string") {
      throw new FunctionError(`value has type ${typeName(key)}; should be string`);
    }
    return value.get(key) ?? (typeName(value) === "map[string]string" ? "" : undefined);
  }
  if (isList(value)) return value[checkIndex(key, value.length)];
  if (typeof value !== "string") {
    throw new FunctionError(`can't index item of type ${typeName(value)}`);
  }
  const bytes = Buffer.from(value);
  return BigInt(bytes.readUInt8(checkIndex(key, bytes.length)));
}

function checkIndex(key: unknown, length: number): number {
  if (typeof key !== "bigint") {
    throw new FunctionError(`cannot index slice/array with type ${typeName(key)}`);
  }
  if (key < 0n || key >= BigInt(length)) throw new FunctionError(`index out of range: ${key}`);
  return Number(key);
}

function slice(value: unknown, ...indexes: bigint[]): unknown {
  const items = typeof value === "string" ? Buffer.from(value) : value;
  if (!Buffer.isBuffer(items) && !isList(items)) {
    throw new FunctionError(
      isNil(value) ? "slice of untyped nil" : `can't slice item of type ${typeName(value)}`,
    );
  }
  if (indexes.length > (isList(items) ? 3 : 2)) {
    throw new FunctionError(`too many slice indexes: ${indexes.length}`);
  }
  const bad = indexes.find((index) => index < 0n || index > BigInt(items.length));
  if (bad !== undefined) throw new FunctionError(`index out of range: ${bad}`);
  const [from = 0n, until = BigInt(items.length)] = indexes;
  if (from > until) throw new FunctionError(`invalid slice index: ${from} > ${until}`);
  const part = items.slice(Number(from), Number(until));
  return Buffer.isBuffer(part) ? part.toString("utf8") : part;
}

type BasicKind = "boolean" | "bigint" | "number" | "string";

/** Undefined for a value that Go cannot compare. */
function basicKind(value: unknown): BasicKind | undefined {
  const kind = typeof plain(value);
  return kind === "boolean" || kind === "bigint" || kind === "number" || kind === "string"
    ? kind
    : undefined;
}

const plain = (value: unknown): unknown =>
  value instanceof SafeHtml || value instanceof SafeUrl ? value.text : (integerOf(value) ?? value);

function equal(left: unknown, right: unknown): boolean {
  if (isNil(left) || isNil(right)) return isNil(left) === isNil(right);
  const [leftKind, rightKind] = [basicKind(left), basicKind(right)];
  if (leftKind === undefined || rightKind === undefined) {
    throw new FunctionError(
      `non-comparable type ${typeName(leftKind === undefined ? left : right)}`,
    );
  }
  if (leftKind !== rightKind) throw new FunctionError("incompatible types for comparison");
  return plain(left) === plain(right);
}

function less(leftValue: unknown, rightValue: unknown): boolean {
  const [left, right] = [plain(leftValue), plain(rightValue)];
  if (typeof left === "string" && typeof right === "string") {
    return Buffer.compare(Buffer.from(left), Buffer.from(right)) < 0;
  }
  if (typeof left === "bigint" && typeof right === "bigint") return left < right;
  if (typeof left === "number" && typeof right === "number") return left < right;
  const [leftKind, rightKind] = [basicKind(left), basicKind(right)];
  const areComparable = leftKind !== undefined && rightKind !== undefined;
  throw new FunctionError(
    areComparable && leftKind !== rightKind
      ? "incompatible types for comparison"
      : "invalid type for comparison",
  );
}
