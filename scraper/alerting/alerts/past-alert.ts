import type { Labels } from "../../../exporter/shared/model/labels.js";

/** An alert that fired during an outage, as samples show that were fetched later. */
export interface PastAlert {
  /** With `alertname` and the external labels. */
  readonly labels: Labels;
  /** Rendered with the worst value. */
  readonly annotations: Labels;
  readonly generatorUrl: string;
  /**
   * When the alert became pending and when it fired. The first time, if it fired more than once.
   */
  readonly activeAtMs: number;
  readonly firedAtMs: number;
  /** The last time, if it fired more than once. Undefined while it is still firing. */
  readonly endedAtMs: number | undefined;
  readonly times: number;
  /** The highest value of its expression, or the lowest when the alert is about low values. */
  readonly worst: number;
}

/** The alerts of an outage of the master or of the link to its hosts. */
export interface OutageSummary {
  /** Stays the same after a restart, so that each outage is notified once. */
  readonly id: string;
  readonly fromMs: number;
  readonly untilMs: number;
  readonly away: "master" | "link" | "master or the link";
  readonly alerts: readonly PastAlert[];
  /** Number of alerts above the limit, which are not in `alerts`. */
  readonly omitted: number;
}
