import type { TargetHealth } from "../../../scraper/fleet/target.js";
import type { FleetAlert, FleetRow, FleetView } from "../../../scraper/web/fleet-page.js";

export const NOW_MS = Date.UTC(2026, 0, 12, 15, 0, 28);

export function health(changes: Partial<TargetHealth> = {}): TargetHealth {
  return {
    health: "up",
    lastError: "",
    lastScrapeMs: NOW_MS - 4000,
    lastScrapeDurationSeconds: 0.01,
    pool: 0,
    ...changes,
  };
}

export function row(changes: Partial<FleetRow> = {}): FleetRow {
  return {
    instance: "192.168.1.10:8732",
    job: "pi",
    health: health(),
    hostname: "attic",
    memoryUsedRatio: 0.421,
    cpuUsageRatio: 0.07,
    celsius: 51.4,
    diskUsedRatio: 0.63,
    levels: { memory: 0, cpu: 1, disk: 0 },
    ...changes,
  };
}

export function alert(changes: Partial<FleetAlert> = {}): FleetAlert {
  return {
    name: "PiMemoryWarning",
    state: "firing",
    instance: "192.168.1.10:8732",
    job: "pi",
    severity: "warning",
    activeAtMs: NOW_MS - 300_000,
    summary: "Memory of attic is 91.2 % used",
    ...changes,
  };
}

export const view = (changes: Partial<FleetView> = {}): FleetView => ({
  nowMs: NOW_MS,
  version: "0.1.0",
  rows: [row()],
  alerts: [],
  clones: [],
  ...changes,
});
