import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { JsonFields } from "../../exporter/shared/codec/json-fields.js";
import { REPOSITORY } from "../support/repository.js";

/** The parts of Grafana's dashboard model that tests check. */
export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly schemaVersion: number;
  /** Null lets Grafana choose one. */
  readonly id: unknown;
  readonly tags: readonly string[];
  readonly panels: readonly Panel[];
  readonly variables: readonly Variable[];
}

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly dataSource: DataSource | undefined;
  readonly gridPosition: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  };
  readonly targets: readonly Target[];
  readonly unit: string | undefined;
  /** Null for the first, which holds below all others. */
  readonly thresholds: readonly unknown[];
}

export interface Target {
  readonly refId: string;
  readonly expr: string;
  readonly instant: boolean;
  readonly dataSource: DataSource;
}

interface DataSource {
  readonly type: string;
  readonly uid: string;
}

interface Variable {
  readonly name: string;
  readonly type: string;
  readonly isMultiple: boolean;
  readonly query: string;
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
    dashboard: readDashboard(
      JsonFields.parse(readFileSync(path.join(DASHBOARD_FOLDER, file), "utf8"), file),
    ),
  }));
}

function readDashboard(fields: JsonFields): Dashboard {
  return {
    uid: fields.text("uid"),
    title: fields.text("title"),
    schemaVersion: fields.integer("schemaVersion"),
    id: fields.value("id"),
    tags: fields.texts("tags"),
    panels: fields.objects("panels").map(readPanel),
    variables: fields.object("templating").objects("list").map(readVariable),
  };
}

function readPanel(panel: JsonFields): Panel {
  const position = panel.object("gridPos");
  const defaults = panel.optional("fieldConfig", (key) => panel.object(key).object("defaults"));
  return {
    id: panel.integer("id"),
    type: panel.text("type"),
    title: panel.text("title"),
    dataSource: panel.optional("datasource", (key) => readDataSource(panel.object(key))),
    gridPosition: {
      x: position.integer("x"),
      y: position.integer("y"),
      w: position.integer("w"),
      h: position.integer("h"),
    },
    targets: panel.optional("targets", (key) => panel.objects(key).map(readTarget)) ?? [],
    unit: defaults?.text("unit"),
    thresholds:
      defaults
        ?.object("thresholds")
        .objects("steps")
        .map((step) => step.value("value")) ?? [],
  };
}

const readTarget = (target: JsonFields): Target => ({
  refId: target.text("refId"),
  expr: target.text("expr"),
  instant: target.boolean("instant"),
  dataSource: readDataSource(target.object("datasource")),
});

const readDataSource = (source: JsonFields): DataSource => ({
  type: source.text("type"),
  uid: source.text("uid"),
});

const readVariable = (variable: JsonFields): Variable => ({
  name: variable.text("name"),
  type: variable.text("type"),
  isMultiple: variable.optional("multi", (key) => variable.boolean(key)) ?? false,
  query:
    variable.typeOf("query") === "object"
      ? variable.object("query").text("query")
      : variable.text("query"),
});

/** The variables whose values come from a query, in their order. */
export const queryVariables = ({ variables }: Dashboard): Variable[] =>
  variables.filter(({ type }) => type === "query");

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
  variables: readonly Variable[],
  values: Readonly<Record<string, readonly string[]>>,
): string {
  return text.replace(/\$(\w+)/g, (whole, name: string) => {
    const builtIn = BUILT_IN[name];
    if (builtIn !== undefined) return builtIn;
    const variable = variables.find((candidate) => candidate.name === name);
    const chosen = values[name];
    if (variable === undefined || chosen === undefined)
      throw new Error(`Cannot substitute "${whole}" in "${text}"`);
    if (!variable.isMultiple) return (chosen[0] ?? "").replace(/[\\"]/g, "\\$&");
    const escaped = chosen.map((value) => value.replace(/[$^*{}[\]'+?.()|]/g, "\\\\$&"));
    return escaped.length === 1 ? escaped.join() : `(${escaped.join("|")})`;
  });
}
