import { JsonFields } from "../../exporter/shared/codec/json-fields.js";
import type { QueryFeature } from "../../scraper/promql/language/features.js";
import { serveApi } from "../support/served-api.js";
import { RealPrometheus } from "../support/real-prometheus.js";
import { seriesIn } from "../support/api-response.js";
import { ask, compareAnswers, type Question } from "./comparison.js";
import { createDataSet, toOpenMetrics, toQuerier } from "./data-set.js";
import { ExpressionGenerator } from "./expression-generator.js";
import { knownReasonOf } from "./known-differences.js";
import { type Translation, translationFor } from "./newer-syntax.js";
import { Random } from "../support/random.js";

export interface Difference extends Question {
  readonly difference: string;
}

export interface DifferentialReport {
  /** Version of the Prometheus that was compared with. */
  readonly version: string;
  /** Queries whose answers were compared. */
  readonly compared: number;
  /** Compared queries with at least one series in the answer of both. */
  readonly nonEmpty: number;
  /** Compared queries that both rejected with the same type of error. */
  readonly rejected: number;
  /** Queries with a known difference, counted by its reason in known-differences.ts. */
  readonly excluded: ReadonlyMap<string, number>;
  readonly differences: readonly Difference[];
}

export interface DifferentialOptions {
  readonly seed: number;
  /** How many expressions to generate; each is an instant query and a range query. */
  readonly expressions: number;
  /** Expressions to compare besides the generated ones. */
  readonly additional?: readonly string[];
}

/** Concurrent requests to each side. */
const CONCURRENCY = 4;

/** The features that newer-syntax.ts uses. None changes the meaning of other expressions. */
const FEATURES: readonly QueryFeature[] = [
  "promql-experimental-functions",
  "promql-binop-fill-modifiers",
];

/** A feature that a version does not know is a warning in its log. */
const PEER_FEATURES = "--enable-feature=promql-experimental-functions,promql-duration-expr";

interface Peer {
  readonly url: string;
  readonly version: string;
  readonly translate: Translation;
}

/** Sends the same queries over the same samples to a real Prometheus and to our API. */
export async function runDifferential({
  seed,
  expressions,
  additional = [],
}: DifferentialOptions): Promise<DifferentialReport> {
  const series = createDataSet(seed);
  const prometheus = await RealPrometheus.start({
    openMetrics: toOpenMetrics(series),
    flags: [PEER_FEATURES],
  });
  const api = await serveApi({
    querier: toQuerier(series),
    settings: { enabledFeatures: FEATURES },
  });
  try {
    const generator = new ExpressionGenerator(new Random(seed));
    const texts = [...additional, ...Array.from({ length: expressions }, () => generator.vector())];
    return await compareAll(texts, { ours: api.url, peer: await describePeer(prometheus.url) });
  } finally {
    await api.stop(0);
    await prometheus.stop();
  }
}

async function describePeer(url: string): Promise<Peer> {
  const response = await fetch(`${url}/api/v1/status/buildinfo`);
  const fields = JsonFields.parse(await response.text(), "build information").object("data");
  return { url, version: fields.text("version"), translate: await translationFor(url) };
}

async function compareAll(
  texts: readonly string[],
  { ours, peer }: { readonly ours: string; readonly peer: Peer },
): Promise<DifferentialReport> {
  const excluded = new Map<string, number>();
  const differences: Difference[] = [];
  const { version, translate } = peer;
  const report = { version, compared: 0, nonEmpty: 0, rejected: 0, excluded, differences };
  const questions = texts.flatMap((expression): Question[] => [
    { expression, kind: "instant" },
    { expression, kind: "range" },
  ]);
  const queue = questions.values();
  const work = async (): Promise<void> => {
    for (const question of queue) {
      const [our, their] = await Promise.all([
        ask(ours, question),
        ask(peer.url, { ...question, expression: translate(question.expression) }),
      ]);
      const difference = compareAnswers(our, their);
      const reason =
        difference === undefined
          ? undefined
          : knownReasonOf({ expression: question.expression, difference, version });
      if (reason !== undefined) {
        excluded.set(reason, (excluded.get(reason) ?? 0) + 1);
        continue;
      }
      report.compared++;
      if (difference !== undefined) differences.push({ ...question, difference });
      else if (our.status === "error") report.rejected++;
      else if (seriesIn(our).length > 0) report.nonEmpty++;
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
  return report;
}
