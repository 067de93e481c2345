import { BUILTINS } from "./builtin-functions.js";
import { fieldOf, type Field } from "./field-access.js";
import { callFunction } from "./function-calls.js";
import { formatCommand, formatOperand } from "./nodes.js";
import type { ChainOperand, Command, NumberOperand, Operand, Pipeline } from "./nodes.js";
import type { Place, Rendering } from "./rendering.js";
import {
  isNil,
  isTrue,
  typeName,
  type CallContext,
  type FunctionTable,
} from "./template-values.js";

/** The piped value of a command without one. */
const NOTHING_PIPED = Symbol("nothing piped");

/** The input of a command besides its arguments. */
interface CommandInput {
  readonly dot: unknown;
  readonly piped: unknown;
}

export interface PipelineSurroundings {
  readonly rendering: Rendering;
  readonly functions: FunctionTable;
  /** For functions that render other templates. */
  readonly context: CallContext;
}

/** Evaluates the pipelines of actions: operands, chains of fields, and function calls. */
export class PipelineEvaluator {
  private readonly rendering: Rendering;

  constructor(private readonly surroundings: PipelineSurroundings) {
    this.rendering = surroundings.rendering;
  }

  /** The value of a pipeline, after setting its variables. */
  evaluate(pipeline: Pipeline, dot: unknown): unknown {
    const value = this.valueOf(pipeline, dot);
    for (const name of pipeline.variables) {
      this.rendering.setVariable(name, value, pipeline.assigns);
    }
    return value;
  }

  /** The value of a pipeline; the caller sets its variables. */
  valueOf(pipeline: Pipeline, dot: unknown): unknown {
    let piped: unknown = NOTHING_PIPED;
    for (const command of pipeline.commands) piped = this.command(command, { dot, piped });
    return piped === NOTHING_PIPED ? undefined : piped;
  }

  private command(command: Command, input: CommandInput): unknown {
    this.rendering.countStep(command.position);
    const [first, ...rest] = command.operands;
    if (first.kind === "identifier") {
      const place = { position: command.position, text: formatCommand(command) };
      return this.call(first.name, rest, place, input);
    }
    if (isChain(first)) return this.chain(first, rest, input);
    if (rest.length > 0 || input.piped !== NOTHING_PIPED) {
      this.fail(first, `can't give argument to non-function ${formatOperand(first)}`);
    }
    if (first.kind === "nil") this.fail(first, "nil is not a command");
    return this.operand(first, input.dot);
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
        return this.rendering.nested(placeOf(operand), () => this.evaluate(operand, dot));
      case "identifier":
        return this.call(operand.name, [], placeOf(operand), { dot, piped: NOTHING_PIPED });
      case "variable":
        if (operand.names.length === 0) return this.rendering.variable(operand.name);
        return this.chain(operand, [], { dot, piped: NOTHING_PIPED });
      case "field":
      case "chain":
        return this.chain(operand, [], { dot, piped: NOTHING_PIPED });
    }
  }

  /** `.A.B arguments`: only the last name takes the arguments. */
  private chain(operand: ChainOperand, operands: readonly Operand[], input: CommandInput): unknown {
    const { dot, piped } = input;
    const place = placeOf(operand);
    let value = this.chainStart(operand, dot);
    for (const [index, name] of operand.names.entries()) {
      const isLast = index === operand.names.length - 1;
      const field = this.field(value, name, place);
      const given = isLast ? operands.map((argument) => this.operand(argument, dot)) : [];
      if (isLast && piped !== NOTHING_PIPED) given.push(piped);
      value = this.resolve(field, name, given, place);
    }
    return value;
  }

  private chainStart(operand: ChainOperand, dot: unknown): unknown {
    if (operand.kind === "field") return dot;
    if (operand.kind === "variable") return this.rendering.variable(operand.name);
    if (operand.base.kind === "nil") {
      this.fail(operand, `indirection through explicit nil in ${formatOperand(operand)}`);
    }
    return this.operand(operand.base, dot);
  }

  private field(value: unknown, name: string, place: Place): Field {
    const field = fieldOf(value, name);
    if (field !== undefined) return field;
    const detail = isNil(value)
      ? `nil data; no entry for key ${JSON.stringify(name)}`
      : `can't evaluate field ${name} in type ${typeName(value)}`;
    return this.rendering.fail(place, detail);
  }

  private resolve(field: Field, name: string, given: readonly unknown[], place: Place): unknown {
    if (field.kind === "method") {
      const call = (): unknown =>
        callFunction(name, field.method, given, this.surroundings.context);
      return this.rendering.guard(place, call, name);
    }
    if (given.length === 0) return field.value;
    const detail =
      field.kind === "key"
        ? `${name} is not a method but has arguments`
        : `${name} has arguments but cannot be invoked as function`;
    return this.rendering.fail(place, detail);
  }

  private call(
    name: string,
    operands: readonly Operand[],
    place: Place,
    input: CommandInput,
  ): unknown {
    if (name === "and" || name === "or") return this.shortCircuit(name, operands, place, input);
    const values = operands.map((argument) => this.operand(argument, input.dot));
    if (input.piped !== NOTHING_PIPED) values.push(input.piped);
    const { functions, context } = this.surroundings;
    const called = Object.hasOwn(functions, name) ? functions[name] : BUILTINS[name];
    if (called === undefined) {
      return this.rendering.fail(place, `${JSON.stringify(name)} is not a defined function`);
    }
    const call = (): unknown => {
      const value = callFunction(name, called, values, context);
      this.rendering.countFunctionResult(value);
      return value;
    };
    return this.rendering.guard(place, call, name);
  }

  /** `and` and `or` evaluate no argument after the one that decides the result. */
  private shortCircuit(
    name: "and" | "or",
    operands: readonly Operand[],
    place: Place,
    { dot, piped }: CommandInput,
  ): unknown {
    if (operands.length === 0 && piped === NOTHING_PIPED) {
      this.rendering.fail(place, `wrong number of args for ${name}: want at least 1 got 0`);
    }
    let value: unknown;
    for (const argument of operands) {
      value = this.operand(argument, dot);
      if (isTrue(value) === (name === "or")) return value;
    }
    return piped === NOTHING_PIPED ? value : piped;
  }

  private fail(operand: Operand, detail: string): never {
    return this.rendering.fail(placeOf(operand), detail);
  }
}

/** True for an operand that starts or continues a chain of fields; a variable alone is none. */
const isChain = (operand: Operand): operand is ChainOperand =>
  (operand.kind === "field" || operand.kind === "chain" || operand.kind === "variable") &&
  operand.names.length > 0;

const placeOf = (operand: Operand): Place => ({
  position: operand.position,
  text: formatOperand(operand),
});

const numberValue = ({ isFloat, integer, float }: NumberOperand): unknown =>
  isFloat || integer === undefined ? float : integer;
