import type { QueryFeature } from "../../scraper/promql/language/features.js";
import { serveApi } from "../support/served-api.js";
import { RealPrometheus } from "../support/real-prometheus.js";
import { ask, compareAnswers, type Question } from "./comparison.js";
import { createDataSet, toOpenMetrics, toQuerier } from "./data-set.js";
import { ExpressionGenerator } from "./expression-generator.js";
import { knownDifference } from "./known-differences.js";
import { inOlderSyntax } from "./newer-syntax.js";
import { Random } from "./random.js";

export interface Difference extends Question {
  readonly what: string;
}

export interface DifferentialReport {
  /** Questions whose answers were compared. */
  readonly compared: number;
  /** Of these, questions that both answered with at least one series. */
  readonly nonEmpty: number;
  /** Of these, questions that both refused with the same type of error. */
  readonly refused: number;
  /** Questions not compared, by the reason listed in known-differences.ts. */
  readonly excluded: ReadonlyMap<string, number>;
  readonly differences: readonly Difference[];
}

export interface DifferentialOptions {
  readonly seed: number;
  /** How many expressions are generated; each is asked as an instant and as a range. */
  readonly expressions: number;
  /** Asked besides the generated ones. */
  readonly further?: readonly string[];
}

/** Requests under way at once to each side. */
const CONCURRENCY = 4;

/** Those that the newer forms of newer-syntax.ts use; none changes what other expressions mean. */
const FEATURES: readonly QueryFeature[] = [
  "promql-experimental-functions",
  "promql-binop-fill-modifiers",
];

const inOlder = ({ kind, expression }: Question): Question => ({
  kind,
  expression: inOlderSyntax(expression),
});

/** Asks a real Prometheus and our API the same questions over the same samples. */
export async function runDifferential({
  seed,
  expressions,
  further = [],
}: DifferentialOptions): Promise<DifferentialReport> {
  const series = createDataSet(seed);
  const prometheus = await RealPrometheus.start({ openMetrics: toOpenMetrics(series) });
  const api = await serveApi({
    querier: toQuerier(series),
    settings: { enabledFeatures: FEATURES },
  });
  try {
    const generator = new ExpressionGenerator(new Random(seed));
    const texts = [...further, ...Array.from({ length: expressions }, () => generator.vector())];
    return await compareAll(texts, { ours: api.url, theirs: prometheus.url });
  } finally {
    await api.stop(0);
    await prometheus.stop();
  }
}

async function compareAll(
  texts: readonly string[],
  { ours, theirs }: { readonly ours: string; readonly theirs: string },
): Promise<DifferentialReport> {
  const report = {
    compared: 0,
    nonEmpty: 0,
    refused: 0,
    excluded: new Map<string, number>(),
    differences: [] as Difference[],
  };
  const questions = texts.flatMap((expression): Question[] => [
    { expression, kind: "instant" },
    { expression, kind: "range" },
  ]);
  const queue = questions.values();
  const work = async (): Promise<void> => {
    for (const question of queue) {
      const [our, their] = await Promise.all([ask(ours, question), ask(theirs, inOlder(question))]);
      const what = compareAnswers(our, their);
      const reason = what === undefined ? undefined : knownDifference(question.expression, what);
      if (reason !== undefined) {
        report.excluded.set(reason, (report.excluded.get(reason) ?? 0) + 1);
        continue;
      }
      report.compared++;
      if (what !== undefined) report.differences.push({ ...question, what });
      else if (our.status === "error") report.refused++;
      else if ((our.data?.result as unknown[]).length > 0) report.nonEmpty++;
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
  return report;
}
