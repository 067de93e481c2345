import { formatValue } from "./go-format.js";
import { formatCommand } from "./nodes.js";
import type { BranchNode, Node, Pipeline } from "./nodes.js";
import { TemplateOutput } from "./output.js";
import type { TemplateTree, TemplateTrees } from "./parser.js";
import { PipelineEvaluator } from "./pipeline-evaluator.js";
import { Rendering, type Place } from "./rendering.js";
import { FunctionError } from "./template-error.js";
import {
  isList,
  isMap,
  isNil,
  isTrue,
  type CallContext,
  type FunctionTable,
} from "./template-values.js";

export interface Evaluation {
  readonly name: string;
  readonly data: unknown;
  readonly trees: TemplateTrees;
  readonly functions: FunctionTable;
}

/** @throws {TemplateError} */
export function evaluate(evaluation: Evaluation): string {
  return new Evaluator(evaluation).renderTemplate(evaluation.name, evaluation.data);
}

type LoopExit = "break" | "continue" | undefined;

/** Walks the nodes of templates and writes their output. */
class Evaluator implements CallContext {
  private readonly rendering: Rendering;
  private readonly pipelines: PipelineEvaluator;
  private output = new TemplateOutput();

  constructor(private readonly evaluation: Evaluation) {
    this.rendering = new Rendering(evaluation.name);
    this.pipelines = new PipelineEvaluator({
      rendering: this.rendering,
      functions: evaluation.functions,
      context: this,
    });
  }

  /** Renders a named template to a separate output, for the whole rendering and for `tmpl`. */
  renderTemplate(name: string, data: unknown): string {
    const tree = this.evaluation.trees.get(name);
    if (tree === undefined) throw new FunctionError(`template ${JSON.stringify(name)} not defined`);
    const outer = this.output;
    this.output = new TemplateOutput();
    this.run(name, tree, data);
    const { text } = this.output;
    this.output = outer;
    return text;
  }

  private run(name: string, tree: TemplateTree, data: unknown): void {
    this.rendering.inTemplate({ name, tree, data }, () => this.walkAll(tree.nodes, data));
  }

  private walkAll(nodes: readonly Node[], dot: unknown): LoopExit {
    for (const node of nodes) {
      const exit = this.walk(node, dot);
      if (exit !== undefined) return exit;
    }
    return undefined;
  }

  private walk(node: Node, dot: unknown): LoopExit {
    const { position } = node;
    this.rendering.countStep(position);
    switch (node.kind) {
      case "text":
        this.rendering.guard({ position, text: "text" }, () => this.output.write(node.text));
        return undefined;
      case "action": {
        const value = this.pipelines.evaluate(node.pipeline, dot);
        if (node.pipeline.variables.length > 0) return undefined;
        const text = formatCommands(node.pipeline);
        this.rendering.guard({ position, text }, () => this.output.print(value, node.escapers));
        return undefined;
      }
      case "if":
      case "with":
      case "range":
        return this.branch(node, dot);
      case "template": {
        const tree = this.evaluation.trees.get(node.name);
        if (tree === undefined) {
          const place = { position, text: `{{template ${JSON.stringify(node.name)}}}` };
          return this.rendering.fail(place, `template ${JSON.stringify(node.name)} not defined`);
        }
        const { pipeline } = node;
        this.run(
          node.name,
          tree,
          pipeline === undefined ? undefined : this.pipelines.evaluate(pipeline, dot),
        );
        return undefined;
      }
      case "break":
      case "continue":
        return node.kind;
    }
  }

  private branch(node: BranchNode, dot: unknown): LoopExit {
    const place = { position: node.position, text: node.kind };
    return this.rendering.inBlock(() =>
      this.rendering.nested(place, () => {
        if (node.kind === "range") return this.range(node, dot);
        const value = this.pipelines.evaluate(node.pipeline, dot);
        if (isTrue(value)) return this.walkAll(node.body, node.kind === "with" ? value : dot);
        return this.walkAll(node.otherwise ?? [], dot);
      }),
    );
  }

  private range(node: BranchNode, dot: unknown): LoopExit {
    const place = { position: node.pipeline.position, text: formatCommands(node.pipeline) };
    const value = this.pipelines.valueOf(node.pipeline, dot);
    let iterations = 0;
    for (const [key, element] of this.entriesOf(value, place)) {
      iterations++;
      this.rendering.countStep(node.position);
      const exit = this.rendering.inBlock(() => {
        this.setLoopVariables(node.pipeline, key, element);
        return this.walkAll(node.body, element);
      });
      if (exit === "break") break;
    }
    return iterations === 0 ? this.walkAll(node.otherwise ?? [], dot) : undefined;
  }

  private *entriesOf(value: unknown, place: Place): Generator<[unknown, unknown]> {
    if (isNil(value)) return;
    if (isList(value)) {
      for (const [index, element] of value.entries()) yield [BigInt(index), element];
    } else if (isMap(value)) {
      for (const key of [...value.keys()].sort()) yield [key, value.get(key)];
    } else if (typeof value === "bigint") {
      for (let index = 0n; index < value; index++) yield [index, index];
    } else {
      const text = formatValue(value).slice(0, 60);
      this.rendering.fail(place, `range can't iterate over ${text}`);
    }
  }

  private setLoopVariables({ variables, assigns }: Pipeline, key: unknown, element: unknown): void {
    const [first, second] = variables;
    if (first === undefined) return;
    this.rendering.setVariable(first, second === undefined ? element : key, assigns);
    if (second !== undefined) this.rendering.setVariable(second, element, assigns);
  }
}

/** The commands of a pipeline, without its variables, as Go prints them in errors. */
const formatCommands = ({ commands }: Pipeline): string => commands.map(formatCommand).join(" | ");
