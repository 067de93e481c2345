import path from "node:path";
import { ConfigSection } from "../../../exporter/shared/config/config-section.js";
import { formatDurationMs } from "../../../exporter/shared/model/duration.js";
import { messageOf } from "../../../exporter/shared/model/errors.js";
import { Labels } from "../../../exporter/shared/model/labels.js";
import type { Clock } from "../../../exporter/shared/platform/clock.js";
import type { Files } from "../../../exporter/shared/platform/files.js";
import type { QueryFeature } from "../../promql/language/features.js";
import { parseExpression } from "../../promql/language/parser.js";
import { QueryEngine } from "../../promql/query/query-engine.js";
import type { Queries } from "../../promql/evaluation/query-results.js";
import { AlertExpander } from "../rules/alert-expansion.js";
import { GroupEvaluator } from "../evaluation/group-evaluator.js";
import { findRuleFiles, loadRuleFiles } from "../rules/load-rule-files.js";
import { MemorySeries } from "./memory-series.js";
import type { RuleGroup } from "../rules/rule-group.js";
import {
  parseRuleTestFile,
  type AlertTest,
  type ExpressionTest,
  type RuleTest,
  type RuleTestFile,
} from "./rule-test-file.js";

export interface RuleTestSurroundings {
  readonly files: Files;
  readonly clock: Clock;
  /** Features of PromQL that are off by default and that the rules use. */
  readonly enabledFeatures: readonly QueryFeature[];
  /** One line without its line feed, for standard output. */
  readonly write: (line: string) => void;
  /** For standard error. */
  readonly writeError: (line: string) => void;
}

/** Most evaluations of all groups in one test. */
const MAX_EVALUATIONS = 1_000_000;

/**
 * Runs files of rule unit tests as `promtool test rules` does.
 *
 * @returns the exit code: 0 when every test passed, 1 otherwise
 */
export async function runRuleTests(
  paths: readonly string[],
  surroundings: RuleTestSurroundings,
): Promise<0 | 1> {
  let exitCode: 0 | 1 = 0;
  for (const file of paths) {
    surroundings.write(`Unit Testing:  ${file}`);
    const problems = await runFile(file, surroundings);
    if (problems.length === 0) surroundings.write("  SUCCESS");
    else {
      exitCode = 1;
      surroundings.writeError("  FAILED:");
      for (const problem of problems) surroundings.writeError(problem);
    }
    surroundings.write("");
  }
  return exitCode;
}

/** @returns one text for each failure */
async function runFile(file: string, surroundings: RuleTestSurroundings): Promise<string[]> {
  const problems: string[] = [];
  try {
    const parsed = parseRuleTestFile(
      ConfigSection.parse(await surroundings.files.readText(file), file),
    );
    const paths = await findRuleFiles(parsed.ruleFiles, path.dirname(file), surroundings.files);
    for (const test of parsed.tests) {
      const run = new RuleTestRun(test, parsed, surroundings);
      problems.push(...(await run.run(paths)));
    }
  } catch (error) {
    problems.push(`  ${messageOf(error)}`);
  }
  return problems;
}

/** One test: its series in memory, its groups evaluated from 0 to the last time of its checks. */
class RuleTestRun {
  private readonly storage = new MemorySeries();
  private readonly queries: Queries;
  private readonly problems: string[] = [];
  private timeMs = 0;

  constructor(
    private readonly test: RuleTest,
    private readonly file: RuleTestFile,
    private readonly surroundings: RuleTestSurroundings,
  ) {
    const { clock, enabledFeatures } = surroundings;
    this.queries = new QueryEngine({ querier: this.storage, clock, settings: { enabledFeatures } });
  }

  async run(ruleFiles: readonly string[]): Promise<string[]> {
    this.loadSeries();
    const evaluators = await this.createEvaluators(ruleFiles);
    await this.evaluateAll(evaluators);
    for (const test of this.test.expressionTests) await this.checkExpression(test);
    const name = this.test.name === "" ? "" : `    name: ${this.test.name},\n`;
    return this.problems.map((problem) => name + problem);
  }

  private loadSeries(): void {
    // As in promtool, the last definition of a series counts.
    const series = new Map(this.test.inputSeries.map((each) => [each.labels.key, each]));
    for (const { labels, values } of series.values()) {
      values.forEach((value, index) => {
        if (value === "missing") return;
        this.storage.add(
          labels,
          index * this.test.intervalMs,
          value === "stale" ? undefined : value,
        );
      });
    }
  }

  private async createEvaluators(ruleFiles: readonly string[]): Promise<GroupEvaluator[]> {
    const expander = new AlertExpander(this.test);
    const groups = await loadRuleFiles(ruleFiles, this.surroundings.files, {
      defaultIntervalMs: this.file.evaluationIntervalMs,
      defaultQueryOffsetMs: 0,
      checkExpression: (expression) =>
        void parseExpression(expression, new Set(this.surroundings.enabledFeatures)),
      expander,
    });
    return this.inOrder(groups).map(
      (group) =>
        new GroupEvaluator(group, {
          queries: this.queries,
          writer: this.storage,
          clock: this.surroundings.clock,
          expander,
          externalLabels: this.test.externalLabels,
          externalUrl: this.test.externalUrl,
          onAlerts: () => undefined,
          resendDelayMs: 60_000,
          onAlertStatesChanged: () => undefined,
          isTargetSilent: () => false,
          missingData: "resolve",
        }),
    );
  }

  /** Groups that are missing from `group_eval_order` come first, as in promtool. */
  private inOrder(groups: readonly RuleGroup[]): RuleGroup[] {
    const place = ({ name }: RuleGroup): number => this.file.groupOrder.indexOf(name);
    return [...groups].sort((left, right) => place(left) - place(right));
  }

  private async evaluateAll(evaluators: readonly GroupEvaluator[]): Promise<void> {
    const stepMs = this.file.evaluationIntervalMs;
    const times = [...this.test.alertTests, ...this.test.expressionTests].map(
      ({ timeMs }) => timeMs,
    );
    const lastMs = Math.max(0, ...times);
    if (lastMs / stepMs > MAX_EVALUATIONS) {
      this.problems.push(
        `    eval_time is ${lastMs / stepMs} evaluations away, at most ${MAX_EVALUATIONS} are made`,
      );
      return;
    }
    for (this.timeMs = 0; this.timeMs <= lastMs; this.timeMs += stepMs) {
      for (const evaluator of evaluators) {
        await evaluator.evaluateAt(this.timeMs);
        this.reportErrors(evaluator);
      }
      const due = this.test.alertTests.filter(
        ({ timeMs }) => timeMs >= this.timeMs && timeMs < this.timeMs + stepMs,
      );
      for (const test of due) this.checkAlerts(test, evaluators);
    }
  }

  private reportErrors({ statuses, group }: GroupEvaluator): void {
    for (const { rule, lastError } of statuses) {
      if (lastError === "") continue;
      this.problems.push(
        `    rule: ${rule.name}, group: ${group.name}, time: ${formatDurationMs(this.timeMs)}, err: ${lastError}`,
      );
    }
  }

  private checkAlerts(
    { alertName, timeMs, expected }: AlertTest,
    evaluators: readonly GroupEvaluator[],
  ): void {
    const got = evaluators
      .flatMap(({ statuses }) => statuses)
      .filter(({ rule, alerting }) => alerting !== undefined && rule.name === alertName)
      .flatMap(({ alerting }) => [...(alerting?.alerts.values() ?? [])])
      .filter(({ state }) => state === "firing");
    const want = expected.map(alertText).sort();
    const have = got.map(alertText).sort();
    if (want.join("\n") === have.join("\n")) return;
    this.problems.push(
      `    alertname: ${alertName}, time: ${formatDurationMs(timeMs)}, \n        exp:${listText(want)}, \n        got:${listText(have)}`,
    );
  }

  private async checkExpression({ expression, timeMs, expected }: ExpressionTest): Promise<void> {
    const head = `    expr: ${JSON.stringify(expression)}, time: ${formatDurationMs(timeMs)}`;
    try {
      const { value } = await this.queries.instant({ expression, timeMs });
      if (value.type !== "vector" && value.type !== "scalar") {
        this.problems.push(
          `${head}, err: result is a ${value.type}, it must be a vector or a scalar`,
        );
        return;
      }
      const samples =
        value.type === "vector" ? value.samples : [{ labels: Labels.EMPTY, value: value.value }];
      const want = expected.map(sampleText).sort();
      const have = samples.map(sampleText).sort();
      if (want.join("\n") === have.join("\n")) return;
      if (this.file.isFuzzy && areNearlySame(expected, samples)) return;
      this.problems.push(
        `${head},\n        exp:${want.join("\n            ")}\n        got:${have.join("\n            ")}`,
      );
    } catch (error) {
      this.problems.push(`${head}, err: ${messageOf(error)}`);
    }
  }
}

const alertText = ({
  labels,
  annotations,
}: {
  readonly labels: Labels;
  readonly annotations: Labels;
}): string => `Labels:${labels.toString()}\n              Annotations:${annotations.toString()}`;

const sampleText = ({
  labels,
  value,
}: {
  readonly labels: Labels;
  readonly value: number;
}): string => `${labels.toString()} ${value}`;

type ValuedLabels = readonly { readonly labels: Labels; readonly value: number }[];

function areNearlySame(expected: ValuedLabels, found: ValuedLabels): boolean {
  const values = new Map(found.map(({ labels, value }) => [labels.key, value]));
  const isNear = (left: number, right: number): boolean =>
    Object.is(left, right) ||
    Math.abs(left - right) <= Number.EPSILON * Math.max(Math.abs(left), Math.abs(right));
  const isFound = ({ labels, value }: ValuedLabels[number]): boolean =>
    isNear(value, values.get(labels.key) ?? NaN);
  return expected.length === found.length && expected.every(isFound);
}

function listText(entries: readonly string[]): string {
  if (entries.length === 0) return "[]";
  const indented = entries.map((entry, index) => `            ${index}:\n              ${entry}`);
  return `[\n${indented.join("\n")}\n            ]`;
}
