import type { Clock } from "../../exporter/shared/platform/clock.js";
import type { HostGap } from "../backfill/gap.js";
import type { Target, TargetHealth } from "../fleet/target.js";
import type { Queries, VectorSample } from "../promql/evaluation/query-results.js";
import type { AlertView } from "../rule-engine/evaluation/rules-view.js";
import { type PausePoints, sortPaced } from "../base/paced-sort.js";
import {
  type ClonedHost,
  compareAlerts,
  compareUrgency,
  type FleetAlert,
  type FleetRow,
  renderFleetPage,
} from "./fleet-page.js";

export interface PageParts {
  readonly clock: Clock;
  readonly version: string;
  readonly queries: Queries;
  readonly activeTargets: () => readonly ActiveTarget[];
  readonly alerts: () => Iterable<AlertView>;
  /** Where the work for a page, which several requests may share, lets other work run. */
  readonly pace: () => PausePoints;
  /** Ranges without samples of a host, oldest first. */
  readonly gaps: (host: string) => readonly HostGap[];
  readonly clones: () => readonly ClonedHost[];
}

export interface ActiveTarget {
  readonly target: Target;
  readonly health: TargetHealth;
}

/** One query per column, each for the whole fleet. */
const COLUMNS = {
  memoryUsedRatio: "pihealth_memory_used_ratio",
  cpuUsageRatio: "pihealth_cpu_usage_ratio",
  celsius: "pihealth_cpu_temperature_celsius",
  diskUsedRatio: "max by (instance, job) (pihealth_filesystem_used_ratio)",
  memoryLevel: `pihealth_alarm_level{family="memory"}`,
  cpuLevel: `pihealth_alarm_level{family="cpu"}`,
  diskLevel: `pihealth_alarm_level{family="disk"}`,
} as const;
type Column = keyof typeof COLUMNS;
/** A page younger than this is served again. */
const KEEP_MS = 2000;
/** Cost of a target or an alert, in values for the pace. */
const WORK_PER_ROW = 64;

/** Collects the data of the page at `/`. Requests run it; nothing runs in between. */
export class FleetPage {
  private kept: { readonly untilMs: number; readonly page: Promise<string> } | undefined;

  constructor(private readonly parts: PageParts) {}

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
    const nowMs = clock.wallMs();
    const columns = new Map(
      await Promise.all(
        Object.entries(COLUMNS).map(
          async ([name, expression]) => [name, await this.byTarget(expression, nowMs)] as const,
        ),
      ),
    );
    const infos = await this.byTarget("pihealth_system_info", nowMs);
    const pace = this.parts.pace();
    const found: FleetRow[] = [];
    for (const active of this.parts.activeTargets()) {
      found.push(toRow(active, columns, infos));
      if (pace.isDue(WORK_PER_ROW)) await pace.pause();
    }
    const rows = await sortPaced(found, compareUrgency, pace);
    const alerts = await sortPaced(await fleetAlerts(this.parts), compareAlerts, pace);
    return renderFleetPage({ nowMs, version, rows, alerts, clones: this.parts.clones() });
  }

  private async byTarget(expression: string, timeMs: number): Promise<Map<string, VectorSample>> {
    const { value } = await this.parts.queries.instant({ expression, timeMs });
    if (value.type !== "vector") return new Map();
    return new Map(
      value.samples.map((sample) => [
        keyOf(sample.labels.get("instance"), sample.labels.get("job")),
        sample,
      ]),
    );
  }
}

function toRow(
  { target, health }: ActiveTarget,
  columns: ReadonlyMap<string, ReadonlyMap<string, VectorSample>>,
  infos: ReadonlyMap<string, VectorSample>,
): FleetRow {
  const [instance, job] = [target.labels.get("instance"), target.labels.get("job")];
  const key = keyOf(instance, job);
  const value = (column: Column): number | undefined => columns.get(column)?.get(key)?.value;
  const level = (column: Column): number => value(column) ?? 0;
  return {
    instance,
    job,
    health,
    hostname: infos.get(key)?.labels.get("hostname"),
    memoryUsedRatio: value("memoryUsedRatio"),
    cpuUsageRatio: value("cpuUsageRatio"),
    celsius: value("celsius"),
    diskUsedRatio: value("diskUsedRatio"),
    levels: { memory: level("memoryLevel"), cpu: level("cpuLevel"), disk: level("diskLevel") },
  };
}

const keyOf = (instance: string, job: string): string => `${job} ${instance}`;

/** All alerts that `isWanted` accepts. */
export async function fleetAlerts(
  { alerts, pace: createPace }: Pick<PageParts, "alerts" | "pace">,
  isWanted: (alert: FleetAlert) => boolean = () => true,
): Promise<FleetAlert[]> {
  const pace = createPace();
  const found: FleetAlert[] = [];
  for (const view of alerts()) {
    const alert = toFleetAlert(view);
    if (isWanted(alert)) found.push(alert);
    if (pace.isDue(WORK_PER_ROW)) await pace.pause();
  }
  return found;
}

function toFleetAlert({ labels, annotations, state, activeAt, unknown }: AlertView): FleetAlert {
  return {
    name: labels["alertname"] ?? "",
    state: unknown === true ? "unknown" : state,
    instance: labels["instance"] ?? "",
    job: labels["job"] ?? "",
    severity: labels["severity"] ?? "",
    activeAtMs: Date.parse(activeAt),
    summary: annotations["summary"] ?? annotations["description"] ?? "",
  };
}
