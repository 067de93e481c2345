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

/**
 * `resolved` alerts are kept for a while, so that their end is sent. `unknown` is a flag, not a
 * state.
 */
export type AlertState = "pending" | "firing" | "resolved";

/** One alert of a rule, from the first time its expression is true until its end has been sent. */
export interface ActiveAlert {
  readonly labels: Labels;
  annotations: Labels;
  value: number;
  state: AlertState;
  /** The series vanished while its target was silent, so the alert keeps its state. */
  unknown: boolean;
  readonly activeAtMs: number;
  firedAtMs: number | undefined;
  resolvedAtMs: number | undefined;
  lastSentAtMs: number | undefined;
  /** Since when only `keep_firing_for` keeps the alert firing. */
  keepFiringSinceMs: number | undefined;
}
