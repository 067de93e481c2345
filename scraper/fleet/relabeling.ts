import type { Labels } from "../../exporter/shared/model/labels.js";

/**
 * A compiled list of `relabel_configs`.
 *
 * @returns the labels after every step, or undefined when a step dropped them
 */
export type Relabeling = (labels: Labels) => Labels | undefined;

export const NO_RELABELING: Relabeling = (labels) => labels;
