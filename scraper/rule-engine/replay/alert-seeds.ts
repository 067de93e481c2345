import { Labels, METRIC_NAME } from "../../../exporter/shared/model/labels.js";
import type { Queries, VectorSample } from "../../promql/evaluation/query-results.js";
import type { ActiveAlert } from "../evaluation/active-alert.js";
import type { AlertingRule } from "../rules/rule-group.js";

const STATE_LABEL = "alertstate";

/** The alerts that were pending or firing at one time, from the stored ALERTS series. */
export class AlertSeeds {
  private constructor(private readonly alerts: readonly ActiveAlert[]) {}

  static async read(queries: Queries, timeMs: number, signal: AbortSignal): Promise<AlertSeeds> {
    const query = async (expression: string): Promise<readonly VectorSample[]> => {
      const { value } = await queries.instant({ expression, timeMs, signal });
      return value.type === "vector" ? value.samples : [];
    };
    const since = new Map<string, number>();
    for (const { labels, value } of await query("ALERTS_FOR_STATE")) {
      since.set(labels.without(METRIC_NAME).key, value * 1000);
    }
    const found = (await query("ALERTS")).flatMap((sample): ActiveAlert[] => {
      const labels = sample.labels.without(METRIC_NAME).without(STATE_LABEL);
      const activeAtMs = since.get(labels.key);
      if (activeAtMs === undefined) return [];
      const isFiring = sample.labels.get(STATE_LABEL) === "firing";
      return [
        {
          labels,
          annotations: Labels.EMPTY,
          value: Number.NaN,
          state: isFiring ? "firing" : "pending",
          unknown: false,
          activeAtMs,
          firedAtMs: isFiring ? timeMs : undefined,
          resolvedAtMs: undefined,
          lastSentAtMs: undefined,
          keepFiringSinceMs: undefined,
        },
      ];
    });
    return new AlertSeeds(found);
  }

  /**
   * Alerts that may belong to the rule: with its name, and with its labels unless they are
   * templates.
   */
  of(rule: AlertingRule): ActiveAlert[] {
    const fixed = Object.entries(rule.labels).filter(([, text]) => !text.includes("{{"));
    return this.alerts
      .filter(
        ({ labels }) =>
          labels.get("alertname") === rule.name &&
          fixed.every(([name, value]) => labels.get(name) === value),
      )
      .map((alert) => ({ ...alert, firedAtMs: firedAtOf(alert, rule) }));
  }
}

function firedAtOf(
  { firedAtMs, activeAtMs }: ActiveAlert,
  { forMs }: AlertingRule,
): number | undefined {
  return firedAtMs === undefined ? undefined : Math.min(firedAtMs, activeAtMs + forMs);
}
