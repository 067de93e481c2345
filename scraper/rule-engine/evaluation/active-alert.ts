import type { Labels } from "../../../exporter/shared/model/labels.js";

/**
 * `resolved` alerts are kept for a while so that they are reported; `unknown` is not a state of its
 * own.
 */
export type AlertState = "pending" | "firing" | "resolved";

/**
 * One alert of a rule, from the first time its expression held until it has been reported resolved.
 */
export interface ActiveAlert {
  readonly labels: Labels;
  annotations: Labels;
  value: number;
  state: AlertState;
  /** The result vanished while its target was silent: kept as it was. */
  unknown: boolean;
  readonly activeAtMs: number;
  firedAtMs: number | undefined;
  resolvedAtMs: number | undefined;
  lastSentAtMs: number | undefined;
  /** Since when only `keep_firing_for` keeps it. */
  keepFiringSinceMs: number | undefined;
}
