import {
  InterfaceMap,
  isList,
  isMap,
  isNil,
  methodsOf,
  type TemplateFunction,
} from "./template-values.js";

export type Field =
  | { readonly kind: "method"; readonly method: TemplateFunction }
  | { readonly kind: "field" | "key"; readonly value: unknown };

/** Resolves `.name` of a value; undefined when the value has no such method, field or key. */
export function fieldOf(value: unknown, name: string): Field | undefined {
  if (typeof value !== "object" || isNil(value)) return undefined;
  const methods = methodsOf(value);
  const method = methods !== undefined && Object.hasOwn(methods, name) ? methods[name] : undefined;
  if (method !== undefined) return { kind: "method", method };
  if (isMap(value)) {
    const missing = value instanceof InterfaceMap ? undefined : "";
    return { kind: "key", value: value.get(name) ?? missing };
  }
  if (isList(value) || !isPlainObject(value) || !Object.hasOwn(value, name)) return undefined;
  return { kind: "field", value: Reflect.get(value, name) };
}

/** Templates see only the methods of a class instance, not its fields. */
function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
