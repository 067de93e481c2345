/** A half-open range: `fromMs` is in, `untilMs` is out. Milliseconds since the Unix epoch. */
export interface TimeRange {
  readonly fromMs: number;
  readonly untilMs: number;
}
