import type { Expression } from "../../promql/language/ast.js";
import { expressionToJson } from "../../promql/language/expression-json.js";
import { formatExpression } from "../../promql/language/format-expression.js";
import { asQueryParameter } from "./query-routes.js";
import { type ApiRequest, dataAnswer, type Route } from "../http/route.js";

export interface ExpressionRouteParts {
  /** @throws {QueryParseError} */
  readonly parse: (text: string) => Expression;
}

/** `/api/v1/format_query` and `/api/v1/parse_query`. */
export function expressionRoutes({ parse }: ExpressionRouteParts): Route[] {
  const methods = ["GET", "POST"] as const;
  const read = async ({ parameters }: ApiRequest): Promise<Expression> =>
    asQueryParameter(async () => parse(parameters.text("query")));
  return [
    {
      methods,
      path: "/api/v1/format_query",
      handle: async (request) => dataAnswer(formatExpression(await read(request))),
    },
    {
      methods,
      path: "/api/v1/parse_query",
      handle: async (request) => dataAnswer(expressionToJson(await read(request))),
    },
  ];
}
