import type { Labels } from "../../../exporter/shared/model/labels.js";

/** One period in which an alert fired, from the time its expression became true. */
export interface PastEpisode {
  /** Labels of the alert without external labels. */
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly activeAtMs: number;
  readonly firedAtMs: number;
  /** Undefined while the alert is firing. */
  readonly endedAtMs: number | undefined;
  /** The worst value of the expression in this period. */
  readonly worst: number;
}
