/** A half-open range: `fromMs` is in, `untilMs` is out. Milliseconds since the Unix epoch. */
export interface TimeRange {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** RFC 3339 in UTC with milliseconds: `2026-01-12T15:00:28.000Z`. */
export const isoTime = (timeMs: number): string => new Date(timeMs).toISOString();
