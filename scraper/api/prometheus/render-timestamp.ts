/** Seconds; three decimals unless whole (prometheus util/jsonutil MarshalTimestamp). */
export function renderTimestamp(timestampMs: number): string {
  const whole = Math.trunc(timestampMs / 1000);
  const fraction = Math.abs(timestampMs % 1000);
  const sign = timestampMs < 0 && whole === 0 ? "-" : "";
  return fraction === 0 ? `${whole}` : `${sign}${whole}.${String(fraction).padStart(3, "0")}`;
}
