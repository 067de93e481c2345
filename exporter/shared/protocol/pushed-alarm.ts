/**
 * `POST <master>/api/v2/alerts`: path and format of Alertmanager, which can receive alarms as well.
 */
export const ALERTS_PATH = "/api/v2/alerts";

/** An urgent fact that a Pi reports before any rule has seen it. Equal labels identify an alarm. */
export interface Alarm {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAtMs: number;
  /** Undefined while the alarm is active. */
  readonly endsAtMs: number | undefined;
}

/**
 * @param expiresAtMs end of active alarms: they resolve then unless another message extends them
 */
export function encodeAlarms(alarms: readonly Alarm[], expiresAtMs: number): string {
  const alerts = alarms.map(({ labels, annotations, startsAtMs, endsAtMs = expiresAtMs }) => ({
    labels,
    annotations,
    startsAt: new Date(startsAtMs).toISOString(),
    // Alertmanager refuses an end before the start, which a clock step can cause.
    endsAt: new Date(Math.max(startsAtMs, endsAtMs)).toISOString(),
  }));
  return JSON.stringify(alerts);
}
