import type { ConfigSection } from "../../exporter/shared/config/config-section.js";
import type { ExpositionFormat } from "../../exporter/shared/codec/exposition/exposition-parser-labels.js";

/** The protocols of Prometheus by their names in a configuration; without `media`, one we cannot read. */
const PROTOCOLS = {
  PrometheusProto: { format: undefined, media: undefined },
  "PrometheusText0.0.4": { format: "text", media: "text/plain;version=0.0.4" },
  "PrometheusText1.0.0": { format: "text", media: "text/plain;version=1.0.0" },
  "OpenMetricsText0.0.1": {
    format: "openmetrics",
    media: "application/openmetrics-text;version=0.0.1",
  },
  "OpenMetricsText1.0.0": {
    format: "openmetrics",
    media: "application/openmetrics-text;version=1.0.0",
  },
} as const satisfies Record<
  string,
  { format: ExpositionFormat | undefined; media: string | undefined }
>;
const NAMES = [
  "PrometheusProto",
  "PrometheusText0.0.4",
  "PrometheusText1.0.0",
  "OpenMetricsText0.0.1",
  "OpenMetricsText1.0.0",
] as const satisfies readonly (keyof typeof PROTOCOLS)[];
const NO_PROTOBUF = "holds PrometheusProto, which is not supported: it has no effect";

/**
 * Reads `scrape_protocols` as the value of the header Accept, the most wanted first.
 *
 * @param inherited the value of `global`; undefined there is the built-in one
 * @throws {ConfigError}
 */
export function parseScrapeProtocols(
  section: ConfigSection,
  inherited: string | undefined,
): string | undefined {
  if (!section.has("scrape_protocols")) return inherited;
  const given = section.stringList("scrape_protocols");
  if (given.length === 0) section.fail("scrape_protocols", "is empty, it must name a protocol");
  const media = given.flatMap((text, index) => {
    const name = NAMES.find((known) => known === text);
    if (name === undefined) {
      const place = `holds ${JSON.stringify(text)}`;
      return section.fail("scrape_protocols", `${place}, it must be one of ${NAMES.join(", ")}`);
    }
    if (given.indexOf(text) !== index) section.fail("scrape_protocols", `holds ${name} twice`);
    return PROTOCOLS[name].media ?? [];
  });
  if (media.length < given.length) section.warn("scrape_protocols", NO_PROTOBUF);
  if (media.length === 0) return inherited;
  const weights = [...media, "*/*"].map((type, index) => `${type};q=0.${media.length + 1 - index}`);
  return weights.join(",");
}

/**
 * Reads `fallback_scrape_protocol`: the format of a body whose content type says none.
 *
 * @throws {ConfigError}
 */
export function parseFallbackProtocol(section: ConfigSection): ExpositionFormat | undefined {
  const key = "fallback_scrape_protocol";
  if (section.string(key, { default: "" }) === "") return undefined;
  const { format } = PROTOCOLS[section.oneOf(key, NAMES)];
  if (format === undefined) section.warn(key, "is PrometheusProto, which is not supported");
  return format;
}
