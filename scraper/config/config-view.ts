import { renderYaml } from "../../exporter/shared/config/yaml-source.js";

const MASK = "<secret>";
/** Keys whose text is a secret. The name of a file with a secret is not one. */
const SECRET_KEY =
  /^(password|credentials|secrets|bearer_token|key|.*_password|.*_secret|.*_token)$/;
/** The password in a URL, as proxies have it. */
const URL_PASSWORD = /^(\w+:\/\/[^/@:]*:)[^/@]*@/;
/** URL parameters whose value may be a secret, by their names. */
const SECRET_NAME = /(pass|secret|token|auth|api_?key)/i;

/** The content of a configuration file with every secret replaced, to be shown. */
export function maskSecrets(content: Readonly<Record<string, unknown>>): unknown {
  return maskValue(content, "", "");
}

export const renderConfigView = (view: unknown): string => renderYaml(view);

function maskValue(value: unknown, key: string, parentKey: string): unknown {
  if (isSecret(key, parentKey)) return maskTexts(value);
  if (Array.isArray(value)) return value.map((item) => maskValue(item, key, parentKey));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [name, maskValue(inner, name, key)]),
    );
  }
  return typeof value === "string" ? value.replace(URL_PASSWORD, `$1${MASK}@`) : value;
}

/** Labels have any name and never a secret: every series shows them. */
function isSecret(key: string, parentKey: string): boolean {
  if (parentKey === "labels" || parentKey === "external_labels") return false;
  // As in Prometheus: each value of a header for a proxy is a secret.
  if (parentKey === "proxy_connect_header") return true;
  return SECRET_KEY.test(key) || (parentKey === "params" && SECRET_NAME.test(key));
}

function maskTexts(value: unknown): unknown {
  return Array.isArray(value) ? value.map(() => MASK) : value === null ? null : MASK;
}
