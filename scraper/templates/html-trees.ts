/**
 * HTML mode: a set of templates is rewritten once, before it is rendered, so that every action
 * escapes its value for the context where it stands. As in Go's html/template, the context must not
 * depend on the data: both sides of a branch end in one context, a loop ends where it began.
 */
import {
  atAction,
  contextKey,
  describe,
  failed,
  isComment,
  isSame,
  join,
  START,
  type HtmlContext,
  type State,
} from "./html/context.js";
import { readText } from "./html/template-text.js";
import type { ActionNode, BranchNode, Node, Pipeline, TemplateCallNode } from "./nodes.js";
import type { HtmlEscaper } from "./html-values.js";
import type { TemplateTree, TemplateTrees } from "./parser.js";
import { TemplateError } from "./template-error.js";

/** Nodes that one template may take, counting a template again for each context that calls it. */
const MAX_NODES = 200_000;
const MAX_CALL_DEPTH = 200;

/**
 * @param trees templates by name
 * @param name the template that is rendered; templates that it does not reach are left out
 * @throws {TemplateError} when an action cannot be escaped, or a tag is not closed
 */
export function escapeTrees(trees: TemplateTrees, name: string): TemplateTrees {
  const escaped: TemplateTrees = new Map();
  const budget = { nodes: MAX_NODES };
  const escaper = new TreeEscaper({ trees, budget, escaped }, new Map());
  const { context } = escaper.template(START, name, undefined);
  if (context.state === "error") throw problemOf(context, name);
  if (context.state !== "text") {
    throw new TemplateError(
      `html/template: "${name}" ends in a non-text context: ${describe(context)}`,
    );
  }
  return escaped;
}

const problemOf = (context: HtmlContext, name: string): TemplateError =>
  new TemplateError(`html/template:${context.problem ?? name}`);

interface Surroundings {
  readonly trees: TemplateTrees;
  readonly budget: { nodes: number };
  /** Results, by the name and the context of the call. */
  readonly escaped: TemplateTrees;
}

interface EscapedNodes {
  readonly context: HtmlContext;
  readonly nodes: readonly Node[];
}

interface LoopExits {
  readonly outer: LoopExits | undefined;
  readonly contexts: { readonly kind: "break" | "continue"; readonly context: HtmlContext }[];
}

/** Escapes templates under assumptions about the contexts in which recursive templates end. */
class TreeEscaper {
  private readonly called = new Set<string>();
  private tree: TemplateTree | undefined;
  private loop: LoopExits | undefined;

  constructor(
    private readonly surroundings: Surroundings,
    /** The context after each template that is known or being tried. */
    private readonly outputs: Map<string, HtmlContext>,
    private readonly depth = 0,
  ) {}

  /** Escapes a template as it is called in a context. */
  template(
    context: HtmlContext,
    name: string,
    call: TemplateCallNode | undefined,
  ): { readonly context: HtmlContext; readonly name: string } {
    const key = context.state === "text" ? name : `${name} in ${contextKey(context)}`;
    this.called.add(key);
    const known = this.outputs.get(key);
    if (known !== undefined) return { context: known, name: key };
    const tree = this.surroundings.trees.get(name);
    if (tree === undefined) {
      return { context: this.problem(call, `no such template "${name}"`), name: key };
    }
    if (this.depth > MAX_CALL_DEPTH) {
      const detail = `templates call each other deeper than ${MAX_CALL_DEPTH}`;
      return { context: this.problem(call, detail), name: key };
    }
    return { context: this.outputContext(context, key, tree), name: key };
  }

  private outputContext(context: HtmlContext, key: string, tree: TemplateTree): HtmlContext {
    const first = this.tryBody(context, key, tree);
    if (first.isRight) return first.context;
    // A template that calls itself: assume that it ends where the first try ended.
    const second = this.tryBody(first.context, key, tree);
    if (second.isRight) return second.context;
    if (first.context.state === "error") return first.context;
    return this.problem(undefined, `cannot compute output context for template ${key}`);
  }

  private tryBody(
    assumed: HtmlContext,
    key: string,
    tree: TemplateTree,
  ): { readonly context: HtmlContext; readonly isRight: boolean } {
    this.outputs.set(key, assumed);
    const inner = new TreeEscaper(
      { ...this.surroundings, escaped: new Map() },
      new Map(this.outputs),
      this.depth + 1,
    );
    inner.tree = tree;
    const { context, nodes } = inner.list(assumed, tree.nodes);
    const isRight =
      context.state !== "error" && (!inner.called.has(key) || isSame(assumed, context));
    if (isRight) {
      for (const [name, output] of inner.outputs) this.outputs.set(name, output);
      for (const [name, result] of inner.surroundings.escaped) {
        this.surroundings.escaped.set(name, result);
      }
      for (const name of inner.called) this.called.add(name);
      this.surroundings.escaped.set(key, { ...tree, nodes });
      this.outputs.set(key, context);
    }
    return { context, isRight };
  }

  private list(start: HtmlContext, nodes: readonly Node[]): EscapedNodes {
    const escaped: Node[] = [];
    let context = start;
    for (const node of nodes) {
      const result = this.node(context, node);
      context = result.context;
      escaped.push(result.node);
      if (context.state === "unreachable") break;
    }
    return { context, nodes: escaped };
  }

  private node(context: HtmlContext, node: Node): { context: HtmlContext; node: Node } {
    if (context.state === "error") return { context, node };
    if (--this.surroundings.budget.nodes < 0) {
      return { context: this.problem(node, `more than ${MAX_NODES} nodes to escape`), node };
    }
    switch (node.kind) {
      case "text": {
        const read = readText(context, node.text);
        return { context: this.placed(read.context, node), node: { ...node, text: read.output } };
      }
      case "action":
        return this.action(context, node);
      case "template": {
        const { context: after, name } = this.template(context, node.name, node);
        return { context: after, node: { ...node, name } };
      }
      case "break":
      case "continue":
        this.loop?.contexts.push({ kind: node.kind, context });
        return { context: { ...START, state: "unreachable" }, node };
      case "if":
      case "with":
        return this.branch(context, node);
      case "range":
        return this.range(context, node);
    }
  }

  private branch(start: HtmlContext, node: BranchNode): { context: HtmlContext; node: Node } {
    const body = this.list(start, node.body);
    const otherwise = this.list(start, node.otherwise ?? []);
    const context = this.placed(join(body.context, otherwise.context, node.kind), node);
    return { context, node: withBodies(node, body, otherwise) };
  }

  private range(start: HtmlContext, node: BranchNode): { context: HtmlContext; node: Node } {
    const body = this.loopBody(start, node);
    if (body.context.state === "error") return { context: body.context, node };
    // The body runs again from where it ended.
    const again = isSame(body.context, start) ? body : this.loopBody(body.context, node);
    const repeated = join(body.context, again.context, "range");
    if (repeated.state === "error") {
      const detail = `on range loop re-entry: ${repeated.problem ?? ""}`;
      return { context: this.placed(failed(detail), node), node };
    }
    const otherwise = this.list(start, node.otherwise ?? []);
    const context = this.placed(join(repeated, otherwise.context, "range"), node);
    return { context, node: withBodies(node, body, otherwise) };
  }

  private loopBody(start: HtmlContext, node: BranchNode): EscapedNodes {
    this.loop = { outer: this.loop, contexts: [] };
    const { contexts } = this.loop;
    const body = this.list(start, node.body);
    this.loop = this.loop.outer;
    let { context } = body;
    for (const exit of contexts) {
      const joined = join(context, exit.context, "range");
      if (context.state !== "error" && joined.state === "error") {
        const detail = `at range loop ${exit.kind}: ${joined.problem ?? ""}`;
        return { context: this.placed(failed(detail), node), nodes: body.nodes };
      }
      context = joined;
    }
    return { context, nodes: body.nodes };
  }

  private action(before: HtmlContext, node: ActionNode): { context: HtmlContext; node: Node } {
    if (node.pipeline.variables.length > 0) return { context: before, node };
    const context = atAction(before);
    const misused = misusedEscaper(context, node.pipeline);
    if (misused !== undefined) {
      const detail = `predefined escaper "${misused}" disallowed in template`;
      return { context: this.problem(node, detail), node };
    }
    const escapers = escapersAt(context);
    if (escapers === undefined) {
      const detail = "an action appears in an ambiguous context within a URL";
      return { context: this.problem(node, detail), node };
    }
    const merged = mergeEscapers(node.pipeline, escapers);
    const after: HtmlContext =
      context.state === "script" ? { ...context, slash: "division" } : context;
    return { context: after, node: { ...node, ...merged } };
  }

  /** Adds the place to an error that has none. */
  private placed(context: HtmlContext, node: Node): HtmlContext {
    if (context.state !== "error" || context.problem?.startsWith(" line ") === true) return context;
    return this.problem(node, context.problem ?? "");
  }

  private problem(node: Node | undefined, detail: string): HtmlContext {
    const { sourceName = "", source = "" } = this.tree ?? {};
    const line = source.slice(0, node?.position ?? 0).split("\n").length;
    return failed(` line ${line} of ${JSON.stringify(sourceName)}: ${detail}`);
  }
}

const withBodies = (node: BranchNode, body: EscapedNodes, otherwise: EscapedNodes): BranchNode => ({
  ...node,
  body: body.nodes,
  otherwise: node.otherwise === undefined ? undefined : otherwise.nodes,
});

const PREDEFINED: ReadonlySet<string> = new Set(["html", "urlquery"]);

/** `html` and `urlquery` may only be the last command, and `html` not in an unquoted attribute. */
function misusedEscaper(context: HtmlContext, { commands }: Pipeline): string | undefined {
  const isUnquoted = context.state === "attribute" && context.delimiter === "space or end of tag";
  for (const [index, { operands }] of commands.entries()) {
    const [first] = operands;
    if (first.kind !== "identifier" || !PREDEFINED.has(first.name)) continue;
    const isLast = index === commands.length - 1;
    if (!isLast || (isUnquoted && first.name === "html")) return first.name;
  }
  return undefined;
}

/** Undefined where a value may stand before or after the `?` of a URL. */
function escapersAt(context: HtmlContext): HtmlEscaper[] | undefined {
  const inner = innerEscapers(context);
  if (inner === undefined || context.delimiter === "none") return inner;
  const isUnquoted = context.delimiter === "space or end of tag";
  return [...inner, isUnquoted ? "unquoted attribute" : "attribute"];
}

const URL_STATES: ReadonlySet<State> = new Set([
  "URL",
  "style double-quoted",
  "style single-quoted",
  "style double-quoted URL",
  "style single-quoted URL",
  "style URL",
]);
const STATE_ESCAPERS: Readonly<Partial<Record<State, HtmlEscaper>>> = {
  text: "html",
  "raw text": "raw text",
  "attribute name": "attribute name",
  srcset: "srcset",
  "meta URL": "URL filter",
  script: "script value",
  "script double-quoted": "script string",
  "script single-quoted": "script string",
  "script template": "script template",
  "script expression": "script expression",
  style: "style value",
};

function innerEscapers({ state, urlPart }: HtmlContext): HtmlEscaper[] | undefined {
  if (URL_STATES.has(state)) {
    const isString = state === "style double-quoted" || state === "style single-quoted";
    const path = isString ? "style string" : "URL path";
    if (urlPart === "unknown") return undefined;
    if (urlPart === "query or fragment") return ["URL query"];
    return urlPart === "start" ? ["URL filter", path] : [path];
  }
  if (isComment(state)) return ["comment"];
  const escaper = STATE_ESCAPERS[state];
  return escaper === undefined ? [] : [escaper];
}

/** Escapers that the functions `html` and `urlquery` of a template replace. */
const EQUIVALENTS: Readonly<Partial<Record<HtmlEscaper, "html()" | "urlquery()">>> = {
  attribute: "html()",
  html: "html()",
  "raw text": "html()",
  "URL query": "urlquery()",
  "URL path": "urlquery()",
};

/** Escapers after which `attribute` changes nothing. */
const SAFE_IN_ATTRIBUTE: ReadonlySet<HtmlEscaper> = new Set([
  "comment",
  "style string",
  "script expression",
  "script string",
  "script template",
]);

/** Combines the escapers with a function of the template that escapes, too. */
function mergeEscapers(
  pipeline: Pipeline,
  wanted: readonly HtmlEscaper[],
): { readonly pipeline: Pipeline; readonly escapers: readonly HtmlEscaper[] } {
  const last = pipeline.commands.at(-1);
  const first = last?.operands[0];
  if (last === undefined || first?.kind !== "identifier" || !PREDEFINED.has(first.name)) {
    return { pipeline, escapers: withoutRedundant(wanted) };
  }
  const own = first.name === "html" ? "html()" : "urlquery()";
  const before = pipeline.commands.slice(0, -1);
  // `html .a .b` is the same as `print .a .b | html`.
  const printed =
    before.length === 0
      ? [{ ...last, operands: [{ ...first, name: "print" }, ...last.operands.slice(1)] as const }]
      : before;
  const rest = wanted.map((escaper): HtmlEscaper => (EQUIVALENTS[escaper] === own ? own : escaper));
  const escapers: readonly HtmlEscaper[] = rest.includes(own) ? rest : [own, ...rest];
  return { pipeline: { ...pipeline, commands: printed }, escapers: withoutRedundant(escapers) };
}

const withoutRedundant = (escapers: readonly HtmlEscaper[]): HtmlEscaper[] =>
  escapers.filter((escaper, index) => {
    const previous = escapers[index - 1];
    if (escapers.indexOf(escaper) !== index) return false;
    return !(escaper === "attribute" && previous !== undefined && SAFE_IN_ATTRIBUTE.has(previous));
  });
