import assert from "node:assert/strict";
import { ConfigSection } from "../../../../exporter/shared/config/config-section.js";
import { Labels } from "../../../../exporter/shared/model/labels.js";
import { silentLogger } from "../../../../exporter/shared/platform/logger.js";
import type { Alert } from "../../../../scraper/alerting/alerts/alert.js";
import { parseExpression } from "../../../../scraper/promql/language/parser.js";
import { QueryEngine } from "../../../../scraper/promql/query/query-engine.js";
import { AlertExpander } from "../../../../scraper/rule-engine/rules/alert-expansion.js";
import { MemorySeries } from "../../../../scraper/rule-engine/rule-tests/memory-series.js";
import { parseRuleFile } from "../../../../scraper/rule-engine/rules/parse-rule-file.js";
import {
  RuleEngine,
  type RuleEngineOptions,
} from "../../../../scraper/rule-engine/evaluation/rule-engine.js";
import type { RuleGroup } from "../../../../scraper/rule-engine/rules/rule-group.js";
import { parseSeriesLabels } from "../../../../scraper/rule-engine/rule-tests/series-notation.js";
import { FakeClock } from "../../../support/fake-clock.js";
import { MemoryFiles } from "../../../support/memory-files.js";

export const STATE_PATH = "/data/alert-states.jsonl";

export function parseRules(text: string, file = "rules.yml"): RuleGroup[] {
  return parseRuleFile(ConfigSection.parse(text, file), {
    defaultIntervalMs: 60_000,
    defaultQueryOffsetMs: 0,
    checkExpression: parseExpression,
    expander: new AlertExpander({ externalLabels: Labels.EMPTY, externalUrl: "" }),
  });
}

/** A rule engine over series in memory, with everything it sends kept. */
export class RuleBench {
  readonly clock = new FakeClock(0);
  readonly sent: Alert[] = [];
  readonly engine: RuleEngine;

  constructor(
    options: Partial<RuleEngineOptions> = {},
    readonly storage = new MemorySeries(),
    readonly files = new MemoryFiles(),
  ) {
    this.engine = new RuleEngine({
      queries: new QueryEngine({ querier: storage, clock: this.clock }),
      writer: storage,
      clock: this.clock,
      log: silentLogger,
      externalLabels: Labels.of({ site: "attic" }),
      externalUrl: "http://pi:8730",
      onAlerts: (alerts) => this.sent.push(...alerts),
      stateFile: { files, path: STATE_PATH },
      ...options,
    });
  }

  set(series: string, timeMs: number, value: number | "stale"): void {
    this.storage.add(parseSeriesLabels(series), timeMs, value === "stale" ? undefined : value);
  }

  /** Sets the series, then evaluates the only group, once a minute from minute `from` on. */
  async minutes(
    from: number,
    series: string,
    values: readonly (number | "stale" | undefined)[],
  ): Promise<void> {
    for (const [index, value] of values.entries()) {
      const timeMs = (from + index) * 60_000;
      if (value !== undefined) this.set(series, timeMs, value);
      await this.evaluate(timeMs);
    }
  }

  async evaluate(timeMs: number): Promise<void> {
    for (const { file, name } of this.engine.rulesView())
      await this.engine.evaluateAt(`${file};${name}`, timeMs);
  }

  /** States of the alerts now, `firing?` for one whose target is silent. */
  states(): string[] {
    return Array.from(this.engine.alertsView(), ({ state, unknown }) =>
      unknown === true ? `${state}?` : state,
    );
  }

  async valueAt(expression: string, timeMs: number): Promise<string[]> {
    const { value } = await new QueryEngine({ querier: this.storage, clock: this.clock }).instant({
      expression,
      timeMs,
    });
    assert.ok(value.type === "vector");
    return value.samples.map((sample) => `${sample.labels.toString()} ${sample.value}`);
  }
}
