import { Labels, METRIC_NAME } from "../../../exporter/shared/model/labels.js";

/**
 * Labels that say what a series is rather than where it comes from: its name and, where the sender adds them, type
 * and unit. An operation that changes the meaning of values drops all of them.
 */
export const METADATA_LABELS: readonly string[] = [METRIC_NAME, "__type__", "__unit__"];

const LAST_METADATA_LABEL = "__unit__";

/** The label set without its metadata labels. */
export function withoutMetadata(labels: Labels): Labels {
  const { pairs } = labels;
  for (let index = 0; index < pairs.length; index++) {
    const name = (pairs[index] as readonly [string, string])[0];
    if (METADATA_LABELS.includes(name)) {
      const next = pairs[index + 1]?.[0] ?? "";
      if (next !== "" && next <= LAST_METADATA_LABEL) return labels.without(...METADATA_LABELS);
      return Labels.ofSorted(pairs.filter((_, other) => other !== index));
    }
    if (name > LAST_METADATA_LABEL) return labels;
  }
  return labels;
}
