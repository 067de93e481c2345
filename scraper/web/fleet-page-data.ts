import type { Clock } from "../../exporter/shared/platform/clock.js";
import type { Target, TargetHealth } from "../fleet/target.js";
import type { Queries } from "../promql/query-results.js";
import type { AlertView } from "../rule-engine/rules-view.js";
import { type FleetAlert, type FleetRow, MAX_PAGE_ROWS, renderFleetPage } from "./fleet-page.js";

export interface FleetPageParts {
  readonly clock: Clock;
  readonly version: string;
  readonly queries: Queries;
  readonly activeTargets: () => readonly { readonly target: Target; readonly health: TargetHealth }[];
  readonly alerts: () => readonly AlertView[];
}

/** One query per column; all are answered for the whole fleet at once. */
const COLUMNS = {
  memoryUsedRatio: "pihealth_memory_used_ratio",
  cpuUsageRatio: "pihealth_cpu_usage_ratio",
  celsius: "pihealth_cpu_temperature_celsius",
  diskUsedRatio: "max by (instance, job) (pihealth_disk_used_ratio)",
  level: "max by (instance, job) (pihealth_alarm_level)",
} as const;
/** A page asked for more often than this is not computed anew. */
const KEEP_MS = 2000;

/** Gathers what the page at `/` shows. */
export class FleetPage {
  private kept: { readonly untilMs: number; readonly page: Promise<string> } | undefined;

  constructor(private readonly parts: FleetPageParts) {}

  /** The page as HTML, at most two seconds old. */
  render(): Promise<string> {
    const nowMs = this.parts.clock.monotonicMs();
    if (this.kept === undefined || this.kept.untilMs < nowMs) {
      this.kept = { untilMs: nowMs + KEEP_MS, page: this.compute() };
    }
    return this.kept.page;
  }

  private async compute(): Promise<string> {
    const { clock, version } = this.parts;
    const timeMs = clock.wallMs();
    const targets = this.parts.activeTargets();
    const names = Object.keys(COLUMNS) as (keyof typeof COLUMNS)[];
    const columns = await Promise.all(names.map((name) => this.valuesOf(COLUMNS[name], timeMs)));
    const hostnames = await this.hostnames(timeMs);
    const rows = targets.map(({ target, health }): FleetRow => {
      const key = keyOf(target.labels.get("instance"), target.labels.get("job"));
      const [memoryUsedRatio, cpuUsageRatio, celsius, diskUsedRatio, level] = columns.map((values) => values.get(key));
      return {
        instance: target.labels.get("instance"), job: target.labels.get("job"), url: target.url, health,
        hostname: hostnames.get(key), memoryUsedRatio, cpuUsageRatio, celsius, diskUsedRatio, level: level ?? 0,
      };
    });
    const worst = rows.sort((left, right) => rank(right) - rank(left)).slice(0, MAX_PAGE_ROWS);
    const alerts = this.parts.alerts().map(toFleetAlert);
    return renderFleetPage({ nowMs: timeMs, version, rows: worst, targetCount: targets.length, alerts });
  }

  private async valuesOf(expression: string, timeMs: number): Promise<Map<string, number>> {
    const { value } = await this.parts.queries.instant({ expression, timeMs });
    if (value.type !== "vector") return new Map();
    return new Map(value.samples.map(({ labels, value: sample }) => [keyOf(labels.get("instance"), labels.get("job")), sample]));
  }

  private async hostnames(timeMs: number): Promise<Map<string, string>> {
    const { value } = await this.parts.queries.instant({ expression: "pihealth_system_info", timeMs });
    if (value.type !== "vector") return new Map();
    return new Map(value.samples.map(({ labels }) => [keyOf(labels.get("instance"), labels.get("job")), labels.get("hostname")]));
  }
}

const keyOf = (instance: string, job: string): string => `${job} ${instance}`;
const rank = ({ health, level }: FleetRow): number => (health.health === "down" ? 10 : level);

function toFleetAlert({ labels, annotations, state, activeAt, unknown }: AlertView): FleetAlert {
  return {
    name: labels["alertname"] ?? "",
    state: unknown === true ? "unknown" : state,
    instance: labels["instance"] ?? "",
    severity: labels["severity"] ?? "",
    activeAtMs: Date.parse(activeAt),
    summary: annotations["summary"] ?? annotations["description"] ?? "",
  };
}
