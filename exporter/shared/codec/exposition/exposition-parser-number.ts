/** Powers of ten that are exact as a double. */
const EXACT_POWERS_OF_TEN = Float64Array.from({ length: 23 }, (_, exponent) =>
  Number(`1e${exponent}`),
);
const MAX_EXACT_EXPONENT = 22;
const MAX_EXACT_INTEGER = 9_007_199_254_740_992; // 2^53

const LINE_FEED = 10;
const SPACE = 32;
const TAB = 9;
const PLUS = 43;
const MINUS = 45;
const DOT = 46;
const ZERO = 48;
const LETTER_E = 69;
const CASE_BIT = 32;

const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;
const INFINITE = /^([+-]?)inf(?:inity)?$/i;

/**
 * Reads numbers from a body whose last byte is a line feed. One object serves many calls: `end` is
 * the end of the last number, so no call allocates.
 */
export class NumberScanner {
  /** Position of the first byte after the number, or -1 when there was none. */
  end = -1;

  /**
   * Reads the number at `start`, which a space, tab or line feed must follow.
   *
   * The fast path handles numbers that are exact with one rounding: digits up to 2^53, at most 22
   * decimal places (Clinger 1990). All others, including special values, go through `parseGoFloat`.
   * Written flat for speed: see test/bench/scrape-parse.ts.
   */
  scan(body: Uint8Array, start: number): number {
    let position = start;
    let byte = body[position] as number;
    const negative = byte === MINUS;
    if (negative) byte = body[++position] as number;
    const digitsStart = position;
    let mantissa = 0;
    let digit = byte - ZERO;
    while (digit >= 0 && digit <= 9) {
      mantissa = mantissa * 10 + digit;
      byte = body[++position] as number;
      digit = byte - ZERO;
    }
    let digits = position - digitsStart;
    let exponent = 0;
    if (byte === DOT) {
      const fractionStart = position + 1;
      do {
        byte = body[++position] as number;
        digit = byte - ZERO;
        if (digit < 0 || digit > 9) break;
        mantissa = mantissa * 10 + digit;
      } while (true);
      exponent = fractionStart - position;
      digits -= exponent;
    }
    if ((byte & ~CASE_BIT) === LETTER_E && digits > 0) {
      const sign = body[position + 1] as number;
      const exponentStart = sign === MINUS || sign === PLUS ? position + 2 : position + 1;
      position = exponentStart;
      byte = body[position] as number;
      let written = 0;
      while (byte >= ZERO && byte <= ZERO + 9 && written < 1000) {
        written = written * 10 + (byte - ZERO);
        byte = body[++position] as number;
      }
      if (position === exponentStart) return this.scanSlowly(body, start);
      exponent += sign === MINUS ? -written : written;
    }
    if (
      digits === 0 ||
      mantissa > MAX_EXACT_INTEGER ||
      (byte !== LINE_FEED && byte !== SPACE && byte !== TAB)
    ) {
      return this.scanSlowly(body, start);
    }
    if (exponent !== 0) {
      if (exponent > MAX_EXACT_EXPONENT || exponent < -MAX_EXACT_EXPONENT)
        return this.scanSlowly(body, start);
      mantissa =
        exponent < 0
          ? mantissa / (EXACT_POWERS_OF_TEN[-exponent] as number)
          : mantissa * (EXACT_POWERS_OF_TEN[exponent] as number);
    }
    this.end = position;
    return negative ? -mantissa : mantissa;
  }

  private scanSlowly(body: Uint8Array, start: number): number {
    const end = endOfToken(body, start);
    const value = parseGoFloat(
      Buffer.from(body.buffer, body.byteOffset + start, end - start).toString("latin1"),
    );
    this.end = value === undefined ? -1 : end;
    return value ?? Number.NaN;
  }
}

/** Position of the next space, tab or line feed. */
export function endOfToken(body: Uint8Array, start: number): number {
  let position = start;
  for (; position < body.length; position++) {
    const byte = body[position] as number;
    if (byte === LINE_FEED || byte === SPACE || byte === TAB) break;
  }
  return position;
}

/**
 * Parses a number as Prometheus does in a body: decimal, `Inf` and `NaN` in any case. It takes neither
 * the hexadecimal numbers nor the digit separators of Go.
 *
 * @returns undefined when it is not a number, or is a decimal number too large for a double
 */
export function parseGoFloat(text: string): number | undefined {
  if (DECIMAL.test(text)) {
    const value = Number(text);
    return Number.isFinite(value) ? value : undefined;
  }
  if (/^nan$/i.test(text)) return Number.NaN;
  const infinite = INFINITE.exec(text);
  if (infinite !== null)
    return infinite[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return undefined;
}
