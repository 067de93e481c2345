import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { messageOf } from "../../exporter/shared/model/errors.js";
import { itemAt } from "../../exporter/shared/model/get-or-throw.js";
import { METRIC_NAME, type Labels } from "../../exporter/shared/model/labels.js";
import type { Expression, VectorSelector } from "../../scraper/promql/language/ast.js";
import { QUERY_FEATURES } from "../../scraper/promql/language/features.js";
import { walkExpression } from "../../scraper/promql/language/walk-expression.js";
import { QueryEngine } from "../../scraper/promql/query/query-engine.js";
import { FakeClock } from "../support/fake-clock.js";
import { MemoryQuerier } from "../support/memory-querier.js";
import { parseSeriesLine } from "../support/series-notation.js";
import { checkCase } from "./promql-expectations.js";
import {
  parseCase,
  scriptTimeMs,
  splitScript,
  type ScriptCase,
  type ScriptCommand,
} from "./promql-script.js";

export interface FileResult {
  readonly file: string;
  readonly passed: number;
  /** `line: expression: difference`. */
  readonly failed: string[];
  /** Cases that involve native histograms or start timestamps: `line: expression`. */
  readonly unsupported: string[];
}

/** Runs every `*.test` script of a folder over both forms in which the storage returns samples. */
export async function runPromqlConformance(folder: string): Promise<FileResult[]> {
  const files = readdirSync(folder)
    .filter((name) => name.endsWith(".test"))
    .sort();
  const results: FileResult[] = [];
  for (const file of files)
    results.push(await new ScriptRun(file).run(readFileSync(path.join(folder, file), "utf8")));
  return results;
}

const SHAPES = ["shared", "separate"] as const;

class ScriptRun {
  private passed = 0;
  private readonly failed: string[] = [];
  private readonly unsupported: string[] = [];
  private readonly queriers = SHAPES.map((shape) => new MemoryQuerier(shape));
  private readonly engines = this.queriers.map(createEngine);
  private unsupportedSeries: Labels[] = [];

  constructor(private readonly file: string) {}

  async run(script: string): Promise<FileResult> {
    for (const command of splitScript(script)) {
      try {
        await this.execute(command);
      } catch (error) {
        this.failed.push(`${command.line}: ${command.text}: ${messageOf(error)}`);
      }
    }
    const { file, passed, failed, unsupported } = this;
    return { file, passed, failed, unsupported };
  }

  private async execute(command: ScriptCommand): Promise<void> {
    if (command.text === "clear") this.clear();
    else if (command.text.startsWith("load")) this.load(command);
    else await this.evaluate(parseCase(command));
  }

  private clear(): void {
    for (const querier of this.queriers) querier.clear();
    this.unsupportedSeries = [];
  }

  private load({ text, body }: ScriptCommand): void {
    const [word, step = "0"] = text.split(/\s+/);
    const stepMs = scriptTimeMs(step);
    for (const line of body) {
      const startTimestamps = /^(.*)@st(?:\s|$)/.exec(line);
      if (startTimestamps !== null) {
        const [, series = ""] = startTimestamps;
        this.unsupportedSeries.push(parseSeriesLine(series).labels);
        continue;
      }
      const { labels, values, hasNativeHistograms } = parseSeriesLine(line);
      for (const querier of this.queriers) querier.add(labels, values, { stepMs });
      if (hasNativeHistograms) this.unsupportedSeries.push(labels);
      if (word === "load_with_nhcb") this.addDerivedHistogram(labels);
    }
  }

  /** `load_with_nhcb` also creates a native histogram from each classic one. */
  private addDerivedHistogram(labels: Labels): void {
    const name = /^(.*)_(bucket|sum|count)$/.exec(labels.name)?.[1];
    if (name !== undefined)
      this.unsupportedSeries.push(labels.without("le").with({ [METRIC_NAME]: name }));
  }

  private async evaluate(scriptCase: ScriptCase): Promise<void> {
    const title = `${scriptCase.line}: ${scriptCase.expression}`;
    if (this.involvesUnsupported(scriptCase)) {
      this.unsupported.push(title);
      return;
    }
    for (const engine of this.engines) {
      const problem = await checkCase(scriptCase, engine);
      if (problem === undefined) continue;
      this.failed.push(`${title}: ${problem}`);
      return;
    }
    this.passed++;
  }

  private involvesUnsupported({ expression, results }: ScriptCase): boolean {
    if (results.some((line) => line.includes("{{"))) return true;
    const parsed = tryParse(itemAt(this.engines, 0), expression);
    if (parsed === undefined) return false;
    let isFound = false;
    walkExpression(parsed, (part) => {
      isFound ||= part.kind === "vector_selector" && this.selectsUnsupported(part);
    });
    return isFound;
  }

  private selectsUnsupported({ matchers }: VectorSelector): boolean {
    return this.unsupportedSeries.some((labels) =>
      matchers.every((matcher) => matcher.matches(labels.get(matcher.name))),
    );
  }
}

function createEngine(querier: MemoryQuerier): QueryEngine {
  const enabledFeatures = QUERY_FEATURES;
  return new QueryEngine({ querier, clock: new FakeClock(0), settings: { enabledFeatures } });
}

/** Some cases expect that an expression does not parse. */
function tryParse(engine: QueryEngine, text: string): Expression | undefined {
  try {
    return engine.parse(text);
  } catch {
    return undefined;
  }
}
