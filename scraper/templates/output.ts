import { formatValue } from "./go-format.js";
import { escapeValue, type HtmlEscaper } from "./html-values.js";
import { OutputError } from "./template-error.js";
import { isNil } from "./template-values.js";

/** The greatest length of the output of one rendering. */
export const MAX_OUTPUT_CHARACTERS = 1_048_576;

/** The text that a rendering has written. */
export class TemplateOutput {
  text = "";

  /** @throws {OutputError} when the output becomes too long */
  write(text: string): void {
    this.text += text;
    if (this.text.length <= MAX_OUTPUT_CHARACTERS) return;
    throw new OutputError(`output is longer than ${MAX_OUTPUT_CHARACTERS} characters`);
  }

  /**
   * Writes the value of an action.
   *
   * @param escapers of HTML mode
   * @throws {OutputError} when the output becomes too long
   */
  print(value: unknown, escapers: readonly HtmlEscaper[] | undefined): void {
    if (escapers !== undefined) this.write(escapeValue(value, escapers));
    else this.write(isNil(value) ? "<no value>" : formatValue(value));
  }
}
