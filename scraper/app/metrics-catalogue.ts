import type { MetricDefinition, MetricsSection } from "../../exporter/shared/model/metric.js";
import { CONNECTION_METRICS } from "../../exporter/shared/platform/http/connection-metrics.js";
import { ALERTING_METRICS } from "../alerting/dispatch/alerting-metrics.js";
import { FORWARDING_METRICS } from "../alerting/delivery/alertmanager-client.js";
import { HTTP_METRICS } from "../api/http/request-counter.js";
import { BACKFILL_METRICS } from "../backfill/backfill-metrics.js";
import { DISCOVERY_METRICS } from "../discovery/discovery-metrics.js";
import { FLEET_METRICS, HOST_FILE_METRICS } from "../fleet/fleet-metrics.js";
import { HOST_LOG_METRICS } from "../host-logs/host-log-writer.js";
import { QUERY_METRICS } from "../promql/query/query-metrics.js";
import { RULE_METRICS } from "../rule-engine/evaluation/rule-metrics.js";
import { RECOVERY_METRICS } from "../rule-engine/replay/recovery-metrics.js";
import { SCRAPE_METRICS } from "../scrape/scrape-metrics.js";
import { STORAGE_METRICS } from "../storage/model/storage-metrics.js";
import { DATA_DISK_METRICS } from "./data-disk.js";
import { PROCESS_METRICS } from "./process-metrics.js";

/** Every metric that the scraper can show at `/metrics`, by the part that reports it. */
export function metricsCatalogue(): MetricsSection[] {
  return [
    section("Process", PROCESS_METRICS),
    section("Discovery", DISCOVERY_METRICS),
    section("Fleet", FLEET_METRICS, HOST_FILE_METRICS),
    section("Scraping", SCRAPE_METRICS),
    section("Storage", STORAGE_METRICS, DATA_DISK_METRICS),
    section("Queries", QUERY_METRICS),
    section("Backfill", BACKFILL_METRICS),
    section("Rules", RULE_METRICS),
    section("Rules after an outage", RECOVERY_METRICS),
    section("Alerting", ALERTING_METRICS),
    section("Forwarding to Alertmanagers", FORWARDING_METRICS),
    section("Host logs", HOST_LOG_METRICS),
    section("HTTP API", HTTP_METRICS, CONNECTION_METRICS),
  ];
}

function section(
  title: string,
  ...groups: readonly Readonly<Record<string, MetricDefinition>>[]
): MetricsSection {
  return { title, metrics: groups.flatMap((group) => Object.values(group)) };
}
