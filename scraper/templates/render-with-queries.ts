import { messageOf, PihealthError } from "../../exporter/shared/model/errors.js";
import { nowFunction, type TemplateSample } from "./prometheus-functions.js";
import { FunctionError } from "./template-error.js";
import { templateFunction } from "./template-values.js";
import type { CompiledTemplate } from "./template.js";

/** Different expressions in one rendering. */
export const MAX_QUERIES_PER_RENDERING = 50;

export interface QuerySurroundings {
  readonly timeMs: number;
  /** Evaluates an expression at `timeMs`; its error becomes the error of the rendering. */
  readonly runQuery: (expression: string) => Promise<readonly TemplateSample[]>;
}

/** Ends a rendering that needs an answer which is not known yet. */
class QueryNeeded extends PihealthError {
  readonly code = "query_needed";

  constructor(readonly expression: string) {
    super(`Cannot render template: the answer to ${expression} is not known yet`);
  }
}

/**
 * Renders a template that may use `query`. A rendering cannot wait: when an answer is missing it
 * stops, the query is evaluated, and the template is rendered again with all answers so far.
 *
 * @throws {TemplateError}
 */
export async function renderWithQueries(
  template: CompiledTemplate,
  data: unknown,
  { timeMs, runQuery }: QuerySurroundings,
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
      answers.set(error.expression, await answerOrError(runQuery, error.expression));
    }
  }
}

async function answerOrError(
  runQuery: QuerySurroundings["runQuery"],
  expression: string,
): Promise<readonly TemplateSample[] | Error> {
  try {
    return await runQuery(expression);
  } catch (error) {
    return error instanceof Error ? error : new Error(messageOf(error));
  }
}
