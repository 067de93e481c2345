import { JsonFields } from "../../exporter/shared/codec/json-fields.js";
import { isLabelName } from "../../exporter/shared/model/labels.js";
import type { ConfigSection } from "../../exporter/shared/config/config-section.js";

/** Targets with common labels: the result of every kind of discovery. Immutable. */
export interface TargetGroup {
  /** `host` or `host:port`; becomes `__address__`. */
  readonly targets: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** True when a range found the targets. They give way to configured targets. */
  readonly isFromRange: boolean;
}

/**
 * Parses an entry of `static_configs`, or of a YAML discovery file.
 *
 * @throws {ConfigError}
 */
export function parseTargetGroup(section: ConfigSection): TargetGroup {
  const targets = section.stringList("targets", { default: [] });
  const labels = section.stringMap("labels");
  section.rejectUnknownKeys();
  const badTarget = targets.find((target) => !isTargetAddress(target));
  if (badTarget !== undefined) {
    section.fail(
      "targets",
      `holds ${JSON.stringify(badTarget)}, it must be host or host:port without a scheme or path`,
    );
  }
  const badLabel = Object.keys(labels).find((name) => !isLabelName(name));
  if (badLabel !== undefined) {
    section.fail("labels", `holds ${JSON.stringify(badLabel)}, it must be label names`);
  }
  return { targets, labels, isFromRange: false };
}

/**
 * Parses the JSON of a discovery file or server: a list of `{"targets": [...], "labels": {...}}`.
 *
 * @param origin file or URL, for messages
 * @throws {BadJsonError}
 */
export function parseTargetGroupsJson(text: string, origin: string): TargetGroup[] {
  return JsonFields.parseList(text, `targets of "${origin}"`).map(decodeTargetGroup);
}

function decodeTargetGroup(fields: JsonFields): TargetGroup {
  fields.rejectOtherKeys(["labels", "targets"]);
  const targets = fields.texts("targets");
  const badIndex = targets.findIndex((target) => !isTargetAddress(target));
  if (badIndex !== -1) fields.list("targets").fail(badIndex, "host or host:port");
  const labels = fields.optional("labels", (key) => fields.textMap(key)) ?? {};
  const badName = Object.keys(labels).find((name) => !isLabelName(name));
  if (badName !== undefined) fields.object("labels").reject(badName, "is not a label name");
  return { targets, labels, isFromRange: false };
}

/**
 * Relabelling may turn any text into an address, as in the pattern for probing web pages through an
 * exporter. Only texts that can never be part of an address are refused here; the final address is
 * checked when the target is built.
 */
const isTargetAddress = (text: string): boolean => text !== "" && !/[\s\p{Cc}]/u.test(text);
