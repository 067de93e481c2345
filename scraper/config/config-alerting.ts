import type { ConfigSection } from "../../exporter/shared/config/config-section.js";
import {
  type AlertmanagerEndpoint,
  parseAlertmanagers,
} from "../alerting/config/alertmanagers-config.js";
import { parseRelabelConfigs } from "../fleet/relabel-config.js";
import type { Relabeling } from "../fleet/relabeling.js";
import { compileRelabeling } from "../fleet/relabeling-steps.js";

/** Section `alerting`: real Alertmanagers that alerts are sent to as well. */
export interface AlertingSettings {
  readonly alertmanagers: readonly AlertmanagerEndpoint[];
  /** Applied to every alert that goes to them. */
  readonly alertRelabeling: Relabeling;
}

/** @throws {ConfigError} */
export function parseAlerting(section: ConfigSection): AlertingSettings {
  const alertRelabeling = compileRelabeling(parseRelabelConfigs(section, "alert_relabel_configs"));
  return { alertRelabeling, alertmanagers: parseAlertmanagers(section) };
}
