import { goQuote, goQuoteCharacter } from "../../base/go-quote.js";
import { scanNumberOrDuration } from "./number-scanner.js";
import { parseErrorAt, type QueryParseError } from "./query-errors.js";
import { scanString } from "../../base/go-string.js";
import { kindOfWord, type Token, type TokenKind } from "./tokens.js";

const SPACE_OR_COMMENT = /(?:[ \t\n\r]|#[^\r\n]*)*/y;
const WORD = /[a-zA-Z_:][a-zA-Z0-9_:]*/y;
const LABEL_NAME = /[a-zA-Z_][a-zA-Z0-9_]*/y;
const FOLLOWED_BY_PARENTHESIS = /[ \t\n\r]*\(/y;
const SINGLE_OPERATORS = "*/%+-^@";
const DURATION_WORDS: readonly string[] = ["step", "range", "min_of", "max_of"];

/**
 * Splits an expression into tokens, one at a time. As in Prometheus, the rules depend on whether
 * braces or brackets are open: inside braces keywords are label names, inside brackets only a few
 * words are allowed.
 */
export class Lexer {
  private at = 0;
  private start = 0;
  private parentheses = 0;
  private braceOpen = false;
  private bracketOpen = false;
  private colonSeen = false;
  /** True between `[` and the first number or word after it. */
  private beforeDuration = false;

  constructor(private readonly text: string) {}

  /**
   * The next token; after the last one, always a token of kind "end".
   *
   * @throws {QueryParseError} at a character that cannot start a token
   */
  next(): Token {
    this.skip(SPACE_OR_COMMENT);
    this.start = this.at;
    const character = this.characterAt(this.at);
    if (character === "") return this.endOfInput();
    if (this.braceOpen) return this.insideBraces(character);
    if (character === "(" || character === ")") return this.parenthesis(character);
    if (character === "[" || character === "]") return this.bracket(character);
    if (
      /[0-9]/.test(character) ||
      (character === "." && /[0-9]/.test(this.text[this.at + 1] ?? ""))
    ) {
      return this.number();
    }
    if (this.bracketOpen && /[a-zA-Z_:]/.test(character)) return this.wordInsideBrackets(character);
    if (this.beforeDuration && !"+-*/%^,".includes(character)) {
      throw this.error(
        `unexpected character in duration expression: ${goQuoteCharacter(character)}`,
      );
    }
    if (/[a-zA-Z_:]/.test(character)) return this.word();
    return this.symbol(character);
  }

  private endOfInput(): Token {
    if (this.braceOpen) throw this.error("unexpected end of input inside braces");
    if (this.beforeDuration) throw this.error("unexpected end of input in duration expression");
    if (this.parentheses !== 0) throw this.error("unclosed left parenthesis");
    if (this.bracketOpen) throw this.error("unclosed left bracket");
    return { kind: "end", text: "", value: "", start: this.at, end: this.at };
  }

  private symbol(character: string): Token {
    const two = this.text.slice(this.at, this.at + 2);
    if (["==", "!=", "<=", ">=", "</", ">/"].includes(two)) return this.emit("operator", 2);
    if (two === "=~") throw this.error(`unexpected character after '=': ${goQuoteCharacter("~")}`);
    if (character === "!") {
      throw this.error(
        `unexpected character after '!': ${goQuoteCharacter(this.characterAt(this.at + 1))}`,
      );
    }
    if (character === "<" || character === ">" || SINGLE_OPERATORS.includes(character))
      return this.emit("operator", 1);
    if (character === "," || character === "=") return this.emit("punctuation", 1);
    if (character === "{") {
      this.braceOpen = true;
      return this.emit("punctuation", 1);
    }
    if (`"'\``.includes(character)) return this.string();
    throw this.error(`unexpected character: ${goQuoteCharacter(character)}`);
  }

  private insideBraces(character: string): Token {
    const two = this.text.slice(this.at, this.at + 2);
    if (two === "=~" || two === "!~" || two === "!=") return this.emit("operator", 2);
    if (character === "!") {
      const following = goQuoteCharacter(this.characterAt(this.at + 1));
      throw this.error(`unexpected character after '!' inside braces: ${following}`);
    }
    if (character === "{") throw this.error(`unexpected left brace ${goQuoteCharacter(character)}`);
    if (character === "}") this.braceOpen = false;
    if (character === "}" || character === "," || character === "=")
      return this.emit("punctuation", 1);
    if (`"'\``.includes(character)) return this.string();
    if (!/[a-zA-Z_]/.test(character)) {
      throw this.error(`unexpected character inside braces: ${goQuoteCharacter(character)}`);
    }
    return this.emit("identifier", this.lengthOf(LABEL_NAME));
  }

  private parenthesis(character: "(" | ")"): Token {
    const token = this.emit("punctuation", 1);
    this.parentheses += character === "(" ? 1 : -1;
    if (this.parentheses >= 0) return token;
    this.start = this.at;
    throw this.error(`unexpected right parenthesis ${goQuoteCharacter(character)}`);
  }

  private bracket(character: "[" | "]"): Token {
    if (character === "]" && !this.bracketOpen) {
      throw this.error(`unexpected right bracket ${goQuoteCharacter(character)}`);
    }
    if (character === "[" && this.bracketOpen) {
      throw this.error(`unexpected left bracket ${goQuoteCharacter(character)}`);
    }
    this.bracketOpen = character === "[";
    this.beforeDuration = this.bracketOpen;
    this.colonSeen = false;
    return this.emit("punctuation", 1);
  }

  private wordInsideBrackets(character: string): Token {
    if (character === ":") return this.colon();
    const word = this.text.slice(this.at, this.at + this.lengthOf(LABEL_NAME));
    if (DURATION_WORDS.includes(word.toLowerCase())) {
      this.beforeDuration = false;
      return this.emit("query_value", word.length);
    }
    if (this.beforeDuration) {
      throw this.error(
        `unexpected character in duration expression: ${goQuoteCharacter(character)}`,
      );
    }
    throw this.error(
      `unexpected character: ${goQuoteCharacter(character)}, expected ${goQuoteCharacter(":")}`,
    );
  }

  private colon(): Token {
    if (this.beforeDuration)
      throw this.error("unexpected colon before duration in duration expression");
    if (this.colonSeen) throw this.error(`unexpected colon ${goQuoteCharacter(":")}`);
    this.colonSeen = true;
    return this.emit("punctuation", 1);
  }

  private number(): Token {
    const { kind, end } = scanNumberOrDuration(this.text, this.at);
    if (kind === "invalid") {
      throw this.error(`bad number or duration syntax: ${goQuote(this.text.slice(this.at, end))}`);
    }
    this.beforeDuration = false;
    return this.emit(kind, end - this.at);
  }

  private string(): Token {
    const scan = scanString(this.text, this.at);
    if ("problem" in scan) throw this.error(scan.problem);
    return this.emit("string", scan.end - this.at, scan.value);
  }

  private word(): Token {
    const length = this.lengthOf(WORD);
    const word = this.text.slice(this.at, this.at + length);
    const kind = kindOfWord(word);
    const isMetricNamedFill =
      /^fill(_left|_right)?$/i.test(word) && !this.parenthesisFollows(this.at + length);
    return this.emit(isMetricNamedFill ? "identifier" : kind, length);
  }

  private parenthesisFollows(at: number): boolean {
    FOLLOWED_BY_PARENTHESIS.lastIndex = at;
    return FOLLOWED_BY_PARENTHESIS.test(this.text);
  }

  private emit(kind: TokenKind, length: number, value?: string): Token {
    const start = this.at;
    this.at += length;
    const text = this.text.slice(start, this.at);
    const isReserved = kind !== "identifier" && kind !== "metric_identifier";
    return {
      kind,
      text,
      value: value ?? (isReserved ? text.toLowerCase() : text),
      start,
      end: this.at,
    };
  }

  private skip(pattern: RegExp): void {
    this.at += this.lengthOf(pattern);
  }

  private lengthOf(pattern: RegExp): number {
    pattern.lastIndex = this.at;
    return pattern.exec(this.text)?.[0].length ?? 0;
  }

  /** A whole code point; empty at the end of the text. */
  private characterAt(index: number): string {
    const code = this.text.codePointAt(index);
    return code === undefined ? "" : String.fromCodePoint(code);
  }

  private error(detail: string): QueryParseError {
    return parseErrorAt(this.text, { start: this.start, end: this.text.length }, detail);
  }
}
