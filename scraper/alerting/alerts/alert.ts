import type { Labels } from "../../../exporter/shared/model/labels.js";

/**
 * One alert as the notification side sees it: what Alertmanager's `/api/v2/alerts` takes, in
 * internal units.
 */
export interface Alert {
  /** With `alertname`; identify the alert. */
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly startsAtMs: number;
  /** In the past: resolved. In the future: firing until then unless sent again. */
  readonly endsAtMs: number;
  /** Where the expression behind it can be seen; empty for alarms a Pi pushed. */
  readonly generatorUrl: string;
  /** True when the sender named no end, so that `endsAtMs` is only when it is given up. */
  readonly endsByTimeout?: boolean;
}

export type AlertSink = (alerts: readonly Alert[]) => void;
