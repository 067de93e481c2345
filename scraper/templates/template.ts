import { evaluate, type Escaping } from "./evaluator.js";
import { MAX_TEMPLATE_CHARACTERS, parseTemplates, type TemplateTrees } from "./parser.js";
import { TemplateError } from "./template-error.js";
import type { FunctionTable } from "./template-values.js";

/** A template ready to be rendered any number of times. */
export interface CompiledTemplate {
  readonly name: string;
  /**
   * @param functions take the place of those of the same name that the template was compiled with
   * @throws {TemplateError} when a field, function or bound fails; nothing is returned of what was rendered so far
   */
  render(data: unknown, functions?: FunctionTable): string;
}

/** Named templates (`{{ define "x" }}`) shared by many templates. */
export interface TemplateDefinitions {
  readonly trees: TemplateTrees;
}

export interface TemplateSource {
  /** For messages: a file name. */
  readonly name: string;
  readonly text: string;
}

export interface TemplateOptions {
  /**
   * `html`: what actions print is escaped for the place in the HTML text where it lands, as Go's
   * html/template does.
   */
  readonly escape?: Escaping;
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
 * Compiles a text in the language of Go's text/template.
 *
 * @param name how messages call the template
 * @throws {TemplateError} when it does not parse or uses an unknown function
 */
export function compileTemplate(
  name: string,
  text: string,
  functions: FunctionTable,
  options: TemplateOptions = {},
): CompiledTemplate {
  const trees: TemplateTrees = new Map(options.definitions?.trees);
  addTrees(trees, name, text, functions);
  const escape = options.escape ?? "none";
  return {
    name,
    render: (data, replaced) => {
      return evaluate({ name, data, trees, functions: { ...functions, ...replaced }, escape });
    },
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
