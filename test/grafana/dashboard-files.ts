import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { REPOSITORY } from "../support/repository.js";

/** The parts of Grafana's dashboard model that tests check. */
export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly schemaVersion: number;
  readonly id: null;
  readonly tags: readonly string[];
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly Variable[] };
}

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly datasource?: DataSource;
  readonly gridPos: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  };
  readonly targets?: readonly Target[];
  readonly fieldConfig?: {
    readonly defaults: {
      readonly unit: string;
      readonly thresholds: { readonly steps: readonly { value: number | null }[] };
    };
  };
}

export interface Target {
  readonly refId: string;
  readonly expr: string;
  readonly instant: boolean;
  readonly datasource: DataSource;
}

export interface DataSource {
  readonly type: string;
  readonly uid: string;
}

export interface Variable {
  readonly name: string;
  readonly type: string;
  readonly multi: boolean;
  readonly query: string | { readonly query: string };
}

export const DASHBOARD_FOLDER = path.join(REPOSITORY, "grafana/dashboards");
export const PROVISIONING_FOLDER = path.join(REPOSITORY, "grafana/provisioning");

export interface DashboardFile {
  readonly file: string;
  readonly dashboard: Dashboard;
}

export function readDashboards(): DashboardFile[] {
  const files = readdirSync(DASHBOARD_FOLDER)
    .filter((name) => name.endsWith(".json"))
    .sort();
  return files.map((file) => ({
    file,
    dashboard: JSON.parse(readFileSync(path.join(DASHBOARD_FOLDER, file), "utf8")) as Dashboard,
  }));
}

/** The queries of variables, in their order. */
export function queryVariables({
  templating,
}: Dashboard): { name: string; multi: boolean; query: string }[] {
  return templating.list
    .filter(({ type }) => type === "query")
    .map(({ name, multi, query }) => ({
      name,
      multi,
      query: typeof query === "string" ? query : query.query,
    }));
}

const BUILT_IN: Readonly<Record<string, string>> = {
  __rate_interval: "1m",
  __interval: "15s",
  __range: "1h",
  __interval_ms: "15000",
  __range_s: "3600",
};

/**
 * Replaces `$name` with values, as Grafana's Prometheus data source does; a multi-value variable
 * becomes a regex.
 */
export function substitute(
  text: string,
  variables: readonly { readonly name: string; readonly multi: boolean }[],
  values: Readonly<Record<string, readonly string[]>>,
): string {
  return text.replace(/\$(\w+)/g, (whole, name: string) => {
    if (name in BUILT_IN) return BUILT_IN[name] as string;
    const variable = variables.find((candidate) => candidate.name === name);
    const chosen = values[name];
    if (variable === undefined || chosen === undefined)
      throw new Error(`Cannot substitute "${whole}" in "${text}"`);
    if (!variable.multi) return (chosen[0] ?? "").replace(/[\\"]/g, "\\$&");
    const escaped = chosen.map((value) => value.replace(/[$^*{}[\]'+?.()|]/g, "\\\\$&"));
    return escaped.length === 1 ? (escaped[0] as string) : `(${escaped.join("|")})`;
  });
}
