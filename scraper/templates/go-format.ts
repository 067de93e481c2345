/** Go's fmt: Sprint, Sprintln and Sprintf for the values of templates. */
import { goQuote, goQuoteToAscii } from "../base/go-quote.js";
import { formatFloat, type FloatVerb } from "./go-float.js";
import {
  integerOf,
  isList,
  isMap,
  isNil,
  methodsOf,
  SafeHtml,
  SafeUrl,
  typeName,
} from "./template-values.js";

/** Greater widths and precisions are errors, as in Go (fmt tooLarge). */
const LARGEST_WIDTH = 1_000_000;
/** Deeper lists and maps are printed as "...". */
const MAX_DEPTH = 20;

interface Spec {
  readonly minus: boolean;
  readonly plus: boolean;
  readonly sharp: boolean;
  readonly space: boolean;
  readonly zero: boolean;
  readonly width: number | undefined;
  readonly precision: number | undefined;
}

const PLAIN: Spec = {
  minus: false,
  plus: false,
  sharp: false,
  space: false,
  zero: false,
  width: undefined,
  precision: undefined,
};

/** Prints a value as `%v` does. */
export function formatValue(value: unknown): string {
  return formatVerb("v", value, PLAIN);
}

/** Adds a space between two operands when neither is a string. */
export function sprint(values: readonly unknown[]): string {
  return values.reduce<string>((text, value, index) => {
    const spaced = index > 0 && !isText(value) && !isText(values[index - 1]);
    return text + (spaced ? " " : "") + formatValue(value);
  }, "");
}

export const sprintln = (values: readonly unknown[]): string =>
  `${values.map(formatValue).join(" ")}\n`;

const DIRECTIVE =
  /%([-+# 0]*)(?:\[(\d+)\])?(\*|\d+)?(?:(\.)(?:\[(\d+)\])?(\*|\d+)?)?(?:\[(\d+)\])?([\s\S])?/gu;

export function sprintf(format: string, values: readonly unknown[]): string {
  const cursor = new ArgumentCursor(values);
  const text = format.replace(DIRECTIVE, (...match: (string | undefined)[]) =>
    directive(match, cursor),
  );
  return text + cursor.extra();
}

/** Takes the arguments in order, or by the index in `%[2]d`. */
class ArgumentCursor {
  private next = 0;
  private reordered = false;

  constructor(private readonly values: readonly unknown[]) {}

  jump(index: string | undefined): boolean {
    if (index === undefined) return true;
    this.reordered = true;
    this.next = Number(index) - 1;
    return this.next >= 0 && this.next < this.values.length;
  }

  get hasNext(): boolean {
    return this.next < this.values.length;
  }

  take(): unknown {
    return this.values[this.next++];
  }

  extra(): string {
    if (this.reordered || !this.hasNext) return "";
    const rest = this.values.slice(this.next);
    return `%!(EXTRA ${rest.map((value) => (isNil(value) ? "<nil>" : `${typeName(value)}=${formatValue(value)}`)).join(", ")})`;
  }
}

function directive(match: readonly (string | undefined)[], cursor: ArgumentCursor): string {
  const [, flags = "", widthIndex, width, point, precisionIndex, precision, valueIndex, verb] =
    match;
  if (verb === undefined) return "%!(NOVERB)";
  if (!cursor.jump(widthIndex)) return `%!${verb}(BADINDEX)`;
  const wide = sizeOf(width, cursor);
  if (!cursor.jump(precisionIndex)) return `%!${verb}(BADINDEX)`;
  const precise = point === undefined ? undefined : sizeOf(precision ?? "0", cursor);
  if (!cursor.jump(valueIndex)) return `%!${verb}(BADINDEX)`;
  if (wide === "bad") return "%!(BADWIDTH)";
  if (precise === "bad") return "%!(BADPREC)";
  if (verb === "%") return "%";
  if (!cursor.hasNext) return `%!${verb}(MISSING)`;
  const minus = flags.includes("-") || (wide !== undefined && wide < 0);
  return formatVerb(verb, cursor.take(), {
    minus,
    plus: flags.includes("+"),
    sharp: flags.includes("#"),
    space: flags.includes(" "),
    zero: flags.includes("0") && !minus,
    width: wide === undefined ? undefined : Math.abs(wide),
    precision: precise !== undefined && precise < 0 ? undefined : precise,
  });
}

function sizeOf(text: string | undefined, cursor: ArgumentCursor): number | "bad" | undefined {
  if (text === undefined) return undefined;
  const value = text === "*" ? cursor.take() : BigInt(text);
  if (typeof value !== "bigint" || value > LARGEST_WIDTH || value < -LARGEST_WIDTH) return "bad";
  return Number(value);
}

function formatVerb(verb: string, value: unknown, spec: Spec, depth = 0): string {
  if (verb === "T") return pad(isNil(value) ? "<nil>" : typeName(value), spec);
  if (isNil(value)) return verb === "v" ? pad("<nil>", spec) : `%!${verb}(<nil>)`;
  if (typeof value === "string") return formatText(verb, value, spec, "string");
  if (typeof value === "bigint") return formatInteger(verb, value, spec);
  if (typeof value === "number") return formatNumber(verb, value, spec);
  if (typeof value === "object") return formatObject(verb, value, spec, depth);
  return typeof value === "boolean" && "tv".includes(verb)
    ? pad(String(value), spec)
    : badVerb(verb, value);
}

function formatObject(verb: string, value: object, spec: Spec, depth: number): string {
  if (depth > MAX_DEPTH) return "...";
  const text =
    STRING_VERBS.includes(verb) && !(spec.sharp && verb === "v") ? ownText(value) : undefined;
  if (text !== undefined) return formatText(verb, text, spec, "string");
  const inner = (item: unknown): string => formatVerb(verb, item, spec, depth + 1);
  const integer = integerOf(value);
  if (integer !== undefined) return formatInteger(verb, integer, spec);
  if (value instanceof SafeHtml || value instanceof SafeUrl) {
    return formatText(verb, value.text, spec, typeName(value));
  }
  if (isList(value)) return `[${value.map(inner).join(" ")}]`;
  if (isMap(value)) {
    const keys = [...value.keys()].sort();
    return `map[${keys.map((key) => `${inner(key)}:${inner(value.get(key))}`).join(" ")}]`;
  }
  if (Object.getPrototypeOf(value) === Object.prototype || Object.getPrototypeOf(value) === null) {
    const fields = Object.values(value).filter((field) => typeof field !== "function");
    return `{${fields.map(inner).join(" ")}}`;
  }
  return formatText(verb, textOf(value), spec, typeName(value));
}

const STRING_VERBS = "vsxXq";

/** The result of the method `String`, which Go's fmt calls. */
export function ownText(value: object): string | undefined {
  const method = methodsOf(value)?.["String"];
  const text = method?.call({ renderTemplate: () => "" }, []);
  return typeof text === "string" ? text : undefined;
}

/**
 * The text of a class instance, such as a time; all classes of template values define `toString`.
 */
function textOf(value: { toString(): string }): string {
  return value.toString();
}

function formatText(verb: string, text: string, spec: Spec, type: string): string {
  const cut = spec.precision === undefined ? text : [...text].slice(0, spec.precision).join("");
  switch (verb) {
    case "v":
    case "s":
      return pad(spec.sharp && verb === "v" ? goQuote(cut) : cut, spec);
    case "q": {
      const isRaw = spec.sharp && !/[`\p{Cc}]/u.test(cut);
      const quoted = spec.plus ? goQuoteToAscii(cut) : goQuote(cut);
      return pad(isRaw ? `\`${cut}\`` : quoted, spec);
    }
    case "x":
    case "X": {
      const hex = Buffer.from(text).subarray(0, spec.precision).toString("hex");
      const spaced = spec.space ? hex.replace(/..(?=.)/g, "$& ") : (spec.sharp ? "0x" : "") + hex;
      return pad(verb === "X" ? spaced.toUpperCase() : spaced, spec);
    }
    default:
      return `%!${verb}(${type}=${text})`;
  }
}

const BASES: Readonly<Record<string, number>> = { b: 2, o: 8, O: 8, d: 10, v: 10, x: 16, X: 16 };
const PREFIXES: Readonly<Record<string, string>> = { b: "0b", o: "0", O: "0o", x: "0x", X: "0X" };

function formatInteger(verb: string, value: bigint, spec: Spec): string {
  const base = BASES[verb];
  if (base === undefined) return formatCharacter(verb, value, spec);
  let digits = (value < 0n ? -value : value).toString(base);
  if (verb === "X") digits = digits.toUpperCase();
  if (spec.precision !== undefined) {
    digits = spec.precision === 0 && value === 0n ? "" : digits.padStart(spec.precision, "0");
  }
  const sign =
    signOf(value < 0n, spec) + (spec.sharp || verb === "O" ? (PREFIXES[verb] ?? "") : "");
  if (spec.zero && spec.width !== undefined && spec.precision === undefined) {
    return sign + digits.padStart(spec.width - sign.length, "0");
  }
  return pad(sign + digits, { ...spec, zero: false });
}

function formatCharacter(verb: string, value: bigint, spec: Spec): string {
  const code = value >= 0n && value <= 0x10ffffn ? Number(value) : 0xfffd;
  if (verb === "c") return pad(String.fromCodePoint(code), spec);
  if (verb === "q") return pad(goQuote(String.fromCodePoint(code)).replace(/^"|"$/g, "'"), spec);
  if (verb === "U") return pad(`U+${code.toString(16).toUpperCase().padStart(4, "0")}`, spec);
  return badVerb(verb, value);
}

const FLOAT_VERBS: Readonly<Record<string, FloatVerb>> = {
  v: "g",
  e: "e",
  E: "e",
  f: "f",
  F: "f",
  g: "g",
  G: "g",
};

function formatNumber(verb: string, value: number, spec: Spec): string {
  const style = FLOAT_VERBS[verb];
  if (style === undefined) return badVerb(verb, value);
  const precision = spec.precision ?? (style === "g" ? undefined : 6);
  const plain = formatFloat(value, style, precision);
  const text =
    verb === "E" || verb === "G"
      ? plain.toUpperCase().replace("INF", "Inf").replace("NAN", "NaN")
      : plain;
  const digits = text.replace(/^[+-]/, "");
  // Go always prints the sign of +Inf.
  const sign = text.startsWith("-")
    ? "-"
    : signOf(false, spec) || (text.startsWith("+") ? "+" : "");
  if (spec.zero && spec.width !== undefined && Number.isFinite(value)) {
    return sign + digits.padStart(spec.width - sign.length, "0");
  }
  return pad(sign + digits, { ...spec, zero: false });
}

const signOf = (negative: boolean, spec: Spec): string =>
  negative ? "-" : spec.plus ? "+" : spec.space ? " " : "";

function badVerb(verb: string, value: unknown): string {
  return `%!${verb}(${typeName(value)}=${formatValue(value)})`;
}

/** Pads to a width in characters. */
function pad(text: string, { width, minus, zero }: Spec): string {
  const missing = (width ?? 0) - [...text].length;
  if (missing <= 0) return text;
  return minus ? text + " ".repeat(missing) : (zero ? "0" : " ").repeat(missing) + text;
}

const isText = (value: unknown): boolean => typeof value === "string";
