import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { ConfigSection } from "../../exporter/shared/config/config-section.js";
import { EXPORTER_METRICS, SCRAPER_METRICS } from "../support/metrics-document.js";
import { type Panel, PROVISIONING_FOLDER, readDashboards } from "./dashboard-files.js";

/** Panels included in Grafana; any other would be a plugin to install. */
const CORE_PANELS = [
  "row",
  "stat",
  "gauge",
  "timeseries",
  "table",
  "state-timeline",
  "text",
  "bargauge",
];
const dashboards = readDashboards();

const overlaps = (left: Panel["gridPosition"], right: Panel["gridPosition"]): boolean =>
  left.x < right.x + right.w &&
  right.x < left.x + left.w &&
  left.y < right.y + right.h &&
  right.y < left.y + left.h;

test("there are dashboards for the fleet, one Pi, alerts and the scraper, each with its own identity", () => {
  const uids = dashboards.map(({ dashboard }) => dashboard.uid);
  assert.deepEqual(uids, ["pihealth-alerts", "pihealth-fleet", "pihealth-pi", "pihealth-scraper"]);
  assert.deepEqual(
    dashboards.map(({ file }) => file),
    uids.map((uid) => `${uid}.json`),
  );
});

for (const { file, dashboard } of dashboards) {
  test(`${file}: Grafana accepts it unchanged`, () => {
    assert.equal(dashboard.schemaVersion, 39);
    assert.equal(dashboard.id, null);
    assert.ok(dashboard.tags.includes("pihealth"));
    assert.deepEqual(
      dashboard.variables.map(({ name }) => name),
      ["datasource", "job", "instance"],
    );
    assert.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length);
  });

  test(`${file}: every panel is a core panel, queries the chosen data source and has a unit and thresholds`, () => {
    for (const { type, title, dataSource, targets, unit, thresholds } of dashboard.panels) {
      assert.ok(CORE_PANELS.includes(type), `${title}: ${type}`);
      if (type === "row") continue;
      assert.deepEqual(dataSource, { type: "prometheus", uid: "${datasource}" }, title);
      assert.ok(targets.length > 0, title);
      assert.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length, title);
      for (const target of targets) assert.deepEqual(target.dataSource, dataSource, title);
      assert.equal(typeof unit, "string", title);
      assert.equal(thresholds[0], null, title);
    }
  });

  test(`${file}: panels fit the grid of 24 columns without overlapping`, () => {
    for (const [index, { gridPosition, title }] of dashboard.panels.entries()) {
      assert.ok(gridPosition.x >= 0 && gridPosition.x + gridPosition.w <= 24, title);
      for (const other of dashboard.panels.slice(index + 1)) {
        assert.ok(!overlaps(gridPosition, other.gridPosition), `${title} and ${other.title}`);
      }
    }
  });
}

test("the dashboard of one Pi has a row for each of the six families", () => {
  const pi = dashboards.find(({ file }) => file === "pihealth-pi.json")?.dashboard;
  const rows =
    pi?.panels.filter(({ type }) => type === "row").map(({ title }) => title.toLowerCase()) ?? [];
  for (const family of ["memory", "cpu", "disk", "system", "users", "processes"])
    assert.ok(rows.includes(family), family);
});

test("every metric of ours in a query is one of the program that the dashboard shows", () => {
  const files = new Set<string>();
  for (const { file, dashboard } of dashboards) {
    const { sections } = file === "pihealth-scraper.json" ? SCRAPER_METRICS : EXPORTER_METRICS;
    const documented = new Set(sections.flatMap(({ metrics }) => metrics.map(({ name }) => name)));
    for (const { expr } of dashboard.panels.flatMap(({ targets }) => targets)) {
      for (const [name] of expr.matchAll(/\bpihealth_\w+/g)) {
        assert.ok(documented.has(name), `${file}: ${name}`);
        files.add(file);
      }
    }
  }
  assert.equal(files.size, dashboards.length, "every dashboard asks for metrics of ours");
});

test("provisioning defines one Prometheus data source and one folder of dashboards", () => {
  const read = (name: string): ConfigSection =>
    ConfigSection.parse(readFileSync(path.join(PROVISIONING_FOLDER, name), "utf8"), name);
  const sources = read("datasources/pihealth.yml");
  assert.equal(sources.integer("apiVersion"), 1);
  assert.deepEqual(
    sources
      .sections("datasources")
      .map((source) => [
        source.string("type"),
        source.string("url"),
        source.section("jsonData").string("prometheusType"),
      ]),
    [["prometheus", "http://127.0.0.1:8730", "Prometheus"]],
  );
  assert.deepEqual(
    read("dashboards/pihealth.yml")
      .sections("providers")
      .map((provider) => [provider.string("type"), provider.section("options").string("path")]),
    [["file", "/var/lib/grafana/dashboards/pihealth"]],
  );
});
