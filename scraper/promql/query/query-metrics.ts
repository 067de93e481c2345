import {
  counter,
  gauge,
  type MetricsSource,
  type Sample,
} from "../../../exporter/shared/model/metric.js";
import type { QueryAdmission } from "./query-admission.js";

export const QUERY_METRICS = {
  queries: gauge({
    name: "pihealth_queries",
    help: "Queries and other long reads, of requests and of rules, by state.",
    labels: ["lane", "state"],
  }),
  concurrentMax: gauge({
    name: "pihealth_queries_concurrent_max",
    help: "Queries that run at once at most, of requests and of rules each (query.max_concurrency).",
  }),
  rejected: counter({
    name: "pihealth_queries_rejected_total",
    help: "Queries that ended while they waited for a place or for memory: timed out or canceled.",
  }),
  memoryBytes: gauge({
    name: "pihealth_query_memory_bytes",
    help: "Memory that running queries and answers that are being sent hold, in bytes.",
  }),
  memoryLimitBytes: gauge({
    name: "pihealth_query_memory_limit_bytes",
    help: "Memory that all queries may hold together, in bytes; rules may exceed it by a quarter.",
  }),
};

/** Reports the queries that run and wait, and their memory. */
export function createQueryMetrics(admission: QueryAdmission): MetricsSource {
  return {
    metrics: Object.values(QUERY_METRICS),
    readMetrics() {
      const { lanes, maxConcurrency, rejected, usedBytes, limitBytes } = admission.gauges();
      const samples: Sample[] = [
        QUERY_METRICS.concurrentMax.sample(maxConcurrency),
        QUERY_METRICS.rejected.sample(rejected),
        QUERY_METRICS.memoryBytes.sample(usedBytes),
        QUERY_METRICS.memoryLimitBytes.sample(limitBytes),
      ];
      for (const { lane, running, waiting } of lanes) {
        samples.push(
          QUERY_METRICS.queries.sample(running, { lane, state: "running" }),
          QUERY_METRICS.queries.sample(waiting, { lane, state: "waiting" }),
        );
      }
      return samples;
    },
  };
}
