import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { JsonFields } from "../../../../exporter/shared/codec/json-fields.js";
import { createDataSet, DATA_START_MS, toQuerier } from "../../../differential/data-set.js";
import { ChildProgram } from "../../../support/child-program.js";
import { serveApi } from "../../../support/served-api.js";
import { promtoolCheckMetrics } from "../../../support/promtool.js";
import { FakeClock } from "../../../support/fake-clock.js";

const END_SECONDS = DATA_START_MS / 1000 + 1800;
let api: Awaited<ReturnType<typeof serveApi>>;
before(async () => {
  const metadata = new Map(
    ["requests_total", "latency"].map((metric) => [
      metric,
      [{ metric, type: "counter", help: 'All\n"\\"', unit: "" }],
    ]),
  );
  const clock = new FakeClock(END_SECONDS * 1000);
  api = await serveApi({
    querier: toQuerier(createDataSet(1)),
    clock,
    parts: { metadata: () => Promise.resolve(metadata) },
  });
});
after(() => api.stop(0));

async function promtool(...args: readonly string[]): Promise<string> {
  const program = new ChildProgram("promtool", args);
  const { code } = await program.exited;
  assert.equal(code, 0, program.text);
  return program.text;
}

test("promtool query instant works", async () => {
  const text = await promtool(
    "query",
    "instant",
    `--time=${END_SECONDS}`,
    api.url,
    'limits{job="db"}',
  );
  assert.equal(text, `limits{job="db", kind="hard"} => 1000 @[${END_SECONDS}]\n`);
});

test("promtool query range works", async () => {
  const times = [`--start=${END_SECONDS - 60}`, `--end=${END_SECONDS}`, "--step=30s"];
  const text = await promtool("query", "range", ...times, api.url, "sum(limits)");
  assert.match(text, /^\{\} =>\n(2000 @\[\d+\]\n){3}$/);
});

test("promtool query series and labels work", async () => {
  const times = [`--start=${END_SECONDS - 60}`, `--end=${END_SECONDS}`];
  assert.match(
    await promtool("query", "series", "--match=limits", ...times, api.url),
    /^(\{__name__="limits", .*\}\n){2}$/,
  );
  const values = await promtool("query", "labels", ...times, api.url, "kind");
  assert.ok(values.split("\n").includes("hard"), values);
});

test("the readiness checks of later promtool versions succeed", async () => {
  for (const path of ["/-/healthy", "/-/ready"]) {
    for (const method of ["GET", "HEAD"])
      assert.equal((await fetch(api.url + path, { method })).status, 200, path);
  }
});

test("/federate passes promtool check metrics and has timestamps and an empty instance", async () => {
  const response = await fetch(
    `${api.url}/federate?match[]=requests_total&match[]={__name__="latency_bucket",job="db"}`,
  );
  assert.equal(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  const text = await response.text();
  assert.equal(promtoolCheckMetrics(text), "");
  assert.match(
    text,
    /^# HELP latency_bucket All\\n"\\\\"\n# TYPE latency_bucket untyped\nlatency_bucket\{.*le="\+Inf".*\} \d+ \d{13}$/m,
  );
  assert.match(
    await (await fetch(`${api.url}/federate?match[]=limits`)).text(),
    /^limits\{job="api",kind="hard",instance=""\} 1000 \d+$/m,
  );
  const bad = await fetch(`${api.url}/federate?match[]=up(`);
  assert.deepEqual([bad.status, await bad.text()], [400, '1:3: parse error: unexpected "("\n']);
});

/** The requests of Grafana's Prometheus data source, from its setup to the use of a dashboard. */
const GRAFANA_REQUESTS: readonly {
  readonly what: string;
  readonly path: string;
  readonly form?: Record<string, string>;
  readonly isEmpty?: boolean;
}[] = [
  { what: "save & test", path: "/api/v1/query", form: { query: "1+1", time: String(END_SECONDS) } },
  { what: "kind of server", path: "/api/v1/status/buildinfo" },
  {
    what: "label browser, names",
    path: "/api/v1/labels",
    form: { start: String(END_SECONDS - 3600), end: String(END_SECONDS) },
  },
  {
    what: "label browser, metrics",
    path: `/api/v1/label/__name__/values?start=${END_SECONDS - 3600}&end=${END_SECONDS}&limit=40000`,
  },
  { what: "metric explorer", path: "/api/v1/metadata?limit=100" },
  {
    what: "variable, label_values(up, instance)",
    path: `/api/v1/label/instance/values?match[]=up&start=${END_SECONDS - 3600}&end=${END_SECONDS}`,
  },
  {
    what: "variable of older versions",
    path: "/api/v1/series",
    form: { "match[]": "up", start: String(END_SECONDS - 3600), end: String(END_SECONDS) },
  },
  {
    what: "variable, query_result(up)",
    path: "/api/v1/query",
    form: { query: "up", time: String(END_SECONDS) },
  },
  {
    what: "panel",
    path: "/api/v1/query_range",
    form: {
      query: "sum by (job) (rate(requests_total[1m0s]))",
      start: String(END_SECONDS - 900),
      end: String(END_SECONDS),
      step: "15",
    },
  },
  {
    what: "exemplars of a panel",
    path: "/api/v1/query_exemplars",
    form: { query: "rate(requests_total[1m])", start: "1", end: "2" },
    isEmpty: true,
  },
  { what: "alert list, rules", path: "/api/v1/rules" },
  { what: "alert list, alerts", path: "/api/v1/alerts" },
];

for (const { what, path, form, isEmpty = false } of GRAFANA_REQUESTS) {
  test(`Grafana's requests are answered: ${what}`, async () => {
    const post = {
      method: "POST",
      body: new URLSearchParams(form),
      headers: { "X-Grafana-Org-Id": "1" },
    };
    const response = await fetch(api.url + path, form === undefined ? {} : post);
    const body = JsonFields.parse(await response.text(), "response");
    assert.deepEqual([response.status, body.text("status")], [200, "success"]);
    const data = body.value("data");
    assert.ok(typeof data === "object" && data !== null);
    assert.equal(Object.keys(data).length === 0, isEmpty, "is empty");
  });
}

test("the build information has only the fields of Prometheus, so that Grafana takes the server for Prometheus", async () => {
  const response = await fetch(`${api.url}/api/v1/status/buildinfo`);
  const data = JsonFields.parse(await response.text(), "response").object("data");
  assert.deepEqual(data.keys.sort(), [
    "branch",
    "buildDate",
    "buildUser",
    "goVersion",
    "revision",
    "version",
  ]);
  assert.match(data.text("version"), /^3\.\d+\.\d+$/);
});
