import { PihealthError } from "../../exporter/shared/model/errors.js";

/**
 * A template does not parse or cannot be rendered; the message is worded as Go's text/template
 * words it.
 */
export class TemplateError extends PihealthError {
  readonly code = "bad_template";
}

/** Thrown by functions: the evaluator adds the place and makes it a {@link TemplateError}. */
export class FunctionError extends PihealthError {
  readonly code = "bad_template_call";

  /** @param isUsage the function was not called at all: the message is complete without its name */
  constructor(
    message: string,
    readonly isUsage = false,
  ) {
    super(message);
  }
}
