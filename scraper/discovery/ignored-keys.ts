/**
 * Keys of a prometheus.yml that have no effect in this program. They are accepted with a warning, and
 * refused where Prometheus refuses them: `check config` of a file says the same as promtool.
 */
import type { ConfigSection } from "../../exporter/shared/config/config-section.js";

type Check = (section: ConfigSection, key: string) => unknown;

const isCount: Check = (section, key) => section.integer(key, { min: 0, truncates: true });
const isSwitch: Check = (section, key) => section.boolean(key);
const isText: Check = (section, key) => section.string(key);
const isNumber: Check = (section, key) => section.number(key);
const oneOf =
  (...choices: readonly string[]): Check =>
  (section, key) =>
    section.oneOf(key, ["", ...choices]);

const HISTOGRAM_KEYS = {
  scrape_native_histograms: isSwitch,
  convert_classic_histograms_to_nhcb: isSwitch,
  always_scrape_classic_histograms: isSwitch,
};

const GLOBAL_KEYS: Readonly<Record<string, Check>> = {
  ...HISTOGRAM_KEYS,
  query_log_file: isText,
  scrape_failure_log_file: isText,
  keep_dropped_targets: isCount,
  metric_name_validation_scheme: isText,
  metric_name_escaping_scheme: isText,
  extra_scrape_metrics: isSwitch,
};

const JOB_KEYS: Readonly<Record<string, Check>> = {
  ...HISTOGRAM_KEYS,
  scrape_classic_histograms: isSwitch,
  scrape_failure_log_file: isText,
  keep_dropped_targets: isCount,
  metric_name_validation_scheme: oneOf("utf8", "legacy"),
  metric_name_escaping_scheme: oneOf("allow-utf-8", "underscores", "dots", "values"),
  track_timestamps_staleness: isSwitch,
  native_histogram_bucket_limit: isCount,
  native_histogram_min_bucket_factor: isNumber,
  extra_scrape_metrics: isSwitch,
};

/** @throws {ConfigError} for a value that Prometheus refuses */
export function ignoreGlobalKeys(section: ConfigSection): void {
  ignore(section, GLOBAL_KEYS);
}

/** @throws {ConfigError} for a value that Prometheus refuses */
export function ignoreJobKeys(section: ConfigSection): void {
  ignore(section, JOB_KEYS);
  const textOf = (key: string): string => section.string(key, { default: "" });
  if (
    textOf("metric_name_validation_scheme") === "legacy" &&
    textOf("metric_name_escaping_scheme") === "allow-utf-8"
  ) {
    section.fail(
      "metric_name_escaping_scheme",
      "is allow-utf-8, it must be another one with the validation scheme legacy",
    );
  }
}

/**
 * The sections `runtime`, `tracing` and `otlp`, and the parts of `storage` that belong to the
 * database of Prometheus.
 *
 * @throws {ConfigError} for a value that Prometheus refuses
 */
export function ignoreRootSections(root: ConfigSection): void {
  ignoreSection(root, "runtime", { gogc: isNumber });
  ignoreSection(root, "otlp", OTLP_KEYS);
  if (root.has("tracing")) ignoreTracing(root);
}

/** @throws {ConfigError} for a value that Prometheus refuses */
export function ignoreStorageSections(storage: ConfigSection): void {
  ignoreSection(storage, "exemplars", { max_exemplars: isNumber });
  if (!storage.has("tsdb")) return;
  const tsdb = storage.section("tsdb");
  ignore(tsdb, { out_of_order_time_window: (section, key) => section.durationMs(key) });
  ignoreSection(tsdb, "retention", {
    time: (section, key) => section.durationMs(key),
    size: (section, key) => section.byteSize(key),
  });
  tsdb.rejectUnknownKeys();
}

const OTLP_KEYS: Readonly<Record<string, Check>> = {
  promote_all_resource_attributes: isSwitch,
  promote_resource_attributes: (section, key) => section.stringList(key),
  ignore_resource_attributes: (section, key) => section.stringList(key),
  translation_strategy: oneOf(
    "UnderscoreEscapingWithSuffixes",
    "UnderscoreEscapingWithoutSuffixes",
    "NoUTF8EscapingWithSuffixes",
    "NoTranslation",
  ),
  keep_identifying_resource_attributes: isSwitch,
  convert_histograms_to_nhcb: isSwitch,
  promote_scope_metadata: isSwitch,
};

function ignoreTracing(root: ConfigSection): void {
  const tracing = root.section("tracing");
  const endpoint = tracing.string("endpoint", { default: "" });
  if (endpoint === "") tracing.fail("endpoint", "is missing, it must be host:port");
  tracing.oneOf("client_type", ["http", "grpc"], { default: "grpc" });
  tracing.number("sampling_fraction", { default: 0 });
  tracing.boolean("insecure", { default: false });
  tracing.section("tls_config");
  tracing.stringMap("headers");
  tracing.oneOf("compression", ["", "gzip"], { default: "" });
  tracing.durationMs("timeout", { default: "0s" });
  tracing.rejectUnknownKeys();
  root.warn("tracing", "has no effect here");
}

function ignoreSection(
  parent: ConfigSection,
  key: string,
  keys: Readonly<Record<string, Check>>,
): void {
  if (!parent.has(key)) return;
  const section = parent.section(key);
  ignore(section, keys);
  section.rejectUnknownKeys();
}

function ignore(section: ConfigSection, keys: Readonly<Record<string, Check>>): void {
  for (const [key, check] of Object.entries(keys)) {
    if (!section.has(key)) continue;
    check(section, key);
    section.warn(key, "has no effect here");
  }
}
