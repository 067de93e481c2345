export interface NumberScan {
  readonly kind: "number" | "duration" | "invalid";
  /** Where the scan stopped; exclusive. */
  readonly end: number;
}

const isDigit = (character: string | undefined): boolean =>
  character !== undefined && /^[0-9]$/.test(character);
const isHexDigit = (character: string | undefined): boolean =>
  character !== undefined && /^[0-9a-fA-F]$/.test(character);
const isWordCharacter = (character: string | undefined): boolean =>
  character !== undefined && /^[0-9a-zA-Z_]$/.test(character);
const oneOf = (characters: string, character: string | undefined): boolean =>
  character !== undefined && characters.includes(character);

/** Scans the number or duration (`5m30s`) that starts at `start`. */
export function scanNumberOrDuration(text: string, start: number): NumberScan {
  const number = scanNumber(text, start);
  return number.kind === "number" ? number : scanDurationUnits(text, number.end);
}

/**
 * Scans digits with at most one point, one exponent, and underscores, no two of these side by side.
 */
function scanNumber(text: string, start: number): NumberScan {
  let at = start;
  const isHex = text[at] === "0" && oneOf("xX", text[at + 1]);
  const isDigitHere = isHex ? isHexDigit : isDigit;
  if (isHex) at += text[at + 2] === "_" ? 3 : 2;
  let hasPoint = false;
  let hasExponent = false;
  for (;;) {
    const character = text[at];
    if (isDigitHere(character)) {
      at++;
    } else if (character === ".") {
      at++;
      if (hasPoint || isHex || oneOf("_.", text[at])) return { kind: "invalid", end: at };
      hasPoint = true;
    } else if (!isHex && oneOf("eE", character)) {
      at++;
      if (hasExponent) return { kind: "invalid", end: at };
      hasExponent = true;
      if (oneOf("+-", text[at])) at++;
      if (at >= text.length || oneOf("._eE", text[at])) return { kind: "invalid", end: at };
    } else if (character === "_") {
      at++;
      if (at >= text.length || oneOf("._eE", text[at])) return { kind: "invalid", end: at };
    } else {
      return { kind: at > start && !isWordCharacter(character) ? "number" : "invalid", end: at };
    }
  }
}

/** Scans the units and further numbers of a duration; `start` is just after its first number. */
function scanDurationUnits(text: string, start: number): NumberScan {
  let at = start;
  for (let units = "smhdwy"; ; units = "smhdw") {
    if (!oneOf(units, text[at])) return { kind: "invalid", end: at };
    at++;
    // Milliseconds. Units such as "hs" are rejected when the value is parsed.
    if (text[at] === "s") at++;
    if (!isDigit(text[at])) break;
    while (isDigit(text[at])) at++;
  }
  return isWordCharacter(text[at])
    ? { kind: "invalid", end: at + 1 }
    : { kind: "duration", end: at };
}

const INTEGER = /^(?:0[xX][0-9a-fA-F_]+|[0-9][0-9_]*)$/;
const FLOAT = /^(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/;

/**
 * The value of a number token, or undefined when it is malformed (`1_0.5`) or too large (`1e400`). A leading zero means
 * octal, as in Go.
 */
export function numberValue(text: string): number | undefined {
  const lower = text.toLowerCase();
  if (lower === "inf") return Infinity;
  if (lower === "nan") return NaN;
  if (INTEGER.test(text)) {
    const digits = text.replace(/_/g, "");
    if (/^0[0-7]+$/.test(digits)) return Number.parseInt(digits, 8);
    if (text.includes("_") && /^0[0-9]/.test(digits)) return undefined;
    return Number(digits);
  }
  if (!FLOAT.test(text)) return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}
