import {
  InterfaceMap,
  isList,
  isNil,
  methodsOf,
  type TemplateFunction,
} from "./template-values.js";

export type FieldAnswer =
  | { readonly kind: "method"; readonly method: TemplateFunction }
  | { readonly kind: "field" | "key"; readonly value: unknown };

/** What `.name` of a value is; undefined when it has no such method, field or key. */
export function fieldOf(value: unknown, name: string): FieldAnswer | undefined {
  if (typeof value !== "object" || isNil(value)) return undefined;
  const methods = methodsOf(value);
  const method = methods !== undefined && Object.hasOwn(methods, name) ? methods[name] : undefined;
  if (method !== undefined) return { kind: "method", method };
  if (value instanceof Map) {
    const missing = value instanceof InterfaceMap ? undefined : "";
    return { kind: "key", value: (value as ReadonlyMap<string, unknown>).get(name) ?? missing };
  }
  if (isList(value) || !isPlainObject(value) || !Object.hasOwn(value, name)) return undefined;
  return { kind: "field", value: (value as Readonly<Record<string, unknown>>)[name] };
}

/** Fields of class instances are their own business: they show what they have as methods. */
function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
