/**
 * Go's template language, for annotations of rules and for notifications. The text of a template
 * and a table of functions come in, a `CompiledTemplate` goes out; rendering it turns data into
 * text.
 *
 * Parsing and rendering are synchronous and run in whatever calls them: a rule group or the
 * delivery of a notification. Nothing can pause or abort a rendering, so steps, nesting, queries
 * and the length of texts have limits (rendering.ts, parser.ts, output.ts). A template with `query`
 * is rendered again with each answer (render-with-queries.ts).
 *
 * lexer.ts and parser.ts build the tree (nodes.ts), in HTML mode html-trees.ts adds escapers to it,
 * evaluator.ts and pipeline-evaluator.ts evaluate it, and the `go-*` files print values as Go does.
 */
import { evaluate } from "./evaluator.js";
import { escapeTrees } from "./html-trees.js";
import { MAX_TEMPLATE_CHARACTERS, parseTemplates, type TemplateTrees } from "./parser.js";
import { TemplateError } from "./template-error.js";
import type { FunctionTable } from "./template-values.js";

/** A parsed template, which can be rendered any number of times. */
export interface CompiledTemplate {
  readonly name: string;
  /**
   * @param functions replace functions of the same name that the template was compiled with
   * @throws {TemplateError} when a field or function fails or a limit is exceeded
   */
  render(data: unknown, functions?: FunctionTable): string;
}

/** Named templates (`{{ define "x" }}`) that several templates share. */
export interface TemplateDefinitions {
  readonly trees: TemplateTrees;
}

export interface TemplateSource {
  /** The name in messages, such as a file name. */
  readonly name: string;
  readonly text: string;
}

export interface TemplateOptions {
  /**
   * With `html`, the values of actions are escaped according to their context, as in Go's
   * html/template. An action that cannot be escaped where it stands is an error of the compilation.
   */
  readonly escape?: "none" | "html";
  readonly definitions?: TemplateDefinitions;
}

/** @throws {TemplateError} for the first text that does not parse */
export function compileDefinitions(
  sources: readonly TemplateSource[],
  functions: FunctionTable,
): TemplateDefinitions {
  const trees: TemplateTrees = new Map();
  for (const { name, text } of sources) addTrees(trees, name, text, functions);
  return { trees };
}

/**
 * Parses a text in the language of Go's text/template.
 *
 * @param name the name in messages
 * @throws {TemplateError} when the text does not parse or uses an unknown function
 */
export function compileTemplate(
  name: string,
  text: string,
  functions: FunctionTable,
  options: TemplateOptions = {},
): CompiledTemplate {
  const parsed: TemplateTrees = new Map(options.definitions?.trees);
  addTrees(parsed, name, text, functions);
  const trees = options.escape === "html" ? escapeTrees(parsed, name) : parsed;
  return {
    name,
    render: (data, replacements) =>
      evaluate({ name, data, trees, functions: { ...functions, ...replacements } }),
  };
}

function addTrees(
  trees: TemplateTrees,
  name: string,
  text: string,
  functions: FunctionTable,
): void {
  if (text.length > MAX_TEMPLATE_CHARACTERS) {
    throw new TemplateError(
      `template: ${name}: text is longer than ${MAX_TEMPLATE_CHARACTERS} characters`,
    );
  }
  for (const [defined, tree] of parseTemplates(name, text, functions)) trees.set(defined, tree);
}
