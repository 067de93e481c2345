import type { Labels } from "../../../exporter/shared/model/labels.js";

/** One time an alert fired, from when its expression began to hold. */
export interface PastEpisode {
  /** Of the rule's alert, without external labels. */
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly activeAtMs: number;
  readonly firedAtMs: number;
  /** Undefined: it fires still. */
  readonly endedAtMs: number | undefined;
  /** The value of its expression that was worst. */
  readonly worst: number;
}
