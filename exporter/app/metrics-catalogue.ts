import { ALARM_BOARD_METRICS } from "../alarms/alarm-board.js";
import type { CollectorSettings } from "../collectors/collector-settings.js";
import { COLLECTORS } from "../collectors/registry.js";
import { COLLECTOR_METRICS } from "../exposition/collector-states.js";
import { DUPLICATE_SAMPLES_TOTAL } from "../exposition/exposition.js";
import { PROCESS_METRICS } from "../exposition/process-metrics.js";
import { CLOCK_STEP_METRICS } from "../history/clock-steps.js";
import { HISTORY_METRICS } from "../history/history-metrics.js";
import type { MetricsSection } from "../shared/model/metric.js";
import { CONNECTION_METRICS } from "../shared/platform/http/connection-metrics.js";
import type { Sources } from "../sources/sources.js";
import { ALARM_SENDER_METRICS } from "../uplink/alarm-sender.js";
import { HEARTBEAT_METRICS } from "../uplink/heartbeat-sender.js";

/**
 * All metrics of the exporter, by collector, then by the part of the exporter that reports about
 * itself.
 */
export function metricsCatalogue(sources: Sources, settings: CollectorSettings): MetricsSection[] {
  return [
    ...COLLECTORS.map(({ name, create }) => ({
      title: `Collector ${name}`,
      metrics: create(sources, settings).metrics,
    })),
    {
      title: "About the collectors",
      metrics: [...Object.values(COLLECTOR_METRICS), DUPLICATE_SAMPLES_TOTAL],
    },
    {
      title: "About the exporter",
      metrics: [...Object.values(PROCESS_METRICS), ...Object.values(CONNECTION_METRICS)],
    },
    {
      title: "About alarms",
      metrics: [...Object.values(ALARM_BOARD_METRICS), ...Object.values(ALARM_SENDER_METRICS)],
    },
    { title: "About heartbeats", metrics: Object.values(HEARTBEAT_METRICS) },
    {
      title: "About the history",
      metrics: [...Object.values(HISTORY_METRICS), ...Object.values(CLOCK_STEP_METRICS)],
    },
  ];
}
