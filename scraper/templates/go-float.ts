/** Decimal text of doubles as Go's strconv.FormatFloat writes it, with ties rounded to even. */

const MOST_DIGITS = 100; // The limit of JavaScript's exact conversions.

interface Digits {
  /** At least one digit, without a point and trailing zeros. */
  readonly digits: string;
  /** The power of ten of the first digit: 0 for 1 to 9.99. */
  readonly exponent: number;
}

export type FloatVerb = "e" | "f" | "g";

/**
 * @param precision digits after the point (e, f) or all digits (g); undefined for as few digits as
 * identify the value
 */
export function formatFloat(value: number, verb: FloatVerb, precision?: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  const magnitude = Math.abs(value);
  switch (verb) {
    case "e":
      return sign + exponential(magnitude, precision);
    case "f":
      return sign + fixed(magnitude, precision);
    case "g":
      return sign + general(magnitude, precision);
  }
}

function exponential(magnitude: number, precision: number | undefined): string {
  const { digits, exponent } =
    precision === undefined ? shortest(magnitude) : rounded(magnitude, precision + 1);
  return withExponent(digits, exponent, precision ?? digits.length - 1);
}

function withExponent(digits: string, exponent: number, places: number): string {
  const fraction = digits.slice(1).padEnd(places, "0");
  const power = String(Math.abs(exponent)).padStart(2, "0");
  return `${digits.charAt(0)}${places > 0 ? `.${fraction}` : ""}e${exponent < 0 ? "-" : "+"}${power}`;
}

function fixed(magnitude: number, precision: number | undefined): string {
  if (precision === undefined) {
    const { digits, exponent } = shortest(magnitude);
    return positional(digits, exponent, Math.max(0, digits.length - 1 - exponent));
  }
  if (magnitude >= 1e21) {
    return BigInt(magnitude).toString() + (precision > 0 ? `.${"0".repeat(precision)}` : "");
  }
  const places = Math.min(precision, MOST_DIGITS);
  return (
    roundTie(magnitude.toFixed(places), magnitude.toFixed(MOST_DIGITS), places) +
    "0".repeat(precision - places)
  );
}

function general(magnitude: number, precision: number | undefined): string {
  const wanted = precision === 0 ? 1 : precision;
  const { digits, exponent } =
    wanted === undefined ? shortest(magnitude) : rounded(magnitude, wanted);
  let threshold = wanted ?? 6;
  if (wanted !== undefined && threshold > digits.length && digits.length > exponent) {
    threshold = digits.length;
  }
  if (exponent < -4 || exponent >= threshold) {
    return withExponent(digits, exponent, digits.length - 1);
  }
  return positional(digits, exponent, Math.max(0, digits.length - 1 - exponent));
}

function positional(digits: string, exponent: number, places: number): string {
  const whole = exponent < 0 ? "0" : digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  const fraction = exponent < 0 ? "0".repeat(-exponent - 1) + digits : digits.slice(exponent + 1);
  return places > 0 ? `${whole}.${fraction.padEnd(places, "0")}` : whole;
}

const shortest = (magnitude: number): Digits => split(magnitude.toExponential());

function rounded(magnitude: number, count: number): Digits {
  const places = Math.min(count - 1, MOST_DIGITS);
  const [near = "", nearPower = "0"] = magnitude.toExponential(places).split("e");
  const [exact = "", exactPower = "0"] = magnitude.toExponential(MOST_DIGITS).split("e");
  // A tie that reaches the next power of ten always rounds up: 9.5 becomes 10, which is even.
  if (nearPower !== exactPower) return split(`${near}e${nearPower}`);
  return split(`${roundTie(near, exact, places)}e${nearPower}`);
}

function split(text: string): Digits {
  const [mantissa = "", power = "0"] = text.split("e");
  const digits = mantissa.replace(".", "").replace(/0+$/, "");
  return { digits: digits === "" ? "0" : digits, exponent: Number(power) };
}

/** JavaScript rounds an exact half up; Go rounds it to the even digit. */
function roundTie(near: string, exact: string, places: number): string {
  const point = exact.indexOf(".");
  const rest = exact.slice(point + 1 + places);
  if (!/^50*$/.test(rest)) return near;
  const truncated = exact.slice(0, places === 0 ? point : point + 1 + places);
  return "02468".includes(truncated.slice(-1)) ? truncated : near;
}
