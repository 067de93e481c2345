import { PihealthError } from "../../exporter/shared/model/errors.js";
import { formatValue } from "./go-format.js";
import { isNil } from "./template-values.js";

/** Longest text one rendering may yield. */
export const MAX_OUTPUT_CHARACTERS = 1_048_576;

/** The text is longer than allowed, or an action stands where HTML mode cannot escape it. */
export class OutputError extends PihealthError {
  readonly code = "bad_template_output";
}

/** Where a rendering goes: the template's own text, and what its actions print. */
export interface TemplateOutput {
  readonly text: string;
  /** @throws {OutputError} */
  write(text: string): void;
  /** @throws {OutputError} */
  print(value: unknown): void;
  /** Marks the result of the function `html`, so that it is not escaped twice. */
  markHtml(value: unknown): unknown;
}

export class TextOutput implements TemplateOutput {
  text = "";

  write(text: string): void {
    this.text += text;
    checkLength(this.text);
  }

  print(value: unknown): void {
    this.write(isNil(value) ? "<no value>" : formatValue(value));
  }

  markHtml(value: unknown): unknown {
    return value;
  }
}

export function checkLength(text: string): void {
  if (text.length <= MAX_OUTPUT_CHARACTERS) return;
  throw new OutputError(`output is longer than ${MAX_OUTPUT_CHARACTERS} characters`);
}
