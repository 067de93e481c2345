import { itemAt } from "../../exporter/shared/model/get-or-throw.js";
import { Html, html } from "./html.js";

export interface LineChart {
  readonly title: string;
  readonly fromMs: number;
  readonly toMs: number;
  /**
   * Milliseconds, ascending, as long as `values`. NaN is a gap, and so is a distance of more than
   * two steps.
   */
  readonly timestamps: Float64Array;
  readonly values: Float64Array;
  readonly stepMs: number;
  /** The axis includes at least the range from `lowest` to `highest`. */
  readonly lowest: number;
  readonly highest: number;
  readonly format: (value: number) => string;
}

const WIDTH = 400;
const HEIGHT = 110;
const LEFT = 44;
const RIGHT = 6;
const TOP = 8;
const BOTTOM = 16;

interface Point {
  readonly x: number;
  readonly y: number;
}

/** A time series as inline SVG, with its latest value in the heading. */
export function renderLineChart(chart: LineChart): Html {
  const finite = [...chart.values].filter(Number.isFinite);
  const last = finite.at(-1);
  if (last === undefined)
    return html`<figure class="card chart">
      <h3>${chart.title}</h3>
      <p class="quiet">No samples.</p>
    </figure>`;
  const [least, most] = [Math.min(...finite), Math.max(...finite)];
  const format = chart.format;
  const label = `${chart.title}: ${format(last)} at last, from ${format(least)} to ${format(most)}`;
  return html`<figure class="card chart">
    <h3><span>${chart.title}</span><span>${format(last)}</span></h3>
    <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${label}">
      ${renderAxes(chart, least, most)}${renderCourse(chart, least, most)}
    </svg>
  </figure>`;
}

function renderAxes(chart: LineChart, least: number, most: number): Html[] {
  const [low, high] = bounds(chart, least, most);
  const levels = [high, (low + high) / 2, low].map((value) => {
    const y = yOf(value, low, high).toFixed(1);
    return html`<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y}" y2="${y}" /><text
        x="${LEFT - 6}"
        y="${y}"
        dy="3.5"
        text-anchor="end"
        >${chart.format(value)}</text
      >`;
  });
  const hours = (chart.toMs - chart.fromMs) / 3_600_000;
  const times = [
    { text: `−${hours} h`, x: LEFT, anchor: "start" },
    { text: `−${hours / 2} h`, x: (LEFT + WIDTH - RIGHT) / 2, anchor: "middle" },
    { text: "now", x: WIDTH - RIGHT, anchor: "end" },
  ].map(
    ({ text, x, anchor }) =>
      html`<text x="${x}" y="${HEIGHT - 3}" text-anchor="${anchor}">${text}</text>`,
  );
  return [...levels, ...times];
}

function renderCourse(chart: LineChart, least: number, most: number): Html[] {
  const [low, high] = bounds(chart, least, most);
  const bottom = yOf(low, low, high).toFixed(1);
  return runs(chart, low, high).map((run) => {
    const [first, last] = [itemAt(run, 0), itemAt(run, -1)];
    if (run.length === 1)
      return html`<circle cx="${first.x.toFixed(1)}" cy="${first.y.toFixed(1)}" r="1.6" />`;
    const line = run.map(({ x, y }) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L");
    const area = `M${first.x.toFixed(1)} ${bottom}L${line}L${last.x.toFixed(1)} ${bottom}Z`;
    return html`<path class="area" d="${new Html(area)}" /><path d="${new Html(`M${line}`)}" />`;
  });
}

/** Sections of the series without a gap. */
function runs(
  { timestamps, values, stepMs, fromMs, toMs }: LineChart,
  low: number,
  high: number,
): Point[][] {
  const found: Point[][] = [];
  let lastMs = Number.NEGATIVE_INFINITY;
  for (const [index, timeMs] of timestamps.entries()) {
    const value = values[index] as number;
    if (!Number.isFinite(value)) continue;
    const x = LEFT + ((WIDTH - LEFT - RIGHT) * (timeMs - fromMs)) / (toMs - fromMs);
    const point = { x, y: yOf(value, low, high) };
    if (timeMs - lastMs > 2 * stepMs) found.push([point]);
    else found.at(-1)?.push(point);
    lastMs = timeMs;
  }
  return found;
}

/** Never of zero height, so a constant value is drawn as a line. */
function bounds(
  { lowest, highest }: LineChart,
  least: number,
  most: number,
): [low: number, high: number] {
  const low = Math.min(lowest, least);
  const high = Math.max(highest, most);
  return high > low ? [low, high] : [low, low + 1];
}

const yOf = (value: number, low: number, high: number): number =>
  TOP + (HEIGHT - TOP - BOTTOM) * (1 - (value - low) / (high - low));
