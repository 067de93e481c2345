/**
 * Chooses the format of a response: RFC 9110, section 12.5, with the media types of the Prometheus
 * world. A client that accepts none of them gets plain text, which every scraper can
 * read and a browser shows.
 */
import { MAX_ALTERNATIVES, parseQuality } from "../shared/platform/http/accept-encoding.js";
import type { ExpositionFormat } from "./metric-text.js";

interface Alternative {
  /** In lower case. */
  readonly name: string;
  /** Without `q`; names in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
  /** 0 (not acceptable) to 1. */
  readonly quality: number;
}

/** @param accept the `Accept` header */
export function negotiateFormat(accept: string | undefined): ExpositionFormat {
  const ranked = parseAlternatives(accept).filter(({ quality }) => quality > 0);
  // The sort is stable: of equal alternatives, the first one wins.
  ranked.sort((left, right) => right.quality - left.quality);
  for (const alternative of ranked) {
    const format = formatOf(alternative);
    if (format !== undefined) return format;
  }
  return "text";
}

/**
 * Ignores parameters other than `version`, such as `escaping`, because every name served is valid
 * under all of them.
 */
function formatOf({ name, parameters }: Alternative): ExpositionFormat | undefined {
  const version = parameters.get("version");
  switch (name) {
    case "application/openmetrics-text":
      return version === undefined || version === "1.0.0" ? "openmetrics" : undefined;
    case "text/plain":
      return version === undefined || version === "0.0.4" ? "text" : undefined;
    case "text/*":
    case "*/*":
      return "text";
    default:
      return undefined;
  }
}

function parseAlternatives(header: string | undefined): Alternative[] {
  if (header === undefined) return [];
  return header.split(",", MAX_ALTERNATIVES).map(parseAlternative);
}

function parseAlternative(text: string): Alternative {
  const [name = "", ...rest] = text.split(";").map((part) => part.trim());
  const parameters = new Map(rest.map(parseParameter));
  const quality = parseQuality(parameters.get("q"));
  parameters.delete("q");
  return { name: name.toLowerCase(), parameters, quality };
}

function parseParameter(text: string): [name: string, value: string] {
  const [name = "", value = ""] = text.split("=", 2);
  return [name.trim().toLowerCase(), value.trim().replace(/^"(.*)"$/, "$1")];
}
