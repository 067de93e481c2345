import { renderYaml } from "../../exporter/shared/config/render-yaml.js";

const MASK = "<secret>";
/** Keys whose value is a secret where it is a text. Names of files that hold one are none. */
const SECRET_KEY = /^(password|credentials|bearer_token|key|.*_password|.*_secret|.*_token)$/;
/** Keys whose value names header fields or parameters, any of which may carry a secret. */
const SECRET_NAME = /(pass|secret|token|auth|api_?key)/i;

/** A configuration as its file says it, with every secret replaced: what may be shown. */
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
  return value;
}

/** Labels may be called what they like: nobody keeps a secret in a label, and all series show it. */
function isSecret(key: string, parentKey: string): boolean {
  if (parentKey === "labels" || parentKey === "external_labels") return false;
  return SECRET_KEY.test(key) || (parentKey === "params" && SECRET_NAME.test(key));
}

function maskTexts(value: unknown): unknown {
  return Array.isArray(value) ? value.map(() => MASK) : value === null ? null : MASK;
}
