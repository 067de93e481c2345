import { ConfigError, ConfigSection } from "../../exporter/shared/config/config-section.js";
import { messageOf } from "../../exporter/shared/model/errors.js";
import type { Files } from "../../exporter/shared/platform/files.js";
import type { NotificationConfig } from "../alerting/config/notification-config.js";
import {
  defaultNotificationConfig,
  parseNotificationConfig,
} from "../alerting/config/parse-notification-config.js";

/**
 * Reads an alertmanager.yml.
 *
 * @param file undefined: nothing is sent to anybody
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
