import type { TargetHealth } from "../fleet/target.js";
import { type Html, html } from "./html.js";
import { renderFrame } from "./page-frame.js";
import { badge, formatAge, hostPath, meter, NOTHING, plural, temperature } from "./page-format.js";

/** One row of the page. Ratios are 0 to 1; undefined where the target does not expose the metric. */
export interface FleetRow {
  readonly instance: string;
  readonly job: string;
  readonly health: TargetHealth;
  readonly hostname: string | undefined;
  readonly memoryUsedRatio: number | undefined;
  readonly cpuUsageRatio: number | undefined;
  readonly celsius: number | undefined;
  /** Of the file system with the largest used part. */
  readonly diskUsedRatio: number | undefined;
  /** `pihealth_alarm_level` of its families: 0 normal, 1 note, 2 warning. */
  readonly levels: { readonly memory?: number; readonly cpu?: number; readonly disk?: number };
}

export interface FleetAlert {
  readonly name: string;
  readonly state: "pending" | "firing" | "unknown";
  readonly instance: string;
  readonly job: string;
  readonly severity: string;
  readonly activeAtMs: number;
  readonly summary: string;
}

export interface FleetView {
  readonly nowMs: number;
  readonly version: string;
  /** All targets. */
  readonly rows: readonly FleetRow[];
  readonly alerts: readonly FleetAlert[];
  /** Machines that have the node id of another running machine. */
  readonly clones: readonly ClonedHost[];
}

export interface ClonedHost {
  readonly endpoint: string;
  readonly hostname: string;
  /** The endpoint of the other machine. */
  readonly holder: string;
}

/** Most rows of targets, and of alerts, on the page. The API has all of them. */
export const MAX_PAGE_ROWS = 500;
/** More alerts than this are folded, so targets stay visible. */
const UNFOLDED_ALERTS = 12;
const REFRESH_SECONDS = 15;
const STATES = ["normal", "note", "warning", "unknown", "down"] as const;
const ALERT_STATES = ["firing", "unknown", "pending"] as const;

/** The page at `/`: the fleet at a glance, worst first. */
export function renderFleetPage(view: FleetView): string {
  const { rows, alerts, clones, nowMs, version } = view;
  const down = rows.filter(({ health }) => health.health === "down").length;
  const firing = alerts.filter(({ state }) => state === "firing").length;
  return renderFrame({
    title: `${down + firing > 0 ? `(${down + firing}) ` : ""}pihealth`,
    version,
    nowMs,
    refreshSeconds: REFRESH_SECONDS,
    header: html`<h1>pihealth</h1>`,
    main: html`${renderTiles(rows, down, firing)} ${renderClones(clones)}
      <section aria-labelledby="alerts">
        <h2 id="alerts">Alerts</h2>
        ${renderAlerts(alerts, nowMs)}
      </section>
      <section aria-labelledby="targets">
        <h2 id="targets">Targets</h2>
        ${renderTargets(rows, nowMs)}
      </section>`,
  });
}

/** Heartbeats of a copy are refused, so it has no row of its own. */
function renderClones(clones: readonly ClonedHost[]): Html | undefined {
  if (clones.length === 0) return undefined;
  const lines = clones.slice(0, MAX_PAGE_ROWS).map(
    ({ endpoint, hostname, holder }) =>
      html`<p class="card warning">
        ${endpoint} (${hostname}) has the node id of ${holder}: a copied card. On the copy, stop the
        exporter, delete the whole content of its state folder, and start it again.
      </p>`,
  );
  return html`${lines}`;
}

function renderTiles(rows: readonly FleetRow[], down: number, firing: number): Html {
  const warnings = rows.filter((row) => stateOf(row) === "warning").length;
  const up = rows.filter(({ health }) => health.health === "up").length;
  const tile = (count: number, name: string, kind: string): Html =>
    html`<li class="tile">
      <b class="${count > 0 ? kind : ""}">${count}</b><span>${name}</span>
    </li>`;
  return html`<ul class="tiles">
    ${[
      tile(up, up === 1 ? "target up" : "targets up", "good"),
      tile(down, "down", "warning"),
      tile(warnings, "at level warning", "warning"),
      tile(firing, firing === 1 ? "alert firing" : "alerts firing", "warning"),
    ]}
  </ul>`;
}

function renderAlerts(alerts: readonly FleetAlert[], nowMs: number): Html {
  if (alerts.length === 0) return html`<p class="card good">Nothing is wrong.</p>`;
  const worstFirst = [...alerts].sort(compareAlerts);
  const [first, folded] = [
    worstFirst.slice(0, UNFOLDED_ALERTS),
    worstFirst.slice(UNFOLDED_ALERTS, MAX_PAGE_ROWS),
  ];
  const rest =
    folded.length === 0
      ? undefined
      : html`<details>
          <summary>${plural(folded.length, "more alert")}</summary>
          ${renderAlertTable(folded, nowMs)}
        </details>`;
  return html`<div class="card flush">${renderAlertTable(first, nowMs)}${rest}</div>
    ${renderMore(alerts.length - MAX_PAGE_ROWS)}`;
}

export function renderAlertTable(alerts: readonly FleetAlert[], nowMs: number): Html {
  return html`<table class="stack">
    <thead>
      <tr>
        <th scope="col">State</th>
        <th scope="col">Alert</th>
        <th scope="col">On</th>
        <th scope="col">Severity</th>
        <th scope="col">For</th>
      </tr>
    </thead>
    <tbody>
      ${alerts.map((alert) => renderAlert(alert, nowMs))}
    </tbody>
  </table>`;
}

/** On a phone, cells of the class `empty` take no space. */
function renderAlert(alert: FleetAlert, nowMs: number): Html {
  const { state, name, instance, job, severity, activeAtMs, summary } = alert;
  return html`<tr class="${state}">
    <td>${badge(state)}</td>
    <th scope="row" class="text">${name}<small>${summary}</small></th>
    <td class="${instance === "" ? "empty" : ""}" data-name="On">
      ${instance === "" ? NOTHING : html`<a href="${hostPath(instance, job)}">${instance}</a>`}
    </td>
    <td class="${severity === "" ? "empty" : ""}" data-name="Severity">
      ${severity === "" ? NOTHING : severity}
    </td>
    <td data-name="For">${formatAge(nowMs - activeAtMs)}</td>
  </tr>`;
}

function renderTargets(rows: readonly FleetRow[], nowMs: number): Html {
  if (rows.length === 0) {
    return html`<p class="card quiet">
      No target yet: ranges are being searched, heartbeats awaited.
    </p>`;
  }
  const shown = [...rows].sort(compareUrgency).slice(0, MAX_PAGE_ROWS);
  return html`<div class="card flush">
      <table class="stack">
        <thead>
          <tr>
            <th scope="col">State</th>
            <th scope="col">Host</th>
            <th scope="col">Memory</th>
            <th scope="col">CPU</th>
            <th scope="col">Temperature</th>
            <th scope="col">Disk</th>
            <th scope="col">Scraped</th>
          </tr>
        </thead>
        <tbody>
          ${shown.map((row) => renderTarget(row, nowMs))}
        </tbody>
      </table>
    </div>
    ${renderMore(rows.length - shown.length)}`;
}

function renderTarget(row: FleetRow, nowMs: number): Html {
  const { instance, job, hostname, health, levels } = row;
  const scraped =
    health.lastScrapeMs === undefined ? "never" : `${formatAge(nowMs - health.lastScrapeMs)} ago`;
  const empty = (value: number | undefined): string => (value === undefined ? "empty" : "");
  const name = hostname ?? instance;
  const about = hostname === undefined ? job : `${instance} · ${job}`;
  const error =
    health.lastError === "" ? undefined : html`<small class="error">${health.lastError}</small>`;
  return html`<tr>
    <td>${badge(stateOf(row))}</td>
    <th scope="row" class="text">
      <a href="${hostPath(instance, job)}">${name}</a><small>${about}</small>${error}
    </th>
    <td class="${empty(row.memoryUsedRatio)}" data-name="Memory">
      ${meter(row.memoryUsedRatio, levels.memory)}
    </td>
    <td class="${empty(row.cpuUsageRatio)}" data-name="CPU">${meter(row.cpuUsageRatio, 0)}</td>
    <td class="${empty(row.celsius)}" data-name="Temperature">
      ${temperature(row.celsius, levels.cpu)}
    </td>
    <td class="${empty(row.diskUsedRatio)}" data-name="Disk">
      ${meter(row.diskUsedRatio, levels.disk)}
    </td>
    <td data-name="Scraped">
      ${scraped}${health.pool === "slow" ? html`<small>slow lane</small>` : undefined}
    </td>
  </tr>`;
}

const renderMore = (count: number): Html | undefined =>
  count > 0
    ? html`<p class="quiet">${plural(count, "more row")}: see the API below.</p>`
    : undefined;

/** State of a target: down, or the worst level of its families. */
export function stateOf({
  health,
  levels,
}: Pick<FleetRow, "health" | "levels">): (typeof STATES)[number] {
  if (health.health !== "up") return health.health;
  const worst = Math.max(0, levels.memory ?? 0, levels.cpu ?? 0, levels.disk ?? 0);
  return worst >= 2 ? "warning" : worst >= 1 ? "note" : "normal";
}

/** The order of alerts on the page: worst first, then newest first. */
export const compareAlerts = (left: FleetAlert, right: FleetAlert): number =>
  ALERT_STATES.indexOf(left.state) - ALERT_STATES.indexOf(right.state) ||
  right.activeAtMs - left.activeAtMs;

/** The order of targets on the page: worst first, then by name. */
export const compareUrgency = (left: FleetRow, right: FleetRow): number =>
  badness(right) - badness(left) || compare(left, right);

const badness = (row: FleetRow): number => STATES.indexOf(stateOf(row));
const NAMES = new Intl.Collator("en", { numeric: true });
const compare = (left: FleetRow, right: FleetRow): number =>
  NAMES.compare(nameOf(left), nameOf(right)) || NAMES.compare(left.instance, right.instance);
const nameOf = ({ hostname, instance }: FleetRow): string => hostname ?? instance;
