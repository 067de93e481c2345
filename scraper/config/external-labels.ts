import type { ConfigSection } from "../../exporter/shared/config/config-section.js";
import { isLabelName, Labels } from "../../exporter/shared/model/labels.js";

/** `$name`, `${name}` and `$$` as Go's os.Expand reads them; an open brace without its end is dropped. */
const REFERENCE = /\$(?:\{([^}]*)\}|\{|([*#$@!?\-0-9]|[A-Za-z_][A-Za-z0-9_]*))/g;

/**
 * Reads `external_labels`. References to environment variables are replaced, as in Prometheus; one
 * that is not set is a warning.
 *
 * @throws {ConfigError}
 */
export function parseExternalLabels(
  section: ConfigSection,
  variables: Readonly<Record<string, string | undefined>>,
): Labels {
  const labels = section.stringMap("external_labels");
  const bad = Object.keys(labels).find((name) => !isLabelName(name));
  if (bad !== undefined) {
    section.fail("external_labels", `holds ${JSON.stringify(bad)}, it must be label names`);
  }
  const expanded = Object.entries(labels).map(([name, text]) => {
    const value = text.replace(REFERENCE, (_, braced?: string, plain?: string) => {
      const variable = braced ?? plain ?? "";
      if (variable === "$" || variable === "") return variable;
      const found = variables[variable] ?? "";
      if (found === "") {
        section.warn(
          "external_labels",
          `names the environment variable ${variable}, which is empty`,
        );
      }
      return found;
    });
    return [name, value] as const;
  });
  return Labels.of(expanded);
}
