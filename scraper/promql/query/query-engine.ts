/**
 * The query engine. The text of a query and its times come in, a `QueryAnswer` goes out; samples
 * are read through a `Querier`, which the storage implements.
 *
 * A query runs on the event loop, in the asynchronous call of its caller: a request of the HTTP API
 * or of the web page, or a rule group. It has no thread. query-admission.ts bounds how many run at
 * once and the memory of all. Each query has a pacer, which lets other work run every few
 * milliseconds and enforces the timeout, and a budget for the values in memory; see
 * evaluation/evaluation.ts.
 *
 * The way of a query: language/ parses it, evaluator.ts walks its tree, functions/ and operators/
 * compute each node for all steps at once, and query-values.ts converts the last block to the
 * answer.
 */
import { Labels } from "../../../exporter/shared/model/labels.js";
import type { Clock } from "../../../exporter/shared/platform/clock.js";
import type { WorkLane } from "../../base/work-turns.js";
import type { Querier } from "../../storage/model/querier.js";
import { Annotations } from "../evaluation/annotations.js";
import { TYPE_NAMES, resultTypeOf, stringValueOf, type Expression } from "../language/ast.js";
import type { Evaluation } from "../evaluation/evaluation.js";
import { createEvaluation } from "./evaluator.js";
import type { QueryFeatures } from "../language/features.js";
import { parseExpression } from "../language/parser.js";
import { QueryParseError } from "../language/query-errors.js";
import { QueryMeter } from "../evaluation/query-meter.js";
import { type Admitted, QueryAdmission } from "./query-admission.js";
import { matrixOfBlock, matrixOfRanges, vectorOfBlock } from "./query-values.js";
import type {
  InstantQuery,
  Queries,
  QueryAnswer,
  QueryValue,
  RangeQuery,
} from "../evaluation/query-results.js";
import { DEFAULT_QUERY_SETTINGS, type QuerySettings } from "./query-settings.js";
import { SampleBudget } from "../evaluation/sample-budget.js";
import { gridBetween, type QueryTimes, type TimeGrid } from "../evaluation/time-grid.js";

export interface QueryEngineOptions {
  readonly querier: Querier;
  readonly clock: Clock;
  readonly settings?: Partial<QuerySettings>;
  /** Shared with the other readers of the storage; by default the engine has its own. */
  readonly admission?: QueryAdmission | undefined;
}

/** Rules and dashboards repeat the same queries, so this many parsed expressions are cached. */
const MAX_CACHED_EXPRESSIONS = 5000;

export class QueryEngine implements Queries {
  readonly settings: QuerySettings;
  readonly admission: QueryAdmission;
  private readonly querier: Querier;
  private readonly clock: Clock;
  private readonly features: QueryFeatures;
  private readonly cachedExpressions = new Map<string, Expression>();

  constructor({ querier, clock, settings, admission }: QueryEngineOptions) {
    this.querier = querier;
    this.clock = clock;
    this.settings = { ...DEFAULT_QUERY_SETTINGS, ...settings };
    this.features = new Set(this.settings.enabledFeatures);
    const { maxConcurrency, memoryBytes } = this.settings;
    this.admission =
      admission ??
      new QueryAdmission({ clock, maxConcurrency, memoryBytes: memoryBytes || Infinity });
  }

  /** The same engine with places, memory and turns of their own for rules. */
  forRules(): Queries & Pick<QueryEngine, "parse"> {
    return {
      parse: (text) => this.parse(text),
      instant: (query) => this.answerInstant(query, "rules"),
      range: (query) => this.answerRange(query, "rules"),
    };
  }

  /**
   * Parses with the features of this engine.
   *
   * @throws {QueryParseError}
   */
  parse(text: string): Expression {
    const cached = this.cachedExpressions.get(text);
    if (cached !== undefined) return cached;
    const expression = parseExpression(text, this.features);
    const [oldest = ""] = this.cachedExpressions.keys();
    if (this.cachedExpressions.size >= MAX_CACHED_EXPRESSIONS) {
      this.cachedExpressions.delete(oldest);
    }
    this.cachedExpressions.set(text, expression);
    return expression;
  }

  instant(query: InstantQuery): Promise<QueryAnswer> {
    return this.answerInstant(query, "requests");
  }

  range(query: RangeQuery): Promise<QueryAnswer> {
    return this.answerRange(query, "requests");
  }

  private async answerInstant(query: InstantQuery, lane: WorkLane): Promise<QueryAnswer> {
    const expression = this.parse(query.expression);
    const { timeMs } = query;
    const grid = { fromMs: timeMs, endMs: timeMs, stepMs: 1, count: 1, isInstant: true };
    return this.admit(query, lane, async (admitted) => {
      const evaluation = this.evaluationOf(query, grid, admitted);
      return answerOf(await instantValue(expression, grid, evaluation), evaluation);
    });
  }

  private async answerRange(query: RangeQuery, lane: WorkLane): Promise<QueryAnswer> {
    const grid = this.gridOf(query);
    const expression = this.parse(query.expression);
    const type = resultTypeOf(expression);
    if (type !== "vector" && type !== "scalar") {
      const detail = `invalid expression type ${JSON.stringify(TYPE_NAMES[type])} for range query`;
      throw new QueryParseError(`${detail}, must be Scalar or instant Vector`);
    }
    return this.admit(query, lane, async (admitted) => {
      const evaluation = this.evaluationOf(query, grid, admitted);
      return answerOf(await rangeValue(expression, grid, evaluation), evaluation);
    });
  }

  private admit(
    { timeoutMs, signal, keepMemory }: Omit<InstantQuery, "timeMs">,
    lane: WorkLane,
    work: (admitted: Admitted) => Promise<QueryAnswer>,
  ): Promise<QueryAnswer> {
    const shorter = Math.min(timeoutMs ?? Infinity, this.settings.timeoutMs);
    return this.admission.run({ lane, signal, keepMemory, timeoutMs: shorter }, work);
  }

  private gridOf({ fromMs, toMs, stepMs }: RangeQuery): QueryTimes {
    if (!(stepMs > 0)) {
      const remedy = "Try a positive integer";
      throw new QueryParseError(
        `zero or negative query resolution step widths are not accepted. ${remedy}`,
      );
    }
    if (toMs < fromMs) throw new QueryParseError("end timestamp must not be before start time");
    const limit = this.settings.maxPointsPerSeries;
    if ((toMs - fromMs) / stepMs > limit) {
      const remedy = "Try decreasing the query resolution (?step=XX)";
      const bound = limit.toLocaleString("en-US");
      throw new QueryParseError(
        `exceeded maximum resolution of ${bound} points per timeseries. ${remedy}`,
      );
    }
    return { ...gridBetween(fromMs, toMs, stepMs), endMs: toMs, isInstant: false };
  }

  private evaluationOf(
    query: Omit<InstantQuery, "timeMs">,
    grid: QueryTimes,
    { pacer, memory }: Admitted,
  ): Evaluation {
    const { settings, clock, querier, features } = this;
    const budget = new SampleBudget(settings.maxSamples, memory);
    return createEvaluation({
      querier,
      features,
      query: grid,
      lookbackMs: query.lookbackMs ?? settings.lookbackMs,
      subqueryStepMs: settings.subqueryStepMs,
      maxSeries: settings.maxSeries,
      pacer,
      budget,
      meter: new QueryMeter(clock, budget),
      annotations: new Annotations(query.expression),
    });
  }
}

async function instantValue(
  expression: Expression,
  grid: TimeGrid,
  evaluation: Evaluation,
): Promise<QueryValue> {
  const timestampMs = grid.fromMs;
  switch (resultTypeOf(expression)) {
    case "scalar": {
      const values = await evaluation.scalar(expression, grid);
      return { type: "scalar", timestampMs, value: values[0] as number };
    }
    case "string":
      return { type: "string", timestampMs, value: stringValueOf(expression) };
    case "vector":
      return vectorOfBlock(
        await evaluation.vector(expression, grid),
        timestampMs,
        evaluation.pacer,
      );
    case "matrix":
      return matrixOfRanges(await evaluation.ranges(expression, grid), evaluation.pacer);
  }
}

async function rangeValue(
  expression: Expression,
  grid: TimeGrid,
  evaluation: Evaluation,
): Promise<QueryValue> {
  if (resultTypeOf(expression) === "vector") {
    return matrixOfBlock(await evaluation.vector(expression, grid), grid, evaluation.pacer);
  }
  const values = await evaluation.scalar(expression, grid);
  const present = new Uint8Array(values.length).fill(1);
  return matrixOfBlock(
    { steps: grid.count, labels: [Labels.EMPTY], values, present },
    grid,
    evaluation.pacer,
  );
}

function answerOf(value: QueryValue, { annotations, meter }: Evaluation): QueryAnswer {
  return {
    value,
    statistics: meter.statistics(),
    warnings: annotations.warnings,
    infos: annotations.infos,
  };
}
