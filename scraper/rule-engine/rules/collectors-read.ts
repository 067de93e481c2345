import { METRIC_NAME } from "../../../exporter/shared/model/labels.js";
import type { Expression, VectorSelector } from "../../promql/language/ast.js";
import { walkExpression } from "../../promql/language/walk-expression.js";

/** The metrics of each collector of the exporter, without `pihealth_`. */
const METRICS_OF_COLLECTORS: Readonly<Record<string, string>> = {
  memory:
    "memory_total_bytes memory_free_bytes memory_available_bytes memory_used_ratio memory_used_ratio_average memory_swap_total_bytes memory_swap_free_bytes",
  cpu: "cpu_usage_ratio cpu_seconds_total",
  load: "load1 load5 load15",
  temperature: "cpu_temperature_celsius thermal_zone_celsius",
  softirqs: "softirqs_total",
  disk: "disk_size_bytes disk_available_bytes disk_used_ratio filesystem_size_bytes filesystem_available_bytes filesystem_free_bytes filesystem_used_ratio filesystem_inodes filesystem_inodes_free filesystem_readonly filesystem_stuck filesystem_last_used_ratio",
  disk_io:
    "disk_reads_completed_total disk_read_bytes_total disk_writes_completed_total disk_written_bytes_total disk_io_time_seconds_total",
  network:
    "network_receive_bytes_total network_receive_packets_total network_receive_errors_total network_receive_drops_total network_transmit_bytes_total network_transmit_packets_total network_transmit_errors_total network_transmit_drops_total",
  system: "system_info boot_time_seconds uptime_seconds clock_synchronized",
  throttling: "throttling throttling_since_boot",
  users: "users_real user_recent_rank user_root_info user_sessions user_session_info",
  processes:
    "processes malicious_processes malicious_process_cpu_ratio malicious_process_memory_ratio malicious_process_ignored top_process_cpu_ratio top_process_memory_ratio",
};
/** Collectors with an alarm level, and its value of the label `family`. */
const LEVELS: Readonly<Record<string, string>> = {
  memory: "memory",
  temperature: "cpu",
  disk: "disk",
};
const METRICS: readonly (readonly [collector: string, name: string])[] = Object.entries(
  METRICS_OF_COLLECTORS,
).flatMap(([collector, names]) =>
  names.split(" ").map((name) => [collector, `pihealth_${name}`] as const),
);

/**
 * The collectors of the exporter whose metrics the expression reads, also by way of recording rules
 * with names such as `instance:METRIC:avg5m`. While one of them fails, its series are missing.
 */
export function collectorsReadBy(expression: Expression): readonly string[] {
  const found = new Set<string>();
  walkExpression(expression, (part) => {
    if (part.kind === "vector_selector") for (const one of collectorsOf(part)) found.add(one);
  });
  return [...found];
}

function collectorsOf({ matchers }: VectorSelector): readonly string[] {
  const names = matchers.filter(({ name }) => name === METRIC_NAME);
  if (names.length === 0) return [];
  const isRead = (metric: string): boolean => names.every((matcher) => matcher.matches(metric));
  const recorded = names.flatMap(({ value }) => value.split(":").slice(1));
  const own = METRICS.filter(([, name]) => isRead(name) || recorded.includes(name));
  const families = matchers.filter(({ name }) => name === "family");
  const levels = isRead("pihealth_alarm_level")
    ? Object.entries(LEVELS).filter(([, family]) =>
        families.every((matcher) => matcher.matches(family)),
      )
    : [];
  return [...own, ...levels].map(([collector]) => collector);
}
