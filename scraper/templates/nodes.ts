import type { HtmlEscaper } from "./html-values.js";

/** The tree of a parsed template. Positions are offsets in the source, in characters. */
export type Node = TextNode | ActionNode | BranchNode | TemplateCallNode | LoopExitNode;

export interface TextNode {
  readonly kind: "text";
  readonly position: number;
  readonly text: string;
}

export interface ActionNode {
  readonly kind: "action";
  readonly position: number;
  readonly pipeline: Pipeline;
  /** In HTML mode; they apply in this order. */
  readonly escapers?: readonly HtmlEscaper[];
}

export interface BranchNode {
  readonly kind: "if" | "with" | "range";
  readonly position: number;
  readonly pipeline: Pipeline;
  readonly body: readonly Node[];
  /** Undefined without `{{ else }}`. */
  readonly otherwise: readonly Node[] | undefined;
}

export interface TemplateCallNode {
  readonly kind: "template";
  readonly position: number;
  readonly name: string;
  readonly pipeline: Pipeline | undefined;
}

export interface LoopExitNode {
  readonly kind: "break" | "continue";
  readonly position: number;
}

export interface Pipeline {
  readonly kind: "pipeline";
  readonly position: number;
  /** Names with their `$`. */
  readonly variables: readonly string[];
  /** `=` instead of `:=`. */
  readonly assigns: boolean;
  readonly commands: readonly Command[];
}

export interface Command {
  readonly position: number;
  readonly operands: readonly [Operand, ...Operand[]];
}

export type Operand =
  | { readonly kind: "identifier"; readonly position: number; readonly name: string }
  | { readonly kind: "field"; readonly position: number; readonly names: readonly string[] }
  | {
      readonly kind: "variable";
      readonly position: number;
      readonly name: string;
      readonly names: readonly string[];
    }
  | {
      readonly kind: "chain";
      readonly position: number;
      readonly base: Operand;
      readonly names: readonly string[];
    }
  | { readonly kind: "dot" | "nil"; readonly position: number }
  | { readonly kind: "bool"; readonly position: number; readonly value: boolean }
  | {
      readonly kind: "string";
      readonly position: number;
      readonly value: string;
      readonly source: string;
    }
  | NumberOperand
  | Pipeline;

/** An operand with names of fields: `.A.B`, `$x.A`, `(…).A`. */
export type ChainOperand = Extract<Operand, { readonly kind: "field" | "variable" | "chain" }>;

export interface NumberOperand {
  readonly kind: "number";
  readonly position: number;
  readonly source: string;
  /** Undefined when the constant is not a 64-bit integer. */
  readonly integer: bigint | undefined;
  readonly float: number;
  /** Written with a point or an exponent, so its default type is float64. */
  readonly isFloat: boolean;
}

/** Prints an operand as Go does in error messages. */
export function formatOperand(operand: Operand): string {
  switch (operand.kind) {
    case "identifier":
      return operand.name;
    case "field":
      return dotted(operand.names);
    case "variable":
      return operand.name + dotted(operand.names);
    case "chain":
      return (
        (operand.base.kind === "pipeline"
          ? `(${formatPipeline(operand.base)})`
          : formatOperand(operand.base)) + dotted(operand.names)
      );
    case "dot":
      return ".";
    case "nil":
      return "nil";
    case "bool":
      return String(operand.value);
    case "string":
    case "number":
      return operand.source;
    case "pipeline":
      return `(${formatPipeline(operand)})`;
  }
}

export function formatCommand(command: Command): string {
  return command.operands.map(formatOperand).join(" ");
}

export function formatPipeline(pipeline: Pipeline): string {
  const target =
    pipeline.variables.length === 0
      ? ""
      : `${pipeline.variables.join(", ")} ${pipeline.assigns ? "=" : ":="} `;
  return target + pipeline.commands.map(formatCommand).join(" | ");
}

const dotted = (names: readonly string[]): string => names.map((name) => `.${name}`).join("");
