/**
 * Rows that a collector found and does not show: each bound of a collector counts here what it
 * leaves out. Levels and alarms look at all rows.
 */
import { gauge, type Sample } from "../shared/model/metric.js";

/** Shared by the collectors; each has its own values of the labels. */
export const ROWS_LEFT_OUT = gauge({
  name: "pihealth_collector_rows_left_out",
  help: "Rows that the last run of a collector found and does not show, by kind.",
  labels: ["collector", "kind"],
});

export function leftOutSample(collector: string, kind: string, count: number): Sample {
  return ROWS_LEFT_OUT.sample(count, { collector, kind });
}
