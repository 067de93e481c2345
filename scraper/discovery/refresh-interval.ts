import type { ConfigSection } from "../../exporter/shared/config/config-section.js";
import { parseDurationMs } from "../../exporter/shared/model/duration.js";

/**
 * Reads `refresh_interval`; 0 is as if the key were missing.
 *
 * @param standard the interval of a missing key
 * @throws {ConfigError}
 */
export function parseRefresh(section: ConfigSection, standard: string): number {
  const key = "refresh_interval";
  const givenMs = section.durationMs(key, { default: standard, max: "1y" });
  if (givenMs > 0 && givenMs < 1000) section.fail(key, "is too short, it must be at least 1s");
  return givenMs === 0 ? parseDurationMs(standard) : givenMs;
}
