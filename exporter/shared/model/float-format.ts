/**
 * Floats as Go programs of the Prometheus world write them.
 *
 * Go and JavaScript agree on the shortest digits that read back as the same number; they differ in when they switch to
 * an exponent, in how they write it, and in the names of the special values.
 */

/** Go's `strconv.FormatFloat(value, 'f', -1, 64)`: never an exponent; `+Inf`, `-Inf`, `NaN`, `-0`. */
export function formatFloat(value: number): string {
  const special = formatSpecial(value);
  if (special !== undefined) return special;
  const text = String(value);
  const exponentAt = text.indexOf("e");
  if (exponentAt < 0) return text;
  return withoutExponent(text.slice(0, exponentAt), Number(text.slice(exponentAt + 1)));
}

/**
 * As Prometheus' JSON answers: like `formatFloat`, but with an exponent of at least two digits below 1e-6 and from
 * 1e21 upwards.
 */
export function formatApiFloat(value: number): string {
  const magnitude = Math.abs(value);
  if (magnitude >= 1e-6 && magnitude < 1e21) return String(value);
  return formatSpecial(value) ?? withLongExponent(value.toExponential());
}

/** Go's `%g` and `FormatFloat(value, 'g', -1, 64)`: an exponent of two digits below 1e-4 and from 1e21 upwards. */
export function formatShortestFloat(value: number): string {
  const special = formatSpecial(value);
  if (special !== undefined) return special;
  const magnitude = Math.abs(value);
  if (magnitude >= 1e-4 && magnitude < 1e21) return formatFloat(value);
  return withLongExponent(value.toExponential());
}

/** Go writes exponents with at least two digits. */
function withLongExponent(text: string): string {
  const [digits = "", exponent = ""] = text.split("e");
  return `${digits}e${exponent.slice(0, 1)}${exponent.slice(1).padStart(2, "0")}`;
}

/** As OpenMetrics writes the values of `le` and `quantile`: always with a point or an exponent. */
export function formatOpenMetricsFloat(value: number): string {
  const text = formatShortestFloat(value);
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}

function formatSpecial(value: number): string | undefined {
  if (Number.isNaN(value)) return "NaN";
  if (value === Infinity) return "+Inf";
  if (value === -Infinity) return "-Inf";
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  return undefined;
}

function withoutExponent(mantissa: string, exponent: number): string {
  const sign = mantissa.startsWith("-") ? "-" : "";
  const [whole = "", fraction = ""] = mantissa.slice(sign.length).split(".");
  const digits = whole + fraction;
  const pointAt = whole.length + exponent;
  if (pointAt <= 0) return `${sign}0.${"0".repeat(-pointAt)}${digits}`;
  if (pointAt >= digits.length) return sign + digits + "0".repeat(pointAt - digits.length);
  return `${sign}${digits.slice(0, pointAt)}.${digits.slice(pointAt)}`;
}
