import { formatValue } from "./go-format.js";
import { OutputError } from "./template-error.js";
import { isNil } from "./template-values.js";

/** The greatest length of the output of one rendering. */
export const MAX_OUTPUT_CHARACTERS = 1_048_576;

export interface TemplateOutput {
  readonly text: string;
  /**
   * Writes text of the template itself.
   *
   * @throws {OutputError}
   */
  write(text: string): void;
  /**
   * Writes the value of an action, with escapes in HTML mode.
   *
   * @throws {OutputError}
   */
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
