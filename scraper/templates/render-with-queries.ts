import { messageOf, PihealthError } from "../../exporter/shared/model/errors.js";
import { nowFunction, type TemplateSample } from "./prometheus-functions.js";
import { FunctionError } from "./template-error.js";
import { templateFunction } from "./template-values.js";
import type { CompiledTemplate } from "./template.js";

/** Different expressions one rendering may ask for. */
export const MAX_QUERIES_PER_RENDERING = 50;

export interface QuerySurroundings {
  readonly timeMs: number;
  /** Answers an expression at `timeMs`; what it rejects with fails the rendering. */
  readonly ask: (expression: string) => Promise<readonly TemplateSample[]>;
}

/** Leaves a rendering that needs an answer it does not have yet. */
class QueryNeeded extends PihealthError {
  readonly code = "query_needed";

  constructor(readonly expression: string) {
    super(`Cannot render template: the answer to ${expression} is not known yet`);
  }
}

/**
 * Renders a template that may use `query`. Rendering itself never waits: where an answer is missing
 * it stops, the answer is fetched, and rendering begins again with all answers known so far.
 *
 * @throws {TemplateError}
 */
export async function renderWithQueries(
  template: CompiledTemplate,
  data: unknown,
  { timeMs, ask }: QuerySurroundings,
): Promise<string> {
  const answers = new Map<string, readonly TemplateSample[] | Error>();
  const query = templateFunction(["string"], (expression) => {
    const answer = answers.get(expression);
    if (answer === undefined && answers.size >= MAX_QUERIES_PER_RENDERING) {
      throw new FunctionError(
        `more than ${MAX_QUERIES_PER_RENDERING} different queries in one template`,
      );
    }
    if (answer === undefined) throw new QueryNeeded(expression);
    if (answer instanceof Error) throw new FunctionError(answer.message);
    return answer;
  });
  const functions = { query, now: nowFunction(timeMs) };
  for (;;) {
    try {
      return template.render(data, functions);
    } catch (error) {
      if (!(error instanceof QueryNeeded)) throw error;
      answers.set(error.expression, await answerOrError(ask, error.expression));
    }
  }
}

async function answerOrError(
  ask: QuerySurroundings["ask"],
  expression: string,
): Promise<readonly TemplateSample[] | Error> {
  try {
    return await ask(expression);
  } catch (error) {
    return error instanceof Error ? error : new Error(messageOf(error));
  }
}
