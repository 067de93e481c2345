/** The files that a configuration names: rule files and the alertmanager.yml. */
import path from "node:path";
import { ConfigSection } from "../../exporter/shared/config/config-section.js";
import { ConfigError } from "../../exporter/shared/config/yaml-source.js";
import { messageOf } from "../../exporter/shared/model/errors.js";
import type { Files } from "../../exporter/shared/platform/files.js";
import type { NotificationConfig } from "../alerting/config/notification-config.js";
import {
  defaultNotificationConfig,
  parseNotificationConfig,
} from "../alerting/config/parse-notification-config.js";
import { parseExpression } from "../promql/language/parser.js";
import { AlertExpander } from "../rule-engine/rules/alert-expansion.js";
import {
  findFiles,
  findRuleFiles,
  hasWildcard,
  loadRuleFiles,
} from "../rule-engine/rules/load-rule-files.js";
import type { RuleGroup } from "../rule-engine/rules/rule-group.js";
import type { ScraperConfig } from "./config.js";

/** Where people reach this scraper; links in mails and `$externalURL` begin with it. */
export const externalUrlOf = ({ web }: ScraperConfig): string =>
  web.externalUrl ?? `http://${web.listenAddress}:${web.port}`;

/**
 * @param onWarning receives what is accepted with a warning, and patterns that match no file
 * @throws {ConfigError} for the first rule that is not valid
 */
export async function loadRules(
  config: ScraperConfig,
  files: Files,
  onWarning: (text: string) => void,
): Promise<RuleGroup[]> {
  for (const pattern of config.rulePatterns) {
    if (hasWildcard(pattern) && (await findFiles(pattern, files)).length === 0) {
      onWarning(`rule_files names "${pattern}", which matches no file`);
    }
  }
  const paths = await findRuleFiles(config.rulePatterns, path.dirname(config.file), files);
  const { externalLabels, evaluationIntervalMs } = config.global;
  const features = new Set(config.query.enabledFeatures);
  return loadRuleFiles(paths, files, {
    defaultIntervalMs: evaluationIntervalMs,
    defaultQueryOffsetMs: config.global.ruleQueryOffsetMs,
    checkExpression: (expression) => void parseExpression(expression, features),
    onWarning,
    expander: new AlertExpander({ externalLabels, externalUrl: externalUrlOf(config) }),
  });
}

/**
 * Reads an alertmanager.yml.
 *
 * @param file undefined: no notification is sent
 * @throws {ConfigError} naming file, line and key
 */
export async function loadNotificationFile(
  file: string | undefined,
  files: Files,
): Promise<NotificationConfig> {
  if (file === undefined) return defaultNotificationConfig();
  let text: string;
  try {
    text = await files.readText(file);
  } catch (error) {
    throw new ConfigError(file, undefined, messageOf(error), { cause: error });
  }
  return parseNotificationConfig(ConfigSection.parse(text, file));
}
