import type { SourceRange } from "./ast.js";
import type { QueryFeatures } from "./features.js";
import { goQuote } from "../../base/go-quote.js";
import { Lexer } from "./lexer.js";
import { parseErrorAt, type QueryParseError } from "./query-errors.js";
import type { Token } from "./tokens.js";

/** Limits nesting and operators in a row, since each level takes stack when it is evaluated. */
export const MAX_EXPRESSION_DEPTH = 500;

/**
 * The tokens of one expression with one token of lookahead, and the errors about unexpected tokens.
 */
export class TokenStream {
  private readonly lexer: Lexer;
  private lookahead: Token | undefined;
  private depth = 0;
  /**
   * The number of aggregations around the next token. Errors without a context of their own name
   * them.
   */
  private aggregations = 0;

  constructor(
    readonly text: string,
    readonly features: QueryFeatures,
  ) {
    this.lexer = new Lexer(text);
  }

  peek(): Token {
    this.lookahead ??= this.lexer.next();
    return this.lookahead;
  }

  take(): Token {
    const token = this.peek();
    this.lookahead = undefined;
    return token;
  }

  /** True when the next token is this punctuation, operator or keyword. */
  nextIs(value: string): boolean {
    const token = this.peek();
    return token.value === value && !USER_TEXT_KINDS.includes(token.kind);
  }

  takeIf(value: string): Token | undefined {
    return this.nextIs(value) ? this.take() : undefined;
  }

  /** Takes the next token when it is one of these operators or keywords. */
  takeOneOf<Word extends string>(
    ...words: readonly Word[]
  ): (Token & { readonly value: Word }) | undefined {
    const value = words.find((word) => this.nextIs(word));
    return value === undefined ? undefined : { ...this.take(), value };
  }

  /** @throws {QueryParseError} when the next token is another one */
  expect(value: string, context = "", expected = ""): Token {
    if (!this.nextIs(value)) throw this.unexpected(context, expected);
    return this.take();
  }

  inAggregation<Result>(read: () => Result): Result {
    this.aggregations++;
    const result = read();
    this.aggregations--;
    return result;
  }

  /** @throws {QueryParseError} when the expression is nested deeper than MAX_EXPRESSION_DEPTH */
  nested<Result>(levels: number, read: () => Result): Result {
    this.depth += levels;
    if (this.depth > MAX_EXPRESSION_DEPTH) {
      const detail = `expression is nested too deeply, at most ${MAX_EXPRESSION_DEPTH} levels are allowed`;
      throw this.error(this.peek(), detail);
    }
    const result = read();
    this.depth -= levels;
    return result;
  }

  /**
   * Prometheus' error about the next token. Inside an aggregation, the default context is
   * "aggregation".
   */
  unexpected(context = "", expected = ""): QueryParseError {
    const token = this.peek();
    const place = context === "" && this.aggregations > 0 ? "aggregation" : context;
    const where = place === "" ? "" : ` in ${place}`;
    return this.error(
      token,
      `unexpected ${describe(token)}${where}${expected === "" ? "" : `, expected ${expected}`}`,
    );
  }

  error(range: SourceRange, detail: string): QueryParseError {
    return parseErrorAt(this.text, range, detail);
  }
}

/** Tokens whose text the user chooses, which never match a keyword or operator of the grammar. */
const USER_TEXT_KINDS: readonly string[] = ["string", "identifier", "metric_identifier"];
/** Tokens that errors describe by kind and text. */
const LITERAL_KINDS: readonly string[] = ["string", "number", "duration"];

function describe(token: Token): string {
  switch (token.kind) {
    case "end":
      return "end of input";
    case "identifier":
      return `identifier ${goQuote(token.text)}`;
    case "metric_identifier":
      return `metric identifier ${goQuote(token.text)}`;
    case "keyword":
      return `<${token.text}>`;
    case "operator":
      return `<op:${token.text}>`;
    case "aggregator":
      return `<aggr:${token.text}>`;
    case "string":
    case "number":
    case "duration":
    case "punctuation":
    case "query_value": {
      const isLong = Buffer.byteLength(token.text) > 10;
      const quoted =
        goQuote([...token.text].slice(0, isLong ? 10 : undefined).join("")) + (isLong ? "..." : "");
      return LITERAL_KINDS.includes(token.kind) ? `${token.kind} ${quoted}` : quoted;
    }
  }
}
