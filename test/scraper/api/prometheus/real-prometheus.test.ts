import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { JsonFields } from "../../../../exporter/shared/codec/json-fields.js";
import {
  createDataSet,
  DATA_START_MS,
  toOpenMetrics,
  toQuerier,
} from "../../../differential/data-set.js";
import { RealPrometheus } from "../../../support/real-prometheus.js";
import { serveApi } from "../../../support/served-api.js";

let ours: Awaited<ReturnType<typeof serveApi>>;
let theirs: RealPrometheus;
before(async () => {
  const series = createDataSet(1);
  theirs = await RealPrometheus.start({ openMetrics: toOpenMetrics(series) });
  ours = await serveApi({ querier: toQuerier(series) });
});
after(async () => {
  await ours.stop(0);
  await theirs.stop();
});

const SECONDS = DATA_START_MS / 1000;
const TIMES = `start=${SECONDS}&end=${SECONDS + 3600}`;

/** Requests that both must answer alike: status and, of errors, type and message; of successes all data. */
const REQUESTS = [
  "query?query=foo(",
  "query?query=up&time=noon",
  "query?query=up&time=1e400",
  "query?query=up&time=0x10",
  "query?query=up&timeout=x",
  "query?query=1&timeout=-1s",
  "query?query=rate(up)",
  "query?query=nosuch()",
  "query?query=sum(up",
  "query?query=up%20and%201",
  "query?query=1%20%3E%202",
  "query?query='a'%2B1",
  "query?query=1&time=1.0005",
  "query?query=1&time=-1.5",
  "query?query=1&time=-0.0015",
  "query?query=1&time=2015-07-01T20:10:51.7815Z",
  "query?query=vector(1e-7)&time=5",
  "query?query=vector(1e21)&time=5",
  "query?query=vector(-1.5e-300)&time=5",
  "query?query=1e-7&time=5",
  "query?query=1e21&time=5",
  "query?query=-0&time=5",
  "query?query='\\u00e9'&time=5",
  `query?query=up&time=${SECONDS + 60.5}`,
  `query?query=sort(limits)&time=${SECONDS + 60}`,
  `query?query=limits[30s]&time=${SECONDS + 60}`,
  "query_range?query=up",
  "query_range?query=up&start=1",
  "query_range?query=up&start=1&end=0&step=1",
  "query_range?query=up&start=1&end=2",
  "query_range?query=up&start=1&end=2&step=0",
  "query_range?query=up&start=1&end=2&step=-1",
  "query_range?query=up&start=1&end=2&step=x",
  "query_range?query=up&start=0&end=1&step=1e30",
  "query_range?query=up&start=0&end=100000&step=1",
  "query_range?query=up&start=0&end=3153600000&step=0.001",
  `query_range?query=limits&${TIMES}&step=10m`,
  "series",
  "series?match[]={}",
  "series?match[]={a=~'.*'}",
  "series?match[]=up&start=x",
  "series?match[]=up&start=5&end=1",
  "series?match[]=up(",
  "series?match[]=sum(up)",
  "series?match[]=up[5m]",
  `series?match[]=up&match[]=limits&${TIMES}`,
  "labels?start=x",
  "labels?start=5&end=1",
  "labels?match[]={}",
  "labels?match[]=x(",
  `labels?match[]=up&${TIMES}`,
  `labels?${TIMES}`,
  `label/job/values?${TIMES}`,
  `label/__name__/values?${TIMES}`,
  "label/job/values?match[]={}",
  "label/job/values?start=x",
  "label/job/values?start=5&end=1",
  `label/code/values?match[]=requests_total{job='db'}&${TIMES}`,
  "metadata",
  "metadata?limit=x",
  "metadata?limit=-1",
  "metadata?metric=x",
  "targets/metadata",
  "targets/metadata?match_target=x(",
  "targets/metadata?match_target={}",
  "targets/metadata?limit=x",
  "rules?type=x",
  "rules",
  "alerts",
  "alertmanagers",
  "status/walreplay",
  "scrape_pools",
  "query_exemplars?query=up(&start=1&end=2",
  "query_exemplars?query=up&start=1&end=2",
  "query_exemplars?query=up&start=3&end=2",
  "query_exemplars?query=up&start=x",
  "format_query?query=sum(up)by(a)",
  "format_query?query=up(",
] as const;

/** Where the current Prometheus, whom we follow, answers otherwise than 2.42: what ours gives, and why. */
const LATER_ANSWERS: readonly {
  readonly path: string;
  readonly status: number;
  readonly error: RegExp | undefined;
  readonly why: string;
}[] = [
  {
    path: "query",
    status: 400,
    error: /^invalid parameter "query": unknown position: parse error: no expr/,
    why: "an empty text has no position",
  },
  {
    path: "format_query",
    status: 400,
    error: /^invalid parameter "query": unknown position/,
    why: "an empty text has no position",
  },
  {
    path: "query_exemplars",
    status: 400,
    error: /^unknown position/,
    why: "an empty text has no position",
  },
  {
    path: "series?match[]=",
    status: 400,
    error: /^invalid parameter "match\[\]": unknown position/,
    why: "an empty text has no position",
  },
  {
    path: "query?query=up{job=~'('}",
    status: 400,
    error: /missing closing \): `\(`$/,
    why: "2.42 quotes the expression with what it added to it",
  },
  {
    path: "query?query=label_replace(up,'1a','','','')",
    status: 200,
    error: undefined,
    why: "UTF-8 names are allowed since 3.0",
  },
  {
    path: "query?query=up&timeout=0",
    status: 503,
    error: /^query timed out in query queue$/,
    why: "2.42 may notice it later",
  },
  {
    path: "query?query=up&limit=x",
    status: 400,
    error: /^invalid parameter "limit"/,
    why: "2.42 has no limit",
  },
  {
    path: "query?query=up&lookback_delta=x",
    status: 400,
    error: /^error parsing lookback delta duration/,
    why: "2.42 has no lookback_delta",
  },
  {
    path: "query_range?query=&start=0&end=1&step=1",
    status: 400,
    error: /^invalid parameter "query": unknown position/,
    why: "2.42 does not name the parameter",
  },
  {
    path: "query_range?query=up[5m]&start=0&end=1&step=1",
    status: 400,
    error: /^invalid parameter "query": invalid expression type/,
    why: "2.42 does not name the parameter",
  },
  {
    path: "label/a-b/values",
    status: 200,
    error: undefined,
    why: "UTF-8 names are allowed since 3.0",
  },
  { path: "parse_query?query=up", status: 200, error: undefined, why: "2.42 has no parse_query" },
];

interface Answer {
  readonly status: number;
  readonly body: JsonFields;
}

async function get(url: string, path: string): Promise<Answer> {
  const response = await fetch(`${url}/api/v1/${path}`);
  return { status: response.status, body: JsonFields.parse(await response.text(), "response") };
}

/** Sorts the series unless the query does, and hides the time of a query without the parameter `time`. */
/** Prometheus 2 begins this message with a capital letter. */
const inLaterWords = (value: unknown): unknown =>
  typeof value === "string" ? value.replace("Invalid time value", "invalid time value") : value;

function comparable(path: string, { status, body }: Answer): unknown {
  const fields = Object.fromEntries(body.keys.map((key) => [key, inLaterWords(body.value(key))]));
  const data = body.typeOf("data") === "object" ? body.object("data") : undefined;
  if (data?.typeOf("result") !== "list") return { status, ...fields };
  const type = data.value("resultType");
  const result = data.list("result");
  const items = result.keys.map((index) => result.value(index));
  if (path.includes("time=")) {
    if (type === "vector" && !path.includes("sort(")) items.sort(order);
  } else if (type === "scalar" || type === "string") {
    items[0] = "now";
  }
  return { status, ...fields, data: { type, items } };
}

const order = (left: unknown, right: unknown): number =>
  JSON.stringify(left) < JSON.stringify(right) ? -1 : 1;

for (const path of REQUESTS) {
  test(`${path.slice(0, 90)} is answered as by a real Prometheus`, async () => {
    const [our, their] = await Promise.all([get(ours.url, path), get(theirs.url, path)]);
    assert.deepEqual(comparable(path, our), comparable(path, their));
  });
}

for (const { path, status, error, why } of LATER_ANSWERS) {
  test(`${path} is answered as by later versions: ${why}`, async () => {
    const answer = await get(ours.url, path);
    assert.equal(answer.status, status);
    if (error !== undefined) assert.match(answer.body.text("error"), error);
  });
}

test("query statistics have the fields and the sample count of a real Prometheus", async () => {
  const path = `query_range?query=sum(requests_total)&${TIMES}&step=10m&stats=all`;
  const [our, their] = await Promise.all([get(ours.url, path), get(theirs.url, path)]);
  const shapeOf = ({ body }: Answer): unknown => {
    const stats = body.object("data").object("stats");
    const samples = stats.object("samples");
    return [stats.object("timings").keys, samples.keys, samples.integer("totalQueryableSamples")];
  };
  assert.deepEqual(shapeOf(our), shapeOf(their));
});
