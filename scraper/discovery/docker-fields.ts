/** Lenient reads of the JSON of Docker, whose fields come and go with its versions. */
import type { JsonFields } from "../../exporter/shared/codec/json-fields.js";

export type MetaLabels = Record<string, string>;

/** The object at the end of a path of keys; undefined when one of them is missing. */
export function inside(fields: JsonFields | undefined, ...keys: string[]): JsonFields | undefined {
  let found = fields;
  for (const key of keys) found = found?.optional(key, (name) => found?.object(name));
  return found;
}

/** A text, number or boolean as a label value; empty when it is missing. */
export function textAt(fields: JsonFields | undefined, key: string): string {
  const value = fields?.value(key);
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : "";
}

export const numberAt = (fields: JsonFields, key: string): number =>
  fields.optional(key, (name) => fields.integer(name)) ?? 0;

export const objectsAt = (fields: JsonFields | undefined, key: string): JsonFields[] =>
  fields?.optional(key, (name) => fields.objects(name)) ?? [];

export const textsAt = (fields: JsonFields, key: string): string[] =>
  fields.optional(key, (name) => fields.texts(name)) ?? [];

/** The labels of an object of Docker, with names that Prometheus allows. */
export function labelsAt(fields: JsonFields | undefined, key: string, prefix: string): MetaLabels {
  const labels = fields?.optional(key, (name) => fields.textMap(name)) ?? {};
  return Object.fromEntries(
    Object.entries(labels).map(([name, value]) => [
      `${prefix}${name.replace(/[^a-zA-Z0-9_]/g, "_")}`,
      value,
    ]),
  );
}

/** Labels of networks by their ids. */
export function networkLabels(
  networks: readonly JsonFields[],
  prefix: string,
): ReadonlyMap<string, MetaLabels> {
  return new Map(
    networks.map((network) => [
      textAt(network, "Id"),
      {
        [`${prefix}network_id`]: textAt(network, "Id"),
        [`${prefix}network_name`]: textAt(network, "Name"),
        [`${prefix}network_scope`]: textAt(network, "Scope"),
        [`${prefix}network_internal`]: textAt(network, "Internal") || "false",
        [`${prefix}network_ingress`]: textAt(network, "Ingress") || "false",
        ...labelsAt(network, "Labels", `${prefix}network_label_`),
      },
    ]),
  );
}
