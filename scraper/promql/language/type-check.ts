import { itemAt } from "../../../exporter/shared/model/get-or-throw.js";
import { METRIC_NAME } from "../../../exporter/shared/model/labels.js";
import {
  TYPE_NAMES,
  resultTypeOf,
  type Aggregation,
  type BinaryOperation,
  type Call,
  type Expression,
  type SourceRange,
  type ValueType,
  type VectorSelector,
} from "./ast.js";
import { goQuote } from "../../base/go-quote.js";
import { parseErrorAt, type QueryParseError } from "./query-errors.js";
import { isComparison, isSetOperator } from "./tokens.js";

/**
 * Checks the types of a parsed expression.
 *
 * @throws {QueryParseError} with Prometheus' message for the first type error
 */
export function checkTypes(text: string, expression: Expression): void {
  new TypeChecker(text).check(expression);
}

class TypeChecker {
  constructor(private readonly text: string) {}

  check(expression: Expression): ValueType {
    switch (expression.kind) {
      case "aggregation":
        this.checkAggregation(expression);
        break;
      case "binary":
        this.checkBinary(expression);
        break;
      case "call":
        this.checkCall(expression);
        break;
      case "parenthesized":
        this.check(expression.expression);
        break;
      case "unary":
        this.checkUnary(expression.operand, expression.range);
        break;
      case "subquery":
        this.checkSubquery(expression.expression, expression.range);
        break;
      case "matrix_selector":
        this.checkSelector(expression.selector, expression.range);
        break;
      case "vector_selector":
        this.checkSelector(expression, expression.range);
        break;
      case "number":
      case "string":
        break;
    }
    return resultTypeOf(expression);
  }

  private checkAggregation({ operator, expression, parameter }: Aggregation): void {
    this.expectType(expression, "vector", "aggregation expression");
    if (parameter === undefined) return;
    this.expectType(
      parameter,
      operator === "count_values" ? "string" : "scalar",
      "aggregation parameter",
    );
  }

  private expectType(expression: Expression, wanted: ValueType, context: string): void {
    const type = this.check(expression);
    if (type === wanted) return;
    const detail = `expected type ${TYPE_NAMES[wanted]} in ${context}, got ${TYPE_NAMES[type]}`;
    throw this.error(expression.range, detail);
  }

  private checkBinary(operation: BinaryOperation): void {
    const { operator, operatorRange, left, right, matching } = operation;
    const leftType = this.check(left);
    const rightType = this.check(right);
    if (operation.returnsBool && !isComparison(operator)) {
      throw this.error(operatorRange, "bool modifier can only be used on comparison operators");
    }
    if (
      isComparison(operator) &&
      !operation.returnsBool &&
      leftType === "scalar" &&
      rightType === "scalar"
    ) {
      throw this.error(operatorRange, "comparisons between scalars must use BOOL modifier");
    }
    const repeated = matching.on
      ? matching.labels.find((label) => matching.include.includes(label))
      : undefined;
    if (repeated !== undefined) {
      const detail = `label ${goQuote(repeated)} must not occur in ON and GROUP clause at once`;
      throw this.error(operatorRange, detail);
    }
    for (const [side, type] of [
      [left, leftType],
      [right, rightType],
    ] as const) {
      if (type === "scalar" || type === "vector") continue;
      throw this.error(
        side.range,
        "binary expression must contain only scalar and instant vector types",
      );
    }
    if (leftType === "vector" && rightType === "vector") this.checkVectorOperation(operation);
    else this.checkScalarOperation(operation);
  }

  private checkVectorOperation({ operator, matching, range }: BinaryOperation): void {
    if (!isSetOperator(operator)) return;
    if (matching.cardinality !== "many-to-many") {
      throw this.error(range, `no grouping allowed for ${goQuote(operator)} operation`);
    }
    if ((matching.fillLeft ?? matching.fillRight) !== undefined) {
      throw this.error(range, "filling in missing series not allowed for set operators");
    }
  }

  private checkScalarOperation({ operator, matching, range }: BinaryOperation): void {
    if (matching.labels.length > 0) {
      throw this.error(range, "vector matching only allowed between instant vectors");
    }
    if ((matching.fillLeft ?? matching.fillRight) !== undefined) {
      throw this.error(range, "filling in missing series only allowed between instant vectors");
    }
    if (isSetOperator(operator)) {
      throw this.error(
        range,
        `set operator ${goQuote(operator)} not allowed in binary scalar expression`,
      );
    }
  }

  private checkCall(call: Call): void {
    this.checkArgumentCount(call);
    const { name, parameters } = call.signature;
    if (name === "info") this.checkInfoSelector(call);
    for (const [index, argument] of call.arguments.entries()) {
      const wanted = itemAt(parameters, Math.min(index, parameters.length - 1));
      const isLabelSelector = name === "info" && index === 1;
      const type = isLabelSelector ? resultTypeOf(argument) : this.check(argument);
      if (type === wanted) continue;
      const detail = `expected type ${TYPE_NAMES[wanted]} in call to function ${goQuote(name)}`;
      throw this.error(argument.range, `${detail}, got ${TYPE_NAMES[type]}`);
    }
  }

  private checkArgumentCount({ signature, arguments: given, range }: Call): void {
    const { name, parameters, variadic } = signature;
    const atLeast = variadic === 0 ? parameters.length : parameters.length - 1;
    const atMost = variadic < 0 ? Infinity : atLeast + variadic;
    if (given.length >= atLeast && given.length <= atMost) return;
    const bound = variadic === 0 ? "" : given.length < atLeast ? "at least " : "at most ";
    const wanted = given.length < atLeast ? atLeast : atMost;
    throw this.error(
      range,
      `expected ${bound}${wanted} argument(s) in call to ${goQuote(name)}, got ${given.length}`,
    );
  }

  /**
   * The second argument of `info` has only braces, and its matchers may match series without the
   * labels.
   */
  private checkInfoSelector({ arguments: given }: Call): void {
    const selector = given[1];
    if (selector === undefined) return;
    if (selector.kind !== "vector_selector")
      throw this.error(selector.range, "expected label selectors only");
    if (selector.name === "") return;
    throw this.error(selector.range, "expected label selectors only, got vector selector instead");
  }

  private checkUnary(operand: Expression, range: SourceRange): void {
    const type = this.check(operand);
    if (type === "scalar" || type === "vector") return;
    const detail = "unary expression only allowed on expressions of type scalar or instant vector";
    throw this.error(range, `${detail}, got ${goQuote(TYPE_NAMES[type])}`);
  }

  private checkSubquery(expression: Expression, range: SourceRange): void {
    const type = this.check(expression);
    if (type === "vector") return;
    throw this.error(range, `subquery is only allowed on instant vector, got ${type} instead`);
  }

  private checkSelector({ name, matchers }: VectorSelector, range: SourceRange): void {
    if (name !== "") {
      const other = matchers.slice(0, -1).find((matcher) => matcher.name === METRIC_NAME);
      if (other === undefined) return;
      const names = `${goQuote(name)} or ${goQuote(other.value)}`;
      throw this.error(range, `metric name must not be set twice: ${names}`);
    }
    if (matchers.some((matcher) => !matcher.matches(""))) return;
    throw this.error(range, "vector selector must contain at least one non-empty matcher");
  }

  private error(range: SourceRange, detail: string): QueryParseError {
    return parseErrorAt(this.text, range, detail);
  }
}
