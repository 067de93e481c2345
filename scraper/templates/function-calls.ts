import { present } from "../../exporter/shared/model/get-or-throw.js";
import { FunctionError } from "./template-error.js";
import { isList, isMap, isNil, SafeHtml, SafeUrl, typeName } from "./template-values.js";
import type { CallContext, ParameterKind, TemplateFunction } from "./template-values.js";

const TYPE_NAMES: Readonly<Record<ParameterKind, string>> = {
  any: "interface {}",
  string: "string",
  number: "float64",
  int: "int",
  bool: "bool",
  list: "[]string",
  map: "map[string]string",
  time: "time.Time",
  duration: "time.Duration",
};

/**
 * Checks the number and the kinds of the arguments, then calls a function.
 *
 * @throws {FunctionError}
 */
export function callFunction(
  name: string,
  called: TemplateFunction,
  values: readonly unknown[],
  context: CallContext,
): unknown {
  const { parameters, rest } = called;
  const wanted = parameters.length;
  if (values.length < wanted || (rest === undefined && values.length > wanted)) {
    const expected = rest === undefined ? String(wanted) : `at least ${wanted}`;
    throw new FunctionError(
      `wrong number of args for ${name}: want ${expected} got ${values.length}`,
      true,
    );
  }
  const converted = values.map((value, index) =>
    convert(value, parameters[index] ?? present(rest, "The kind of further arguments")),
  );
  return called.call(context, converted);
}

function convert(value: unknown, kind: ParameterKind): unknown {
  if (kind === "any" || isOfKind(value, kind)) return value;
  if (kind === "string" && (value instanceof SafeHtml || value instanceof SafeUrl)) {
    return value.text;
  }
  if (kind === "number" && typeof value === "bigint") return Number(value);
  if (kind === "list" && isNil(value)) return [];
  if (isNil(value)) throw new FunctionError(`invalid value; expected ${TYPE_NAMES[kind]}`, true);
  throw new FunctionError(
    `wrong type for value; expected ${TYPE_NAMES[kind]}; got ${typeName(value)}`,
    true,
  );
}

function isOfKind(value: unknown, kind: Exclude<ParameterKind, "any">): boolean {
  switch (kind) {
    case "string":
      return typeof value === "string";
    case "number":
      return typeof value === "number";
    case "int":
      return typeof value === "bigint";
    case "bool":
      return typeof value === "boolean";
    case "list":
      return isList(value);
    case "map":
      return isMap(value);
    case "time":
      return typeName(value) === "time.Time";
    case "duration":
      // A whole number is a constant that Go converts.
      return (
        typeName(value) === "time.Duration" ||
        typeof value === "bigint" ||
        (typeof value === "number" && Number.isInteger(value))
      );
  }
}
