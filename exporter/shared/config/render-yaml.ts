import { stringify } from "yaml";

/** Writes plain data as YAML, lists indented as in the files of Prometheus. Ends with a line feed. */
export function renderYaml(data: unknown): string {
  return stringify(data, { lineWidth: 0, aliasDuplicateObjects: false });
}
