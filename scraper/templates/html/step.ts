import type { HtmlContext } from "./context.js";

/** The context after the first `length` characters of a text. */
export interface Step {
  readonly context: HtmlContext;
  readonly length: number;
}

export const moved = (context: HtmlContext, length: number): Step => ({ context, length });
