import { quoteLabelValue } from "../../exporter/shared/model/labels.js";
import type { FamilyReading } from "../../exporter/shared/model/human-lines.js";
import { namedValue, SampleReading } from "../../exporter/shared/model/sample-reading.js";
import type { MatrixSeries, Queries } from "../promql/evaluation/query-results.js";
import { type ActiveTarget, type PageParts, fleetAlerts } from "./fleet-page-data.js";
import { type HostView, renderHostPage, renderNoHostPage } from "./host-page.js";
import type { LineChart } from "./line-chart.js";
import { formatCelsius, formatPercent } from "./page-format.js";

const SHOWN_MS = 6 * 3_600_000;
const STEP_MS = 120_000;
/** How far back to search for the last values of a host that is down. */
const LAST_SEEN_RANGE = "7d";

interface ChartRecipe {
  readonly title: string;
  /** `SELECTOR` is replaced with the labels of the target. */
  readonly expression: string;
  readonly highest: number;
  readonly format: (value: number) => string;
}

const CHARTS: readonly ChartRecipe[] = [
  {
    title: "Memory used",
    expression: "avg_over_time(pihealth_memory_used_ratioSELECTOR[2m])",
    highest: 1,
    format: formatPercent,
  },
  {
    title: "CPU usage",
    expression: "avg_over_time(pihealth_cpu_usage_ratioSELECTOR[2m])",
    highest: 1,
    format: formatPercent,
  },
  {
    title: "Temperature",
    expression: "max_over_time(pihealth_cpu_temperature_celsiusSELECTOR[2m])",
    highest: 80,
    format: formatCelsius,
  },
  {
    title: "Fullest file system",
    expression: "max(pihealth_filesystem_used_ratioSELECTOR)",
    highest: 1,
    format: formatPercent,
  },
];

/** Collects the data of the page `/host/<instance>`. Requests run it; nothing runs in between. */
export class HostPage {
  constructor(private readonly parts: PageParts) {}

  /** @param job empty for the first job that has the instance */
  async render(
    instance: string,
    job: string,
  ): Promise<{ readonly found: boolean; readonly page: string }> {
    const { clock, version } = this.parts;
    const nowMs = clock.wallMs();
    const active = this.parts
      .activeTargets()
      .find(
        ({ target: { labels } }) =>
          labels.get("instance") === instance && (job === "" || labels.get("job") === job),
      );
    if (active === undefined)
      return { found: false, page: renderNoHostPage({ instance, version, nowMs }) };
    return { found: true, page: renderHostPage(await this.view(active, nowMs)) };
  }

  private async view({ target, health }: ActiveTarget, nowMs: number): Promise<HostView> {
    const [instance, job] = [target.labels.get("instance"), target.labels.get("job")];
    const labels = `instance=${quoteLabelValue(instance)},job=${quoteLabelValue(job)}`;
    const [reading, ...charts] = await Promise.all([
      this.reading(labels, health.health === "up" ? nowMs : undefined, nowMs),
      ...CHARTS.map((recipe) => this.chart(recipe, labels, nowMs)),
    ]);
    const alerts = await fleetAlerts(
      this.parts,
      (alert) => alert.instance === instance && alert.job === job,
    );
    const gaps = this.parts
      .gaps(target.host)
      .filter((gap) => gap.instance === instance && gap.job === job);
    return {
      nowMs,
      instance,
      job,
      health,
      reading,
      alerts,
      gaps,
      version: this.parts.version,
      url: target.url,
      charts: charts.filter((chart) => chart !== undefined),
    };
  }

  /** @param atMs undefined for the last successful scrape */
  private async reading(
    labels: string,
    atMs: number | undefined,
    nowMs: number,
  ): Promise<FamilyReading | undefined> {
    const timeMs = atMs ?? (await this.lastAnsweredMs(labels, nowMs));
    if (timeMs === undefined) return undefined;
    const { value } = await this.parts.queries.instant({
      expression: `{__name__=~"pihealth_.+",${labels}}`,
      timeMs,
    });
    if (value.type !== "vector") return undefined;
    const reading = new SampleReading(timeMs, value.samples.map(namedValue));
    const isOurs = ["pihealth_memory_total_bytes", "pihealth_system_info"].some(
      (name) => reading.series(name).length > 0,
    );
    return isOurs ? reading : undefined;
  }

  private async lastAnsweredMs(labels: string, nowMs: number): Promise<number | undefined> {
    const expression = `max_over_time(timestamp(up{${labels}} == 1)[${LAST_SEEN_RANGE}:1m])`;
    const { value } = await this.parts.queries.instant({ expression, timeMs: nowMs });
    const seconds = value.type === "vector" ? value.samples[0]?.value : undefined;
    return seconds === undefined ? undefined : seconds * 1000;
  }

  private async chart(
    recipe: ChartRecipe,
    labels: string,
    nowMs: number,
  ): Promise<LineChart | undefined> {
    const toMs = Math.floor(nowMs / STEP_MS) * STEP_MS + STEP_MS;
    const fromMs = toMs - SHOWN_MS;
    const series = await firstSeries(
      this.parts.queries,
      recipe.expression.replace("SELECTOR", `{${labels}}`),
      fromMs,
      toMs,
    );
    if (series === undefined) return undefined;
    const { title, highest, format } = recipe;
    const { timestamps, values } = series;
    return { title, highest, format, timestamps, values, fromMs, toMs, stepMs: STEP_MS, lowest: 0 };
  }
}

async function firstSeries(
  queries: Queries,
  expression: string,
  fromMs: number,
  toMs: number,
): Promise<MatrixSeries | undefined> {
  const { value } = await queries.range({ expression, fromMs, toMs, stepMs: STEP_MS });
  return value.type === "matrix" ? value.series[0] : undefined;
}
