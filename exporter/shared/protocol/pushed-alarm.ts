/**
 * `POST <master>/api/v2/alerts`: the Alertmanager's path and format, so that a real one can take
 * alarms as well.
 */
export const ALERTS_PATH = "/api/v2/alerts";

/**
 * An urgent fact a Pi tells before any rule has seen it. Two alarms with equal labels are the same
 * alarm.
 */
export interface Alarm {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAtMs: number;
  /** Undefined while it lasts. */
  readonly endsAtMs: number | undefined;
}

/**
 * @param lastingUntilMs what is said of alarms that last: without another message they are over
 * then
 * @returns JSON
 */
export function encodeAlarms(alarms: readonly Alarm[], lastingUntilMs: number): string {
  const alerts = alarms.map(({ labels, annotations, startsAtMs, endsAtMs = lastingUntilMs }) => ({
    labels,
    annotations,
    startsAt: new Date(startsAtMs).toISOString(),
    // The Alertmanager refuses an end before the start, which a step of the clock can make.
    endsAt: new Date(Math.max(startsAtMs, endsAtMs)).toISOString(),
  }));
  return JSON.stringify(alerts);
}
