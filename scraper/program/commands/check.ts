import path from "node:path";
import { BadInputError, messageOf } from "../../../exporter/shared/model/errors.js";
import { Labels } from "../../../exporter/shared/model/labels.js";
import { readGivenFile } from "../../../exporter/shared/config/given-file.js";
import { systemClock } from "../../../exporter/shared/platform/clock.js";
import { realFiles } from "../../../exporter/shared/platform/real-files.js";
import type { NotificationConfig } from "../../alerting/config/notification-config.js";
import { NotificationTemplates } from "../../alerting/messages/notification-templates.js";
import { checkSampleMails } from "../../alerting/messages/sample-mails.js";
import { loadScraperConfig, type ScraperConfig } from "../../config/config.js";
import { loadNotificationFile } from "../../config/named-files.js";
import type { QueryFeature } from "../../promql/language/features.js";
import { parseExpression } from "../../promql/language/parser.js";
import { AlertExpander } from "../../rule-engine/rules/alert-expansion.js";
import { findFiles, loadRuleFiles } from "../../rule-engine/rules/load-rule-files.js";
import { loadRules } from "../../config/named-files.js";
import { checkStart } from "./check-start.js";

/** The result of a check, for standard output and the exit code. */
export interface CheckResult {
  readonly lines: readonly string[];
  readonly succeeded: boolean;
}

// As in promtool: a rule file alone has no global section.
const DEFAULT_EVALUATION_INTERVAL_MS = 60_000;

/** `pihealth check config FILE`: reads the file and every file that it names, as a start does. */
export async function checkConfig(file: string): Promise<CheckResult> {
  try {
    await readGivenFile(file, realFiles);
    const config = await loadScraperConfig(path.resolve(file), realFiles);
    const warnings = [...config.warnings];
    const groups = await loadRules(config, realFiles, (warning) => warnings.push(warning));
    warnings.push(...(await discoveryWarnings(config)));
    const notifications = await loadNotificationFile(config.notificationsFile, realFiles);
    warnings.push(...notifications.warnings);
    warnings.push(...(await checkMails(notifications)));
    warnings.push(...(await checkStart(config, realFiles)));
    const rules = groups.reduce((sum, group) => sum + group.rules.length, 0);
    const receivers = notifications.isDefault
      ? "no notifications"
      : counted(notifications.receivers.size, "receiver");
    const found = [
      counted(config.scrapeConfigs.length, "scrape config"),
      counted(rules, "rule"),
      receivers,
    ].join(", ");
    return {
      succeeded: true,
      lines: [
        ...warnings.map((warning) => `WARNING: ${warning}`),
        `SUCCESS: ${file} is valid: ${found}`,
      ],
    };
  } catch (error) {
    return { succeeded: false, lines: [`FAILED: ${messageOf(error)}`] };
  }
}

/**
 * Renders the mails with samples.
 *
 * @returns warnings
 * @throws {BadInputError} when a mail cannot be rendered for any sample
 */
async function checkMails(notifications: NotificationConfig): Promise<readonly string[]> {
  const wallMs = (): number => systemClock.wallMs();
  const templates = await NotificationTemplates.load(notifications, realFiles, wallMs);
  const { errors, warnings } = checkSampleMails(notifications, templates, wallMs());
  if (errors.length > 0) throw new BadInputError(errors.join("\n"));
  return warnings;
}

/** Patterns of discovery files that match none. A file may come later. */
async function discoveryWarnings({ scrapeConfigs, alerting }: ScraperConfig): Promise<string[]> {
  const sections = [
    ...scrapeConfigs.map(({ settings, discoveries }) => ({
      name: `job "${settings.jobName}"`,
      discoveries,
    })),
    ...alerting.alertmanagers.map(({ discoveries }) => ({ name: "alertmanagers", discoveries })),
  ];
  const warnings: string[] = [];
  for (const { name, discoveries } of sections) {
    for (const pattern of discoveries.files.flatMap(({ patterns }) => patterns)) {
      if ((await findFiles(pattern, realFiles)).length > 0) continue;
      warnings.push(`file_sd_configs of ${name} names "${pattern}", which matches no file`);
    }
  }
  return warnings;
}

/** `pihealth check rules FILE...`: checks each file, also after an error in another. */
export async function checkRules(
  files: readonly string[],
  enabledFeatures: readonly QueryFeature[] = [],
): Promise<CheckResult> {
  const features = new Set(enabledFeatures);
  const expander = new AlertExpander({ externalLabels: Labels.EMPTY, externalUrl: "" });
  const settings = {
    defaultIntervalMs: DEFAULT_EVALUATION_INTERVAL_MS,
    defaultQueryOffsetMs: 0,
    checkExpression: (expression: string) => void parseExpression(expression, features),
    expander,
  };
  const lines: string[] = [];
  let succeeded = true;
  for (const file of files) {
    lines.push(`Checking ${file}`);
    const onWarning = (warning: string): void => void lines.push(`  WARNING: ${warning}`);
    try {
      const groups = await loadRuleFiles([file], realFiles, { ...settings, onWarning });
      lines.push(
        `  SUCCESS: ${counted(
          groups.reduce((sum, group) => sum + group.rules.length, 0),
          "rule",
        )} found`,
      );
    } catch (error) {
      succeeded = false;
      lines.push(`  FAILED: ${messageOf(error)}`);
    }
  }
  return { lines, succeeded };
}

/** `1 rule`, `2 rules`. */
export const counted = (count: number, noun: string): string =>
  `${count} ${noun}${count === 1 ? "" : "s"}`;

/** Reads the notification settings that a scraper's configuration names, or an alertmanager.yml. */
export async function loadNotificationsOf(file: string): Promise<NotificationConfig> {
  const text = await readGivenFile(file, realFiles);
  if (/^(route|receivers):/m.test(text)) return loadNotificationFile(file, realFiles);
  const config = await loadScraperConfig(path.resolve(file), realFiles);
  return loadNotificationFile(config.notificationsFile, realFiles);
}
