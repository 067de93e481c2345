import { FAMILIES, type Family } from "../../exporter/shared/model/family.js";
import {
  FAMILY_DESCRIPTIONS,
  type FamilyReading,
  formatFamilyLines,
  type LabelledValue,
} from "../../exporter/shared/model/human-lines.js";
import type { HostGap } from "../backfill/gap.js";
import type { TargetHealth } from "../fleet/target.js";
import { type FleetAlert, renderAlertTable, stateOf } from "./fleet-page.js";
import { type Html, html } from "./html.js";
import { type LineChart, renderLineChart } from "./line-chart.js";
import { renderFrame } from "./page-frame.js";
import { badge, formatAge, formatPercent } from "./page-format.js";

export interface HostView {
  readonly nowMs: number;
  readonly version: string;
  readonly instance: string;
  readonly job: string;
  /** URL of its metrics. */
  readonly url: string;
  readonly health: TargetHealth;
  /** Its latest values, which are old while it is down. Undefined when there are none. */
  readonly reading: FamilyReading | undefined;
  readonly charts: readonly LineChart[];
  readonly alerts: readonly FleetAlert[];
  /** Oldest first. */
  readonly gaps: readonly HostGap[];
}

const REFRESH_SECONDS = 30;
/** The page says so when a reading is older than this. */
const FRESH_MS = 120_000;
const MAX_PROCESSES = 8;
/** Most gaps shown, the latest ones. The API and `pihealth gaps` have all of them. */
const MAX_GAPS = 8;
const CAUSES: Readonly<Record<HostGap["cause"], string>> = {
  node_off: "the Pi was off",
  exporter_down: "the exporter did not run",
  link_down: "the Pi could not be reached",
  master_down: "the scraper did not run",
  spool_overrun: "the Pi's history begins later",
  clock_untrusted: "the Pi's clock was wrong",
};

/**
 * The page of one host: state, alerts, the last six hours, and the latest values of the six
 * families.
 */
export function renderHostPage(view: HostView): string {
  const { instance, nowMs, version, reading, charts, alerts } = view;
  const hostname = reading?.series("pihealth_system_info")[0]?.labels["hostname"];
  return renderFrame({
    title: `${hostname ?? instance} · pihealth`,
    version,
    nowMs,
    refreshSeconds: REFRESH_SECONDS,
    header: html`<p><a href="/">← All targets</a></p>
      <h1>
        ${hostname ?? instance}
        ${badge(stateOf({ health: view.health, levels: levelsOf(reading) }))}
      </h1>
      ${renderAbout(view, hostname)}`,
    main: html`${renderAlerts(alerts, nowMs)}
    ${
      charts.length === 0
        ? undefined
        : html`<section aria-labelledby="course">
            <h2 id="course">Last six hours</h2>
            <div class="cards">${charts.map(renderLineChart)}</div>
          </section>`
    }
    ${reading === undefined ? undefined : renderFamilies(reading, nowMs)}${renderGaps(view.gaps, nowMs)}`,
  });
}

/** Response to a path that names no target. */
export function renderNoHostPage(parts: {
  readonly instance: string;
  readonly version: string;
  readonly nowMs: number;
}): string {
  return renderFrame({
    ...parts,
    title: "No such target · pihealth",
    refreshSeconds: REFRESH_SECONDS,
    header: html`<p><a href="/">← All targets</a></p>
      <h1>No such target</h1>`,
    main: html`<p class="card">No target of this scraper has the instance “${parts.instance}”.</p>`,
  });
}

function levelsOf(reading: FamilyReading | undefined): {
  memory: number;
  cpu: number;
  disk: number;
} {
  const level = (family: Family): number => reading?.value("pihealth_alarm_level", { family }) ?? 0;
  return { memory: level("memory"), cpu: level("cpu"), disk: level("disk") };
}

function renderAbout(
  { instance, job, url, health, nowMs, reading }: HostView,
  hostname: string | undefined,
): Html {
  const model = reading?.series("pihealth_system_info")[0]?.labels["model"] ?? "";
  const scraped =
    health.lastScrapeMs === undefined
      ? "not scraped yet"
      : `scraped ${formatAge(nowMs - health.lastScrapeMs)} ago`;
  const link = /^https?:/.test(url) ? html`<a href="${url}">its metrics</a>` : undefined;
  const about = [hostname === undefined ? "" : instance, job, model, scraped]
    .filter((text) => text !== "")
    .join(" · ");
  const error =
    health.lastError === "" ? undefined : html`<p class="error">${health.lastError}</p>`;
  return html`<p class="quiet">${about} · ${link}</p>
    ${error}`;
}

function renderAlerts(alerts: readonly FleetAlert[], nowMs: number): Html | undefined {
  if (alerts.length === 0) return undefined;
  return html`<section aria-labelledby="alerts">
    <h2 id="alerts">Alerts</h2>
    <div class="card flush">${renderAlertTable(alerts, nowMs)}</div>
  </section>`;
}

function renderGaps(gaps: readonly HostGap[], nowMs: number): Html | undefined {
  if (gaps.length === 0) return undefined;
  const lines = gaps
    .slice(-MAX_GAPS)
    .reverse()
    .map(({ fromMs, untilMs, cause, state }) => [
      `${formatAge(nowMs - fromMs)} ago`,
      formatAge((untilMs ?? nowMs) - fromMs),
      CAUSES[cause],
      untilMs === undefined ? "goes on" : state,
    ]);
  return html`<section aria-labelledby="gaps">
    <h2 id="gaps">Gaps in the samples</h2>
    <div class="card">${renderTable(["Began", "For", "Because", "State"], lines)}</div>
  </section>`;
}

function renderFamilies(reading: FamilyReading, nowMs: number): Html {
  const ageMs = nowMs - reading.timeMs;
  const heading = ageMs > FRESH_MS ? `Last known, ${formatAge(ageMs)} ago` : "Now";
  return html`<section aria-labelledby="now">
    <h2 id="now">${heading}</h2>
    <div class="cards">
      ${FAMILIES.map((family) => renderFamily(family, reading))} ${renderTopProcesses(reading)}
    </div>
  </section>`;
}

/** The human line of a family, with the names of its fields. Several lines become a table. */
function renderFamily(family: Family, reading: FamilyReading): Html {
  const lines = formatFamilyLines(family, reading).map((line) => line.split("  ").slice(1));
  const names = FAMILY_DESCRIPTIONS[family].fields.slice(1).map(fieldName);
  const isTable = family === "disk" || family === "processes";
  const title =
    family === "processes" ? "Malicious processes" : family === "cpu" ? "CPU" : capitalize(family);
  const [first] = lines;
  const body =
    first === undefined
      ? html`<p class="${family === "processes" ? "good" : "quiet"}">
          ${family === "processes" ? "None." : "No samples."}
        </p>`
      : isTable
        ? renderTable(
            names,
            lines.map((line) =>
              family === "disk" ? [line[0] === "0" ? "disk" : "mount", ...line.slice(1)] : line,
            ),
          )
        : renderList(names, first, family === "system" ? renderThrottling(reading) : undefined);
  return html`<div class="card${isTable && lines.length > 0 ? " wide" : ""}">
    <h3>${title}</h3>
    ${body}
  </div>`;
}

function renderList(names: readonly string[], values: readonly string[], more?: Html): Html {
  const rows = names.map(
    (name, index) =>
      html`<dt>${name}</dt>
        <dd class="${stateClass(values[index])}">${readable(values[index] ?? "")}</dd>`,
  );
  return html`<dl>${rows}${more}</dl>`;
}

function renderTable(names: readonly string[], lines: readonly (readonly string[])[]): Html {
  const cells = (line: readonly string[]): Html[] =>
    names.map((_name, index) => html`<td>${line[index] ?? ""}</td>`);
  return html`<table>
    <thead>
      <tr>
        ${names.map((name) => html`<th scope="col">${name}</th>`)}
      </tr>
    </thead>
    <tbody>
      ${lines.map(
        (line) =>
          html`<tr>
            ${cells(line)}
          </tr>`,
      )}
    </tbody>
  </table>`;
}

function renderThrottling(reading: FamilyReading): Html | undefined {
  const all = reading.series("pihealth_throttling");
  if (all.length === 0) return undefined;
  const names = (series: readonly LabelledValue[]): string =>
    series
      .filter(({ value }) => value === 1)
      .map(({ labels }) => (labels["reason"] ?? "").replaceAll("_", " "))
      .join(", ");
  const [now, sinceBoot] = [names(all), names(reading.series("pihealth_throttling_since_boot"))];
  return html`<dt>Throttled now</dt>
    <dd class="${now === "" ? "" : "warning"}">${now === "" ? "no" : now}</dd>
    <dt>Since boot</dt>
    <dd class="${sinceBoot === "" ? "" : "note"}">${sinceBoot === "" ? "no" : sinceBoot}</dd>`;
}

function renderTopProcesses(reading: FamilyReading): Html | undefined {
  const busiest = [...reading.series("pihealth_top_process_cpu_ratio")].sort(
    (left, right) => right.value - left.value,
  );
  if (busiest.length === 0) return undefined;
  const lines = busiest.slice(0, MAX_PROCESSES).map(({ labels, value }) => {
    const memory = reading.value("pihealth_top_process_memory_ratio", labels);
    const { comm = "", name = comm, pid = "", user = "" } = labels; // Older exporters send no name.
    return [
      name,
      pid,
      user,
      formatPercent(value),
      memory === undefined ? "–" : formatPercent(memory),
    ];
  });
  return html`<div class="card wide">
    <h3>Busiest processes</h3>
    ${renderTable(["Program", "PID", "User", "CPU", "Memory"], lines)}
  </div>`;
}

/** Turns `memory-used%` into `Memory used`. */
function fieldName(field: string): string {
  const known: Readonly<Record<string, string>> = {
    "0|1": "Kind",
    "disk|mount": "Name",
    "[name_ip_tty,...]": "Now here",
    "[recent,...]": "Active last",
    "[root-user,...]": "May be root",
    os: "OS",
    pid: "PID",
    name: "Program",
    "cpu%": "CPU",
    "mem%": "Memory",
    "cpu-level": "CPU level",
  };
  return known[field] ?? capitalize(field.replace("%", "").replaceAll("-", " "));
}

/** Adds spaces to lists of names and levels, so that they can wrap. */
const readable = (value: string): string =>
  value === "-" || value === "[]" ? "–" : value.replaceAll(",", ", ").replace(/^\[(.*)\]$/, "$1");
const stateClass = (value: string | undefined): string =>
  value === "note" || value === "warning" ? value : "";
const capitalize = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
