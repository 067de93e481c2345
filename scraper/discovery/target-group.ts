import { BadInputError } from "../../exporter/shared/model/errors.js";
import { isLegacyLabelName } from "../../exporter/shared/model/labels.js";
import type { ConfigSection } from "../../exporter/shared/config/config-section.js";

/** Targets found together, with labels they share: what every kind of discovery yields. Never changed, only replaced. */
export interface TargetGroup {
  /** `host` or `host:port`; becomes `__address__`. */
  readonly targets: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** True for what a range found: it gives way to a target that the configuration names. */
  readonly isFromRange: boolean;
}

/**
 * Reads `static_configs` and the YAML of a discovery file.
 *
 * @throws {ConfigError}
 */
export function parseTargetGroup(section: ConfigSection): TargetGroup {
  const targets = section.strings("targets", { default: [] });
  const labels = section.stringMap("labels");
  section.rejectUnknownKeys();
  const badTarget = targets.find((target) => !isTargetAddress(target));
  if (badTarget !== undefined) {
    section.fail(
      "targets",
      `holds ${JSON.stringify(badTarget)}, it must be host or host:port without a scheme or path`,
    );
  }
  const badLabel = Object.keys(labels).find((name) => !isLegacyLabelName(name));
  if (badLabel !== undefined) {
    section.fail("labels", `holds ${JSON.stringify(badLabel)}, it must be label names`);
  }
  return { targets, labels, isFromRange: false };
}

/**
 * Reads the JSON of a discovery file or server: a list of `{"targets": [...], "labels": {...}}`.
 *
 * @throws {BadInputError} saying which entry is wrong
 */
export function parseTargetGroupsJson(text: string, origin: string): TargetGroup[] {
  const refuse = (detail: string, cause?: unknown): BadInputError =>
    new BadInputError(`Cannot read targets of "${origin}": ${detail}`, { cause });
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch (error) {
    throw refuse("it is not JSON", error);
  }
  if (!Array.isArray(list)) throw refuse("it must be a list of objects with targets and labels");
  return list.map((entry, index) => {
    const problem = findProblem(entry);
    if (problem !== undefined) throw refuse(`entry ${index}: ${problem}`);
    const { targets, labels } = entry as {
      targets: string[];
      labels?: Record<string, string> | null;
    };
    return { targets, labels: labels ?? {}, isFromRange: false };
  });
}

function findProblem(entry: unknown): string | undefined {
  if (!isObject(entry)) return "it must be an object";
  const { targets, labels = {}, ...others } = entry;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) {
    return `${JSON.stringify(unknown)} is not a known key, the keys are labels, targets`;
  }
  if (!Array.isArray(targets)) return "targets must be a list";
  const badTarget = targets.find(
    (target) => typeof target !== "string" || !isTargetAddress(target),
  ) as unknown;
  if (badTarget !== undefined)
    return `target ${JSON.stringify(badTarget)} must be host or host:port`;
  if (labels === null) return undefined;
  if (!isObject(labels)) return "labels must be an object";
  const badLabel = Object.entries(labels).find(
    ([name, value]) => !isLegacyLabelName(name) || typeof value !== "string",
  );
  return badLabel === undefined
    ? undefined
    : `label ${JSON.stringify(badLabel[0])} must be a label name with a text`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Relabelling may turn anything into an address, as the way to probe web pages through an exporter does. So only what
 * could never be an address part is refused here; the final address is checked when the target is built.
 */
const isTargetAddress = (text: string): boolean => text !== "" && !/[\s\p{Cc}]/u.test(text);
