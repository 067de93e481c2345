import type { TemplateTree } from "./parser.js";
import { FunctionError, OutputError, TemplateError } from "./template-error.js";

/** Nodes, commands and loop iterations of one rendering. */
export const MAX_STEPS = 500_000;
/** Nesting of templates, branches and parentheses. */
export const MAX_DEPTH = 500;
/** Characters that functions may return in one rendering, whether they are printed or not. */
const MAX_FUNCTION_CHARACTERS = 16 * 1_048_576;

/** A place in a template, for errors. */
export interface Place {
  readonly position: number;
  /** The text that Go prints between angle brackets. */
  readonly text: string;
}

interface Variable {
  readonly name: string;
  value: unknown;
}

/** A template that is being rendered, with its own variables. */
interface Frame {
  readonly name: string;
  /** The tree that positions refer to. */
  readonly tree: TemplateTree;
  readonly variables: Variable[];
}

/** The state of one rendering: the current template with its variables, and the limits. */
export class Rendering {
  private steps = 0;
  private depth = 0;
  private functionCharacters = 0;
  private frame: Frame;

  constructor(name: string) {
    this.frame = { name, tree: { sourceName: name, source: "", nodes: [] }, variables: [] };
  }

  /** Runs the body of a template; `$` is its data. */
  inTemplate(template: { name: string; tree: TemplateTree; data: unknown }, run: () => void): void {
    const { name, tree, data } = template;
    const outer = this.frame;
    this.frame = { name, tree, variables: [{ name: "$", value: data }] };
    this.nested({ position: 0, text: name }, run);
    this.frame = outer;
  }

  /** Runs a block, and removes the variables that it declared. */
  inBlock<Result>(run: () => Result): Result {
    const { variables } = this.frame;
    const outerCount = variables.length;
    const result = run();
    variables.length = outerCount;
    return result;
  }

  variable(name: string): unknown {
    return this.frame.variables.findLast((variable) => variable.name === name)?.value;
  }

  /** Declares a variable, or with `assigns` changes an existing one. */
  setVariable(name: string, value: unknown, assigns: boolean): void {
    const existing = assigns
      ? this.frame.variables.findLast((variable) => variable.name === name)
      : undefined;
    if (existing === undefined) this.frame.variables.push({ name, value });
    else existing.value = value;
  }

  /** @throws {TemplateError} when the rendering takes more steps than allowed */
  countStep(position: number): void {
    if (++this.steps > MAX_STEPS) {
      this.fail({ position, text: "…" }, `exceeded maximum number of steps (${MAX_STEPS})`);
    }
  }

  /**
   * Limits the texts that functions return, since a loop can build long texts without printing
   * them.
   */
  countFunctionResult(value: unknown): void {
    if (typeof value === "string") this.functionCharacters += value.length;
    if (this.functionCharacters > MAX_FUNCTION_CHARACTERS) {
      throw new FunctionError(
        `results of functions are longer than ${MAX_FUNCTION_CHARACTERS} characters in all`,
      );
    }
  }

  nested<Result>(place: Place, run: () => Result): Result {
    if (++this.depth > MAX_DEPTH) {
      this.fail(place, `exceeded maximum template depth (${MAX_DEPTH})`);
    }
    const result = run();
    this.depth--;
    return result;
  }

  /** Runs a function of templates or a write to the output, and adds the place to its errors. */
  guard<Result>(place: Place, run: () => Result, functionName?: string): Result {
    try {
      return run();
    } catch (error) {
      return this.failWithPlace(error, place, functionName);
    }
  }

  private failWithPlace(error: unknown, place: Place, functionName: string | undefined): never {
    if (error instanceof OutputError) return this.fail(place, error.message, error);
    if (error instanceof FunctionError && functionName === undefined) {
      return this.fail(place, error.message, error);
    }
    if (error instanceof FunctionError && error.isUsage) {
      const [text = ""] = place.text.split(" ");
      return this.fail({ ...place, text }, error.message, error);
    }
    const isOfCall = error instanceof FunctionError || error instanceof TemplateError;
    if (!isOfCall || functionName === undefined) throw error;
    return this.fail(place, `error calling ${functionName}: ${error.message}`, error);
  }

  /** @throws {TemplateError} with Go's description of the place */
  fail(place: Place, detail: string, cause?: unknown): never {
    const { tree, name } = this.frame;
    const before = tree.source.slice(0, place.position);
    const line = before.split("\n").length;
    const column = Buffer.byteLength(before.slice(before.lastIndexOf("\n") + 1));
    const where = `template: ${tree.sourceName}:${line}:${column}: executing ${JSON.stringify(name)} at <${place.text}>`;
    throw new TemplateError(`${where}: ${detail}`, { cause });
  }
}
