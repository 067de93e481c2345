import type { Labels } from "../../../exporter/shared/model/labels.js";

/** An alert as Alertmanager's `/api/v2/alerts` describes it, in internal units. */
export interface Alert {
  /** They identify the alert and include `alertname`. */
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly startsAtMs: number;
  /**
   * In the past: the alert is resolved. In the future: it fires until then unless it is sent again.
   */
  readonly endsAtMs: number;
  /** Link to the expression of the rule; empty for alarms that a Pi pushed. */
  readonly generatorUrl: string;
  /**
   * True when the sender stated no end and `endsAtMs` is the time of reception plus
   * resolve_timeout.
   */
  readonly endsByTimeout?: boolean;
}

export type AlertSink = (alerts: readonly Alert[]) => void;
