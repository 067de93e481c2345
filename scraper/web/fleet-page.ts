import type { TargetHealth } from "../fleet/target.js";

/** One row of the page. Ratios are 0 to 1; undefined where the target does not expose the metric. */
export interface FleetRow {
  readonly instance: string;
  readonly job: string;
  readonly url: string;
  readonly health: TargetHealth;
  readonly hostname: string | undefined;
  readonly memoryUsedRatio: number | undefined;
  readonly cpuUsageRatio: number | undefined;
  readonly celsius: number | undefined;
  readonly diskUsedRatio: number | undefined;
  /** Highest `pihealth_alarm_level` of its families: 0 normal, 1 note, 2 warning. */
  readonly level: number;
}

export interface FleetAlert {
  readonly name: string;
  readonly state: "pending" | "firing" | "unknown";
  readonly instance: string;
  readonly severity: string;
  readonly activeAtMs: number;
  readonly summary: string;
}

export interface FleetView {
  readonly nowMs: number;
  readonly version: string;
  readonly rows: readonly FleetRow[];
  /** Targets in all; more than there are rows when the page shows only the first. */
  readonly targetCount: number;
  readonly alerts: readonly FleetAlert[];
}

/** Rows shown at most; the API has the rest. */
export const MAX_PAGE_ROWS = 500;
const REFRESH_SECONDS = 15;

/** The page at `/`: the fleet at a glance, worst first. Plain HTML without scripts; it renews itself. */
export function renderFleetPage(view: FleetView): string {
  const down = view.rows.filter((row) => row.health.health === "down").length;
  const firing = view.alerts.filter((alert) => alert.state === "firing").length;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${down + firing > 0 ? `(${down + firing}) ` : ""}pihealth</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="${REFRESH_SECONDS}">
<style>${STYLE}</style></head><body>
<header><h1>pihealth</h1><p>${plural(view.targetCount, "target")}, ${down} down, ${plural(firing, "alert")} firing</p></header>
<main>
<section><h2>Alerts</h2>${renderAlerts(view)}</section>
<section><h2>Targets</h2>${renderRows(view)}</section>
</main>
<footer>pihealth ${escapeHtml(view.version)} · <a href="/api/v1/targets">targets</a> · <a href="/api/v1/alerts">alerts</a>
· <a href="/api/v1/rules">rules</a> · <a href="/metrics">own metrics</a> · ${new Date(view.nowMs).toISOString()}</footer>
</body></html>
`;
}

function renderAlerts({ alerts, nowMs }: FleetView): string {
  if (alerts.length === 0) return "<p class=quiet>Nothing is wrong.</p>";
  const rows = alerts.slice(0, MAX_PAGE_ROWS).map(
    (alert) => `<tr class="${alert.state}"><td><b class="badge ${alert.state}">${alert.state}</b></td>
<td>${escapeHtml(alert.name)}</td><td>${escapeHtml(alert.instance)}</td><td>${escapeHtml(alert.severity)}</td>
<td>${formatAge(nowMs - alert.activeAtMs)}</td><td class=wide>${escapeHtml(alert.summary)}</td></tr>`,
  );
  return `<table><thead><tr><th>State<th>Alert<th>Instance<th>Severity<th>Since<th>What</thead>
<tbody>${rows.join("")}</tbody></table>`;
}

function renderRows({ rows, nowMs, targetCount }: FleetView): string {
  if (rows.length === 0) return "<p class=quiet>No target yet: ranges are being searched, heartbeats awaited.</p>";
  const worstFirst = [...rows].sort((left, right) => badness(right) - badness(left) || compare(left, right));
  const cells = worstFirst.slice(0, MAX_PAGE_ROWS).map((row) => renderRow(row, nowMs));
  const more = targetCount > cells.length ? `<p class=quiet>${targetCount - cells.length} more: see the API.</p>` : "";
  return `<table><thead><tr><th>State<th>Instance<th>Host name<th>Job<th>Memory<th>CPU<th>Temperature<th>Disk<th>Pool
<th>Scraped</thead><tbody>${cells.join("")}</tbody></table>${more}`;
}

function renderRow(row: FleetRow, nowMs: number): string {
  const { health } = row;
  const state = health.health === "up" ? (["normal", "note", "warning"][row.level] ?? "warning") : health.health;
  const scraped = health.lastScrapeMs === undefined ? "never" : `${formatAge(nowMs - health.lastScrapeMs)} ago`;
  const error = health.lastError === "" ? "" : `<tr><td><td colspan=9 class=error>${escapeHtml(health.lastError)}</tr>`;
  return `<tr><td><b class="badge ${state}">${state}</b></td><td><a href="${escapeHtml(row.url)}">${escapeHtml(row.instance)}</a>
<td>${escapeHtml(row.hostname ?? "")}<td>${escapeHtml(row.job)}<td>${meter(row.memoryUsedRatio)}<td>${meter(row.cpuUsageRatio)}
<td>${row.celsius === undefined ? "" : `${row.celsius.toFixed(1)} °C`}<td>${meter(row.diskUsedRatio)}
<td>${health.pool}<td>${scraped}</tr>${error}`;
}

function meter(ratio: number | undefined): string {
  if (ratio === undefined || !Number.isFinite(ratio)) return "";
  const percent = (100 * Math.min(1, Math.max(0, ratio))).toFixed(1);
  return `<span class=meter style="--at:${percent}%">${percent}%</span>`;
}

const badness = (row: FleetRow): number => (row.health.health === "down" ? 10 : row.level);
const compare = (left: FleetRow, right: FleetRow): number =>
  left.instance.localeCompare(right.instance, "en", { numeric: true });
const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;

function formatAge(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)}h` : `${Math.round(seconds / 86_400)}d`;
}

/** Everything that came from a target, a rule or a Pi passes through here. */
export function escapeHtml(text: string): string {
  const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return text.replace(/[&<>"']/g, (character) => entities[character] as string);
}

const STYLE = `
:root{color-scheme:light dark;--line:#8884;--quiet:#777;--bar:#3b82f655}
body{font:15px/1.45 system-ui,sans-serif;margin:0 auto;max-width:75rem;padding:0 1rem}
header{display:flex;gap:1rem;align-items:baseline;flex-wrap:wrap}h1{font-size:1.4rem;margin:.8rem 0}h2{font-size:1.05rem}
section{overflow-x:auto}table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid var(--line);white-space:nowrap}
.wide{white-space:normal}th{font-weight:600;color:var(--quiet);font-size:.85em}
.badge{display:inline-block;min-width:4.2em;text-align:center;border-radius:.3em;padding:0 .4em;font-weight:600;color:#fff;background:#777}
.normal{background:#15803d}.note,.pending{background:#b45309}.warning,.firing,.down{background:#b91c1c}
tr.firing,tr.pending,tr.unknown{background:none}.meter{display:inline-block;min-width:5rem;padding:0 .3rem;border-radius:.2rem;
background:linear-gradient(90deg,var(--bar) var(--at),transparent var(--at));border:1px solid var(--line)}
.quiet,footer{color:var(--quiet)}.error{color:#b91c1c;white-space:normal;font-size:.9em}footer{margin:2rem 0;font-size:.85em}
`;
