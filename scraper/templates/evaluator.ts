import { BUILTINS } from "./builtin-functions.js";
import { callFunction } from "./function-calls.js";
import { formatValue } from "./go-format.js";
import { formatCommand, formatOperand } from "./nodes.js";
import type { BranchNode, Command, Node, NumberOperand, Operand, Pipeline } from "./nodes.js";
import { OutputError, TextOutput, type TemplateOutput } from "./output.js";
import { HtmlOutput } from "./html-output.js";
import type { TemplateTree, TemplateTrees } from "./parser.js";
import { FunctionError, TemplateError } from "./template-error.js";
import { fieldOf, type FieldAnswer } from "./template-fields.js";
import { isList, isNil, isTrue, typeName, type FunctionTable } from "./template-values.js";

/** `html`: as Go's html/template. */
export type Escaping = "none" | "html";

/** Nodes, commands and loop turns one rendering may take. */
export const MAX_STEPS = 500_000;
/** Templates, branches and parentheses being worked on inside one another. */
export const MAX_DEPTH = 500;
/** Characters that functions may produce in one rendering, used or not. */
const MAX_PRODUCED_CHARACTERS = 16 * 1_048_576;

export interface Evaluation {
  readonly name: string;
  readonly data: unknown;
  readonly trees: TemplateTrees;
  readonly functions: FunctionTable;
  readonly escape: Escaping;
}

/** @throws {TemplateError} */
export function evaluate(evaluation: Evaluation): string {
  return new Evaluator(evaluation).renderTemplate(evaluation.name, evaluation.data);
}

interface Place {
  readonly position: number;
  /** What Go shows between angle brackets. */
  readonly text: string;
}

interface Variable {
  readonly name: string;
  value: unknown;
}

/** One template being rendered: its own variables, and the tree that positions refer to. */
interface Frame {
  readonly name: string;
  readonly tree: TemplateTree;
  variables: Variable[];
}

/** Stands for the value piped into a command where there is none. */
const NOTHING_PIPED = Symbol("nothing piped");

type LoopExit = "break" | "continue" | undefined;

class Evaluator {
  private steps = 0;
  private depth = 0;
  private produced = 0;
  private frame: Frame;
  private output: TemplateOutput;

  constructor(private readonly evaluation: Evaluation) {
    this.output = this.createOutput();
    this.frame = {
      name: evaluation.name,
      tree: { sourceName: evaluation.name, source: "", nodes: [] },
      variables: [],
    };
  }

  /**
   * The output of a named template, in an output of its own: for the whole and for the function
   * `tmpl`.
   */
  renderTemplate(name: string, data: unknown): string {
    const tree = this.evaluation.trees.get(name);
    if (tree === undefined) throw new FunctionError(`template ${JSON.stringify(name)} not defined`);
    const outer = this.output;
    this.output = this.createOutput();
    this.run(name, tree, data);
    const text = this.output.text;
    this.output = outer;
    return text;
  }

  private createOutput(): TemplateOutput {
    return this.evaluation.escape === "html" ? new HtmlOutput() : new TextOutput();
  }

  private run(name: string, tree: TemplateTree, data: unknown): void {
    const outer = this.frame;
    this.frame = { name, tree, variables: [{ name: "$", value: data }] };
    this.deeper({ position: 0, text: name }, () => this.walkAll(tree.nodes, data));
    this.frame = outer;
  }

  private walkAll(nodes: readonly Node[], dot: unknown): LoopExit {
    for (const node of nodes) {
      const exit = this.walk(node, dot);
      if (exit !== undefined) return exit;
    }
    return undefined;
  }

  private walk(node: Node, dot: unknown): LoopExit {
    this.step(node.position);
    switch (node.kind) {
      case "text":
        this.emit(node.position, "text", () => this.output.write(node.text));
        return undefined;
      case "action": {
        const value = this.pipeline(node.pipeline, dot);
        if (node.pipeline.variables.length > 0) return undefined;
        this.emit(node.position, node.pipeline.commands.map(formatCommand).join(" | "), () =>
          this.output.print(value),
        );
        return undefined;
      }
      case "if":
      case "with":
      case "range":
        return this.branch(node, dot);
      case "template": {
        const tree = this.evaluation.trees.get(node.name);
        const place = {
          position: node.position,
          text: `{{template ${JSON.stringify(node.name)}}}`,
        };
        if (tree === undefined) {
          this.fail(place, `template ${JSON.stringify(node.name)} not defined`);
        }
        const data = node.pipeline === undefined ? undefined : this.pipeline(node.pipeline, dot);
        this.run(node.name, tree, data);
        return undefined;
      }
      case "break":
      case "continue":
        return node.kind;
    }
  }

  private emit(position: number, text: string, write: () => void): void {
    this.guard({ position, text }, write);
  }

  private branch(node: BranchNode, dot: unknown): LoopExit {
    const outerVariables = this.frame.variables.length;
    const place = { position: node.position, text: node.kind };
    const exit = this.deeper(place, () => {
      if (node.kind === "range") return this.range(node, dot);
      const value = this.pipeline(node.pipeline, dot);
      if (isTrue(value)) return this.walkAll(node.body, node.kind === "with" ? value : dot);
      return this.walkAll(node.otherwise ?? [], dot);
    });
    this.frame.variables.length = outerVariables;
    return exit;
  }

  private range(node: BranchNode, dot: unknown): LoopExit {
    const place = {
      position: node.pipeline.position,
      text: node.pipeline.commands.map(formatCommand).join(" | "),
    };
    const value = this.commands(node.pipeline, dot);
    let turns = 0;
    for (const [key, element] of this.entriesOf(value, place)) {
      turns++;
      this.step(node.position);
      const variables = this.frame.variables.length;
      this.setLoopVariables(node.pipeline, key, element);
      const exit = this.walkAll(node.body, element);
      this.frame.variables.length = variables;
      if (exit === "break") break;
    }
    return turns === 0 ? this.walkAll(node.otherwise ?? [], dot) : undefined;
  }

  private *entriesOf(value: unknown, place: Place): Generator<[unknown, unknown]> {
    if (isNil(value)) return;
    if (isList(value)) {
      for (const [index, element] of value.entries()) yield [BigInt(index), element];
    } else if (value instanceof Map) {
      const map = value as ReadonlyMap<string, unknown>;
      for (const key of [...map.keys()].sort()) yield [key, map.get(key)];
    } else if (typeof value === "bigint") {
      for (let index = 0n; index < value; index++) yield [index, index];
    } else {
      this.fail(place, `range can't iterate over ${formatValue(value).slice(0, 60)}`);
    }
  }

  private setLoopVariables({ variables, assigns }: Pipeline, key: unknown, element: unknown): void {
    const [first, second] = variables;
    if (first !== undefined) this.setVariable(first, second === undefined ? element : key, assigns);
    if (second !== undefined) this.setVariable(second, element, assigns);
  }

  private setVariable(name: string, value: unknown, assigns: boolean): void {
    const existing = assigns
      ? this.frame.variables.findLast((variable) => variable.name === name)
      : undefined;
    if (existing === undefined) this.frame.variables.push({ name, value });
    else existing.value = value;
  }

  private pipeline(pipeline: Pipeline, dot: unknown): unknown {
    const value = this.commands(pipeline, dot);
    for (const name of pipeline.variables) this.setVariable(name, value, pipeline.assigns);
    return value;
  }

  private commands(pipeline: Pipeline, dot: unknown): unknown {
    let value: unknown = NOTHING_PIPED;
    for (const command of pipeline.commands) value = this.command(command, dot, value);
    return value === NOTHING_PIPED ? undefined : value;
  }

  private command(command: Command, dot: unknown, piped: unknown): unknown {
    this.step(command.position);
    const [first, ...rest] = command.operands as [Operand, ...Operand[]];
    if (first.kind === "identifier") {
      return this.call(first.name, { command, operands: rest }, dot, piped);
    }
    const isChain = first.kind === "field" || first.kind === "chain" || first.kind === "variable";
    if (isChain && first.names.length > 0) {
      return this.fieldChain(first, { command, operands: rest }, dot, piped);
    }
    if (rest.length > 0 || piped !== NOTHING_PIPED) {
      this.fail(placeOf(first), `can't give argument to non-function ${formatOperand(first)}`);
    }
    if (first.kind === "nil") this.fail(placeOf(first), "nil is not a command");
    return this.operand(first, dot);
  }

  private operand(operand: Operand, dot: unknown): unknown {
    switch (operand.kind) {
      case "dot":
        return dot;
      case "nil":
        return undefined;
      case "bool":
      case "string":
        return operand.value;
      case "number":
        return numberValue(operand);
      case "pipeline":
        return this.deeper(placeOf(operand), () => this.pipeline(operand, dot));
      case "identifier":
        return this.call(
          operand.name,
          { command: undefined, operands: [] },
          dot,
          NOTHING_PIPED,
          operand,
        );
      case "variable":
        if (operand.names.length === 0) return this.variable(operand.name);
        return this.fieldChain(operand, { command: undefined, operands: [] }, dot, NOTHING_PIPED);
      case "field":
      case "chain":
        return this.fieldChain(operand, { command: undefined, operands: [] }, dot, NOTHING_PIPED);
    }
  }

  private variable(name: string): unknown {
    return this.frame.variables.findLast((variable) => variable.name === name)?.value;
  }

  /** `.A.B args`: only the last name may take arguments. */
  private fieldChain(
    operand: Extract<Operand, { kind: "field" | "chain" | "variable" }>,
    { operands }: Arguments,
    dot: unknown,
    piped: unknown,
  ): unknown {
    const place = placeOf(operand);
    let value = this.chainStart(operand, dot);
    operand.names.forEach((name, index) => {
      const isLast = index === operand.names.length - 1;
      const answer = this.field(value, name, place);
      const given = isLast ? operands.map((argument) => this.operand(argument, dot)) : [];
      if (isLast && piped !== NOTHING_PIPED) given.push(piped);
      if (answer.kind === "method") {
        value = this.guard(place, () => callFunction(name, answer.method, given, this), name);
      } else if (given.length > 0) {
        this.fail(
          place,
          answer.kind === "key"
            ? `${name} is not a method but has arguments`
            : `${name} has arguments but cannot be invoked as function`,
        );
      } else value = answer.value;
    });
    return value;
  }

  private chainStart(
    operand: Extract<Operand, { kind: "field" | "chain" | "variable" }>,
    dot: unknown,
  ): unknown {
    if (operand.kind === "field") return dot;
    if (operand.kind === "variable") return this.variable(operand.name);
    if (operand.base.kind === "nil") {
      this.fail(placeOf(operand), `indirection through explicit nil in ${formatOperand(operand)}`);
    }
    return this.operand(operand.base, dot);
  }

  private field(value: unknown, name: string, place: Place): FieldAnswer {
    const answer = fieldOf(value, name);
    if (answer !== undefined) return answer;
    if (isNil(value)) return this.fail(place, `nil data; no entry for key ${JSON.stringify(name)}`);
    return this.fail(place, `can't evaluate field ${name} in type ${typeName(value)}`);
  }

  private call(
    name: string,
    given: Arguments,
    dot: unknown,
    piped: unknown,
    operand?: Operand,
  ): unknown {
    const place =
      given.command === undefined
        ? placeOf(operand as Operand)
        : { position: given.command.position, text: formatCommand(given.command) };
    if (name === "and" || name === "or") return this.shortCircuit(name, given, dot, piped, place);
    const values = given.operands.map((argument) => this.operand(argument, dot));
    if (piped !== NOTHING_PIPED) values.push(piped);
    const { functions } = this.evaluation;
    const called = Object.hasOwn(functions, name) ? functions[name] : BUILTINS[name];
    if (called === undefined) {
      return this.fail(place, `${JSON.stringify(name)} is not a defined function`);
    }
    return this.guard(
      place,
      () => this.outcome(name, callFunction(name, called, values, this)),
      name,
    );
  }

  private shortCircuit(
    name: "and" | "or",
    given: Arguments,
    dot: unknown,
    piped: unknown,
    place: Place,
  ): unknown {
    if (given.operands.length === 0 && piped === NOTHING_PIPED) {
      this.fail(place, `wrong number of args for ${name}: want at least 1 got 0`);
    }
    let value: unknown;
    for (const argument of given.operands) {
      value = this.operand(argument, dot);
      if (isTrue(value) === (name === "or")) return value;
    }
    return piped === NOTHING_PIPED ? value : piped;
  }

  /** Text made by functions is bounded: a loop could otherwise build up what is never printed. */
  private outcome(name: string, value: unknown): unknown {
    if (typeof value === "string") this.produced += value.length;
    if (this.produced > MAX_PRODUCED_CHARACTERS) {
      throw new FunctionError(
        `results of functions are longer than ${MAX_PRODUCED_CHARACTERS} characters in all`,
      );
    }
    return name === "html" && this.evaluation.escape === "html"
      ? this.output.markHtml(value)
      : value;
  }

  private deeper<Result>(place: Place, work: () => Result): Result {
    if (++this.depth > MAX_DEPTH) {
      this.fail(place, `exceeded maximum template depth (${MAX_DEPTH})`);
    }
    const result = work();
    this.depth--;
    return result;
  }

  private step(position: number): void {
    if (++this.steps > MAX_STEPS) {
      this.fail({ position, text: "…" }, `exceeded maximum number of steps (${MAX_STEPS})`);
    }
  }

  /** Runs what may throw, adding the place to its message. */
  private guard<Result>(place: Place, work: () => Result, calling?: string): Result {
    try {
      return work();
    } catch (error) {
      if (error instanceof OutputError) return this.fail(place, error.message, error);
      if (error instanceof FunctionError) {
        if (calling === undefined) return this.fail(place, error.message, error);
        if (error.isUsage) {
          return this.fail(
            { ...place, text: place.text.split(" ")[0] as string },
            error.message,
            error,
          );
        }
        return this.fail(place, `error calling ${calling}: ${error.message}`, error);
      }
      if (error instanceof TemplateError && calling !== undefined) {
        return this.fail(place, `error calling ${calling}: ${error.message}`, error);
      }
      throw error;
    }
  }

  private fail(place: Place, detail: string, cause?: unknown): never {
    const { tree, name } = this.frame;
    const before = tree.source.slice(0, place.position);
    const line = before.split("\n").length;
    const column = Buffer.byteLength(before.slice(before.lastIndexOf("\n") + 1));
    const where = `template: ${tree.sourceName}:${line}:${column}: executing ${JSON.stringify(name)} at <${place.text}>`;
    throw new TemplateError(`${where}: ${detail}`, { cause });
  }
}

interface Arguments {
  /** Undefined for a function named as an argument of another. */
  readonly command: Command | undefined;
  readonly operands: readonly Operand[];
}

const placeOf = (operand: Operand): Place => ({
  position: operand.position,
  text: formatOperand(operand),
});

function numberValue(operand: NumberOperand): unknown {
  return operand.isFloat || operand.integer === undefined ? operand.float : operand.integer;
}
