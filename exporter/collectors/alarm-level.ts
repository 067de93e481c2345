import { ALARM_LEVELS, type Family } from "../shared/model/family.js";
import { gauge, type Sample } from "../shared/model/metric.js";

/**
 * Shared by the collectors memory, cpu and disk, each of which has its own value of the label
 * `family`.
 */
export const ALARM_LEVEL = gauge({
  name: "pihealth_alarm_level",
  help: "Alarm level of a family: 0 normal, 1 note, 2 warning.",
  labels: ["family"],
});

/** A value of at least `note` is a note, a value of at least `warning` is a warning. */
export interface Thresholds {
  readonly note: number;
  readonly warning: number;
}

export function alarmLevelSample(family: Family, value: number, thresholds: Thresholds): Sample {
  const { normal, note, warning } = ALARM_LEVELS;
  const level = value >= thresholds.warning ? warning : value >= thresholds.note ? note : normal;
  return ALARM_LEVEL.sample(level, { family });
}
