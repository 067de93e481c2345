import path from "node:path";
import type { Files } from "../../exporter/shared/platform/files.js";
import type { ScraperConfig } from "./config.js";
import { parseExpression } from "../promql/language/parser.js";
import { AlertExpander } from "../rule-engine/rules/alert-expansion.js";
import { findRuleFiles, loadRuleFiles } from "../rule-engine/rules/load-rule-files.js";
import type { RuleGroup } from "../rule-engine/rules/rule-group.js";

/** Where people reach this scraper; links in mails and `$externalURL` begin with it. */
export const externalUrlOf = ({ web }: ScraperConfig): string =>
  web.externalUrl ?? `http://${web.listenAddress}:${web.port}`;

/**
 * Reads all rule files of a configuration.
 *
 * @throws {ConfigError} for the first rule that is not acceptable
 */
export async function loadRules(config: ScraperConfig, files: Files): Promise<RuleGroup[]> {
  const paths = await findRuleFiles(config.rulePatterns, path.dirname(config.file), files);
  const { externalLabels, evaluationIntervalMs } = config.global;
  const features = new Set(config.query.enabledFeatures);
  return loadRuleFiles(paths, files, {
    defaultIntervalMs: evaluationIntervalMs,
    defaultQueryOffsetMs: 0,
    checkExpression: (expression) => void parseExpression(expression, features),
    expander: new AlertExpander({ externalLabels, externalUrl: externalUrlOf(config) }),
  });
}
