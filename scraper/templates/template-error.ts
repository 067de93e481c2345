import { PihealthError } from "../../exporter/shared/model/errors.js";

/** A template does not parse or cannot be rendered. The message is that of Go's text/template. */
export class TemplateError extends PihealthError {
  readonly code = "bad_template";
}

/** The output is too long, or HTML mode cannot escape an action where it stands. */
export class OutputError extends PihealthError {
  readonly code = "bad_template_output";
}

/** Thrown by functions. The evaluator turns it into a {@link TemplateError} with the place. */
export class FunctionError extends PihealthError {
  readonly code = "bad_template_call";

  /** @param isUsage the call is wrong in itself, so the function was not called */
  constructor(
    message: string,
    readonly isUsage = false,
  ) {
    super(message);
  }
}
