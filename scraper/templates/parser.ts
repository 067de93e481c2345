import { itemAt } from "../../exporter/shared/model/get-or-throw.js";
import { goUnquote } from "../base/go-string.js";
import { isBuiltin } from "./builtin-functions.js";
import { parseNumber } from "./number-constants.js";
import { KEYWORDS, tokenize, type Token, type TokenKind } from "./lexer.js";
import type { Command, Node, Operand, Pipeline } from "./nodes.js";
import { TemplateError } from "./template-error.js";
import type { FunctionTable } from "./template-values.js";

/** The greatest length of the text of a template. */
export const MAX_TEMPLATE_CHARACTERS = 1_048_576;
/** Nesting of blocks and parentheses. */
const MAX_NESTING = 200;

export interface TemplateTree {
  /** The name of the text that defines the template, for messages. */
  readonly sourceName: string;
  readonly source: string;
  readonly nodes: readonly Node[];
}

/** Trees by template name. */
export type TemplateTrees = Map<string, TemplateTree>;

/**
 * Parses a text and the templates that it defines. As in Go, an empty definition does not replace
 * another one.
 *
 * @throws {TemplateError} with the message of Go's parser and the line
 */
export function parseTemplates(
  name: string,
  source: string,
  functions: FunctionTable,
): TemplateTrees {
  return new Parser(name, source, functions).run();
}

interface NodeList {
  readonly nodes: Node[];
  readonly terminator: "end" | "else" | "eof";
}

class Parser {
  private readonly tokens: readonly Token[];
  private readonly trees: TemplateTrees = new Map();
  private next = 0;
  private variables: string[] = ["$"];
  private loops = 0;
  private nesting = 0;

  constructor(
    private readonly name: string,
    private readonly source: string,
    private readonly functions: FunctionTable,
  ) {
    this.tokens = tokenize(source);
  }

  run(): TemplateTrees {
    const { nodes, terminator } = this.list();
    if (terminator !== "eof") this.fail(`unexpected {{${terminator}}}`);
    this.define(this.name, nodes);
    return this.trees;
  }

  private define(name: string, nodes: readonly Node[]): void {
    const isEmpty = nodes.every((node) => node.kind === "text" && node.text.trim() === "");
    if (isEmpty && this.trees.has(name)) return;
    this.trees.set(name, { sourceName: this.name, source: this.source, nodes });
  }

  /** Reads nodes up to `{{ end }}`, the keyword of `{{ else … }}` or the end of the text. */
  private list(): NodeList {
    const nodes: Node[] = [];
    for (;;) {
      const token = this.take();
      if (token.kind === "end") return { nodes, terminator: "eof" };
      if (token.kind === "text") {
        nodes.push({ kind: "text", position: token.position, text: token.text });
        continue;
      }
      if (token.kind !== "open") this.unexpected(token, "input");
      const keyword = this.peek();
      if (keyword.kind === "keyword" && keyword.text === "end") {
        this.take();
        this.expect("close", "end");
        return { nodes, terminator: "end" };
      }
      if (keyword.kind === "keyword" && keyword.text === "else") {
        this.take();
        return { nodes, terminator: "else" };
      }
      const node = this.action(keyword);
      if (node !== undefined) nodes.push(node);
    }
  }

  private action(first: Token): Node | undefined {
    if (first.kind !== "keyword") {
      const pipeline = this.pipeline("command", "close");
      return { kind: "action", position: first.position, pipeline };
    }
    this.take();
    switch (first.text) {
      case "if":
      case "with":
      case "range":
        return this.branch(first.text, first.position);
      case "break":
      case "continue":
        return this.loopExit(first.text, first.position);
      case "template":
        return this.templateCall(this.peek().position);
      case "block":
        return this.block(this.peek().position);
      default:
        return this.definition(first);
    }
  }

  private branch(kind: "if" | "with" | "range", position: number): Node {
    this.enter();
    const outerVariables = this.variables.length;
    const pipeline = this.pipeline(kind, "close");
    if (kind === "range") this.loops++;
    const { nodes: body, terminator } = this.list();
    let otherwise: Node[] | undefined;
    if (terminator === "eof") this.fail("unexpected EOF");
    if (kind === "range") this.loops--;
    if (terminator === "else") otherwise = this.otherwise(kind);
    this.variables.length = outerVariables;
    this.nesting--;
    return { kind, position, pipeline, body, otherwise };
  }

  /** Reads the rest of `{{ else`: another condition of the same kind, or the final alternative. */
  private otherwise(kind: "if" | "with" | "range"): Node[] {
    const token = this.peek();
    if (token.kind === "keyword" && token.text === kind && kind !== "range") {
      this.take();
      return [this.branch(kind, token.position)]; // Its {{ end }} also ends this branch.
    }
    this.expect("close", "else");
    const { nodes, terminator } = this.list();
    if (terminator === "else") this.fail(`expected end; found {{else}}`);
    if (terminator === "eof") this.fail("unexpected EOF");
    return nodes;
  }

  private loopExit(kind: "break" | "continue", position: number): Node {
    const token = this.take();
    if (token.kind !== "close") this.unexpected(token, `{{${kind}}}`);
    if (this.loops === 0) this.fail(`{{${kind}}} outside {{range}}`);
    return { kind, position };
  }

  private templateCall(position: number): Node {
    const name = this.templateName("template clause");
    if (this.peek().kind === "close") {
      this.take();
      return { kind: "template", position, name, pipeline: undefined };
    }
    return {
      kind: "template",
      position,
      name,
      pipeline: this.pipeline("template clause", "close"),
    };
  }

  private block(position: number): Node {
    const name = this.templateName("block clause");
    const pipeline = this.pipeline("block clause", "close");
    this.define(name, this.isolated("block clause"));
    return { kind: "template", position, name, pipeline };
  }

  private definition(keyword: Token): undefined {
    if (keyword.text !== "define") this.unexpected(keyword, "command");
    if (this.nesting > 0) this.unexpected(keyword, "command");
    const name = this.templateName("define clause");
    this.expect("close", "define clause");
    this.define(name, this.isolated("define clause"));
    return undefined;
  }

  /** Reads the body of a definition, which cannot use the variables and loops around it. */
  private isolated(context: string): Node[] {
    this.enter();
    const outer = { variables: this.variables, loops: this.loops };
    this.variables = ["$"];
    this.loops = 0;
    const { nodes, terminator } = this.list();
    if (terminator !== "end") {
      this.fail(terminator === "eof" ? "unexpected EOF" : `unexpected {{else}} in ${context}`);
    }
    this.variables = outer.variables;
    this.loops = outer.loops;
    this.nesting--;
    return nodes;
  }

  private templateName(context: string): string {
    const token = this.take();
    if (token.kind !== "string") this.unexpected(token, context);
    return this.stringValue(token);
  }

  private pipeline(context: string, end: "close" | "right"): Pipeline {
    this.enter();
    const position = this.peek().position;
    const { variables, assigns } = this.declaration(context);
    const commands: Command[] = [];
    for (;;) {
      const token = this.peek();
      if (token.kind === end) {
        this.take();
        this.checkPipeline(context, commands);
        this.nesting--;
        this.declare(variables, assigns);
        return { kind: "pipeline", position, variables, assigns, commands };
      }
      commands.push(this.command(context));
    }
  }

  private declare(variables: readonly string[], assigns: boolean): void {
    if (!assigns) this.variables.push(...variables);
  }

  private checkPipeline(context: string, commands: readonly Command[]): void {
    if (commands.length === 0) this.fail(`missing value for ${context}`);
    commands.slice(1).forEach(({ operands: [first] }, index) => {
      if (first !== undefined && ["bool", "dot", "nil", "number", "string"].includes(first.kind)) {
        this.fail(`non executable command in pipeline stage ${index + 2}`);
      }
    });
  }

  /** Reads `$x :=`, `$x =` or, in a range, `$index, $element :=`. */
  private declaration(context: string): { variables: string[]; assigns: boolean } {
    const first = this.tokenAt(this.next);
    const second = this.tokenAt(this.next + 1);
    if (first.kind !== "variable") return { variables: [], assigns: false };
    if (second.kind === "declare" || second.kind === "assign") {
      this.next += 2;
      if (second.kind === "assign") this.requireVariable(first.text);
      return { variables: [first.text], assigns: second.kind === "assign" };
    }
    if (second.kind !== "comma") return { variables: [], assigns: false };
    if (context !== "range") this.fail(`too many declarations in ${context}`);
    const third = this.tokenAt(this.next + 2);
    const fourth = this.tokenAt(this.next + 3);
    if (third.kind !== "variable") this.unexpected(third, context);
    if (fourth.kind === "comma") this.fail("too many declarations in range");
    if (fourth.kind !== "declare" && fourth.kind !== "assign") this.unexpected(fourth, context);
    this.next += 4;
    return { variables: [first.text, third.text], assigns: fourth.kind === "assign" };
  }

  /**
   * Reads operands separated by white space, up to and including a pipe, or to the end of the
   * pipeline.
   */
  private command(context: string): Command {
    const operands: Operand[] = [];
    const position = this.peek().position;
    for (;;) {
      const token = this.peek();
      if (token.kind === "close" || token.kind === "right") break;
      if (token.kind === "pipe") {
        this.take();
        if (["close", "right"].includes(this.peek().kind)) {
          this.fail(`missing value for ${context}`);
        }
        break;
      }
      if (operands.length > 0 && !token.spaced) this.unexpected(token, "operand");
      operands.push(this.operand(token));
    }
    const [first, ...rest] = operands;
    if (first === undefined) this.fail("empty command");
    return { position, operands: [first, ...rest] };
  }

  private operand(token: Token): Operand {
    const base = this.term(token);
    const { position } = this.peek(); // In Go, the position of a chain is its second part.
    const names: string[] = [];
    while (this.peek().kind === "field" && !this.peek().spaced)
      names.push(this.take().text.slice(1));
    if (names.length === 0) return base;
    if (base.kind === "field") return { ...base, position, names: [...base.names, ...names] };
    if (base.kind === "variable") return { ...base, position, names };
    if (base.kind === "identifier" || base.kind === "pipeline") {
      return { kind: "chain", position: base.position, base, names };
    }
    return this.failAt(token, `unexpected . after term ${JSON.stringify(token.text)}`);
  }

  private term(token: Token): Operand {
    const { position } = this.take();
    const { kind, text } = token;
    if (kind === "identifier") {
      this.requireFunction(text);
      return { kind, position, name: text };
    }
    if (kind === "variable") {
      this.requireVariable(text);
      return { kind, position, name: text, names: [] };
    }
    if (kind === "dot" || kind === "nil") return { kind, position };
    if (kind === "field") return { kind, position, names: [text.slice(1)] };
    if (kind === "bool") return { kind, position, value: text === "true" };
    if (kind === "string") return { kind, position, value: this.stringValue(token), source: text };
    if (kind === "number" || kind === "character") {
      return parseNumber(text, position) ?? this.fail(`bad number syntax: ${JSON.stringify(text)}`);
    }
    if (kind === "left") return this.pipeline("parenthesized pipeline", "right");
    return this.unexpected(token, "operand");
  }

  private stringValue(token: Token): string {
    return goUnquote(token.text) ?? this.fail(`invalid syntax`);
  }

  private requireFunction(name: string): void {
    if (!isBuiltin(name) && !Object.hasOwn(this.functions, name)) {
      this.fail(`function ${JSON.stringify(name)} not defined`);
    }
  }

  private requireVariable(name: string): void {
    if (!this.variables.includes(name)) this.fail(`undefined variable ${JSON.stringify(name)}`);
  }

  private enter(): void {
    if (++this.nesting > MAX_NESTING) {
      this.fail(`blocks and parentheses are nested deeper than ${MAX_NESTING}`);
    }
  }

  /** The last token, of kind "end" or "error", follows itself. */
  private tokenAt(index: number): Token {
    return this.tokens[index] ?? itemAt(this.tokens, -1);
  }

  private peek(): Token {
    const token = this.tokenAt(this.next);
    if (token.kind === "error") this.failAt(token, token.text);
    return token;
  }

  private take(): Token {
    const token = this.peek();
    if (token.kind !== "end") this.next++;
    return token;
  }

  private expect(kind: TokenKind, context: string): void {
    const token = this.take();
    if (token.kind !== kind) this.unexpected(token, context);
  }

  private unexpected(token: Token, context: string): never {
    if (token.kind === "error") this.failAt(token, token.text);
    return this.failAt(token, `unexpected ${describe(token)} in ${context}`);
  }

  private fail(detail: string): never {
    return this.failAt(this.tokenAt(Math.max(0, this.next - 1)), detail);
  }

  private failAt(token: Token, detail: string): never {
    const line = this.source.slice(0, token.position).split("\n").length;
    throw new TemplateError(`template: ${this.name}:${line}: ${detail}`);
  }
}

function describe({ kind, text }: Token): string {
  if (kind === "end") return "EOF";
  if (kind === "close") return '"}}"';
  if (KEYWORDS.has(text)) return `<${text}>`;
  return text.length > 10 ? `${JSON.stringify(text.slice(0, 10))}...` : JSON.stringify(text);
}
