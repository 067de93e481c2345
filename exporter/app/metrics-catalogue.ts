import { ALARM_BOARD_METRICS } from "../alarms/alarm-board.js";
import type { CollectorSettings } from "../collectors/collector-settings.js";
import { COLLECTORS } from "../collectors/registry.js";
import { EXPOSITION_METRICS } from "../exposition/exposition.js";
import type { MetricsSection } from "../exposition/metrics-document.js";
import { OWN_METRICS } from "../exposition/own-metrics.js";
import { CLOCK_STEP_METRICS } from "../history/clock-steps.js";
import { HISTORY_METRICS } from "../history/history-metrics.js";
import type { Sources } from "../sources/sources.js";
import { ALARM_SENDER_METRICS } from "../uplink/alarm-sender.js";
import { HEARTBEAT_METRICS } from "../uplink/heartbeat-sender.js";

/**
 * Every metric the exporter can show, by collector and then by the part of the exporter that
 * reports about itself.
 */
export function metricsCatalogue(sources: Sources, settings: CollectorSettings): MetricsSection[] {
  return [
    ...COLLECTORS.map(({ name, create }) => ({
      title: `Collector ${name}`,
      metrics: create(sources, settings).metrics,
    })),
    { title: "About the collectors", metrics: EXPOSITION_METRICS },
    { title: "About the exporter", metrics: OWN_METRICS },
    { title: "About alarms", metrics: [...ALARM_BOARD_METRICS, ...ALARM_SENDER_METRICS] },
    { title: "About heartbeats", metrics: HEARTBEAT_METRICS },
    {
      title: "About the history",
      metrics: [...Object.values(HISTORY_METRICS), ...CLOCK_STEP_METRICS],
    },
  ];
}
