import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { systemClock } from "../../../../exporter/shared/platform/clock.js";
import { gunzipSync, gzipSync } from "node:zlib";
import { request } from "node:http";
import {
  listenHttp,
  type HttpServer,
} from "../../../../exporter/shared/platform/http/http-server.js";
import { silentLogger } from "../../../../exporter/shared/platform/logger.js";
import { JsonFields } from "../../../../exporter/shared/codec/json-fields.js";
import { itemAt } from "../../../../exporter/shared/model/get-or-throw.js";
import { Labels } from "../../../../exporter/shared/model/labels.js";
import { ApiError } from "../../../../scraper/api/http/api-errors.js";
import { createApiHandler } from "../../../../scraper/api/http/api-handler.js";
import { MAX_BODY_BYTES } from "../../../../scraper/api/http/read-request.js";
import { queryRoutes } from "../../../../scraper/api/prometheus/query-routes.js";
import { dataResponse, type Route } from "../../../../scraper/api/http/route.js";
import { parseExpression } from "../../../../scraper/promql/language/parser.js";
import {
  QueryExecutionError,
  QueryParseError,
  QueryTimeoutError,
} from "../../../../scraper/promql/language/query-errors.js";
import type {
  InstantQuery,
  Queries,
  QueryAnswer,
  RangeQuery,
} from "../../../../scraper/promql/evaluation/query-results.js";
import { FakeClock } from "../../../support/fake-clock.js";

const NOW_MS = Date.UTC(2026, 0, 12, 15, 0, 0);
const asked: (InstantQuery | RangeQuery)[] = [];

function answerOf(expression: string): QueryAnswer {
  if (expression === "bad(")
    throw new QueryParseError("1:5: parse error: unclosed left parenthesis");
  if (expression === "many")
    throw new QueryExecutionError("query processing would load too many samples");
  if (expression === "slow")
    throw new QueryTimeoutError("query timed out in expression evaluation");
  if (expression === "bug") throw new TypeError("x is undefined");
  const count = expression === "big" ? 5000 : 2;
  const samples = Array.from({ length: count }, (_, index) => ({
    labels: Labels.of({ __name__: "up", instance: `10.0.0.${index}:8732`, note: 'a"b\n<c>' }),
    timestampMs: NOW_MS + 5,
    value: index === 0 ? Number.NaN : 1e21,
  }));
  return { value: { type: "vector", samples }, warnings: ["careful"], infos: [] };
}

const queries: Queries = {
  async instant(query) {
    asked.push(query);
    return answerOf(query.expression);
  },
  async range(query: RangeQuery) {
    asked.push(query);
    const timestamps = Float64Array.of(query.fromMs, query.toMs);
    const series = [
      { labels: Labels.of({ job: "pi" }), timestamps, values: Float64Array.of(0.1, -0) },
    ];
    return { value: { type: "matrix", series }, warnings: [], infos: ["PromQL info: hm"] };
  },
};

const extraRoutes: Route[] = [
  { methods: ["GET"], path: "/silence/:id", handle: async () => dataResponse(1) },
  {
    methods: ["POST"],
    path: "/write",
    needsToken: true,
    handle: async (request) => dataResponse(request.body.length),
  },
  {
    methods: ["GET"],
    path: "/am",
    errorStyle: "alertmanager",
    handle: async () => {
      throw new ApiError("bad_data", "bad matcher format: x");
    },
  },
];

let resolveDeparted: () => void;
const departed = new Promise<void>((resolve) => (resolveDeparted = resolve));
let resolveArrived: () => void;
const arrived = new Promise<void>((resolve) => (resolveArrived = resolve));
extraRoutes.push({
  methods: ["GET"],
  path: "/wait",
  handle: async ({ signal }) => {
    resolveArrived();
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    resolveDeparted();
    return dataResponse("not read");
  },
});

let server: HttpServer;
before(async () => {
  const handler = createApiHandler({
    routes: [
      ...queryRoutes({
        queries,
        clock: new FakeClock(NOW_MS),
        parseExpression,
        maxPointsPerSeries: 11_000,
      }),
      ...extraRoutes,
    ],
    hasFleetToken: (header) => header === "Bearer right",
    log: silentLogger,
    countRequest: () => undefined,
    clock: systemClock,
  });
  server = await listenHttp(handler, { host: "127.0.0.1", port: 0, maxConnections: 20 });
});
after(() => server.stop(0));

const urlOf = (path: string): string => `http://127.0.0.1:${server.port}${path}`;

const parameter = (name: string, value: string): string => `${name}=${encodeURIComponent(value)}`;

const REFUSALS = [
  {
    path: "/api/v1/query?query=bad(",
    status: 400,
    type: "bad_data",
    message: /^invalid parameter "query": 1:5: parse error/,
  },
  { path: "/api/v1/query?query=many", status: 422, type: "execution", message: /too many samples/ },
  { path: "/api/v1/query?query=slow", status: 503, type: "timeout", message: /timed out/ },
  {
    path: "/api/v1/query?query=bug",
    status: 500,
    type: "internal",
    message: /^internal error, see the log/,
  },
  {
    path: "/api/v1/query?query=up&time=noon",
    status: 400,
    type: "bad_data",
    message: /parameter "time": .*cannot parse "noon"/,
  },
  {
    path: "/api/v1/query?query=up&limit=-1",
    status: 400,
    type: "bad_data",
    message: /parameter "limit"/,
  },
  {
    path: "/api/v1/query_range?query=up&end=2&step=1",
    status: 400,
    type: "bad_data",
    message: /parameter "start"/,
  },
  {
    path: "/api/v1/query_range?query=up&start=2&end=1&step=1",
    status: 400,
    type: "bad_data",
    message: /must not be before/,
  },
  {
    path: "/api/v1/query_range?query=up&start=1&end=2&step=0",
    status: 400,
    type: "bad_data",
    message: /zero or negative/,
  },
  {
    path: "/api/v1/query_range?query=up&start=1&end=2&step=1x",
    status: 400,
    type: "bad_data",
    message: /"1x"/,
  },
  {
    path: "/api/v1/query_range?query=up&start=0&end=3153600000&step=0.001",
    status: 400,
    type: "bad_data",
    message: /11,000 points/,
  },
  { path: "/api/v1/nothing", status: 404, type: "not_found", message: /no such path/ },
  { path: "/silence/%E0%A4%A", status: 400, type: "bad_data", message: /malformed path/ },
] as const;

for (const { path, status, type, message } of REFUSALS) {
  test(`${path.slice(0, 60)} is refused with ${status} ${type}`, async () => {
    const response = await fetch(urlOf(path));
    const body = JsonFields.parse(await response.text(), "response");
    assert.equal(response.status, status);
    assert.deepEqual([body.text("status"), body.text("errorType")], ["error", type]);
    assert.match(body.text("error"), message);
  });
}

test("an instant query gets Prometheus' envelope, with numbers formatted as in Go", async () => {
  const response = await fetch(urlOf("/api/v1/query?query=up"));
  assert.equal(response.headers.get("content-type"), "application/json");
  assert.equal(response.headers.get("x-powered-by"), null);
  assert.deepEqual(await response.json(), {
    status: "success",
    data: {
      resultType: "vector",
      result: [
        {
          metric: { __name__: "up", instance: "10.0.0.0:8732", note: 'a"b\n<c>' },
          value: [NOW_MS / 1000 + 0.005, "NaN"],
        },
        {
          metric: { __name__: "up", instance: "10.0.0.1:8732", note: 'a"b\n<c>' },
          value: [NOW_MS / 1000 + 0.005, "1e+21"],
        },
      ],
    },
    warnings: ["careful"],
  });
});

test("parameters of the form and of the query string add up", async () => {
  asked.length = 0;
  const body = new URLSearchParams({
    query: "up",
    start: "10",
    end: "1970-01-01T00:01:00Z",
    step: "15s",
  });
  const response = await fetch(urlOf(`/api/v1/query_range?${parameter("timeout", "1m")}`), {
    method: "POST",
    body,
  });
  const answer = JsonFields.parse(await response.text(), "response");
  const { signal, keepMemory, ...rest } = itemAt(asked, 0);
  assert.equal(signal?.constructor, AbortSignal);
  assert.equal(typeof keepMemory, "function");
  const times = {
    fromMs: 10_000,
    toMs: 60_000,
    stepMs: 15_000,
    lookbackMs: undefined,
    timeoutMs: 60_000,
  };
  assert.deepEqual(rest, { expression: "up", ...times });
  assert.deepEqual(answer.value("data"), {
    resultType: "matrix",
    result: [
      {
        metric: { job: "pi" },
        values: [
          [10, "0.1"],
          [60, "-0"],
        ],
      },
    ],
  });
  assert.deepEqual(answer.texts("infos"), ["PromQL info: hm"]);
});

test("a limit truncates the result and adds a warning", async () => {
  const response = await fetch(urlOf("/api/v1/query?query=up&limit=1"));
  const answer = JsonFields.parse(await response.text(), "response");
  assert.equal(answer.object("data").list("result").keys.length, 1);
  assert.deepEqual(answer.texts("warnings"), ["careful", "results truncated due to limit"]);
});

test("a large response is compressed for clients that accept gzip, and only for them", async () => {
  const [plain, packed] = await Promise.all([
    rawGet("/api/v1/query?query=big", "identity"),
    rawGet("/api/v1/query?query=big", "gzip"),
  ]);
  assert.equal(plain.encoding, undefined);
  assert.equal(packed.encoding, "gzip");
  assert.equal(gunzipSync(packed.body).toString(), plain.body.toString());
  assert.ok(packed.body.length < plain.body.length / 5);
});

function rawGet(
  path: string,
  acceptEncoding: string,
): Promise<{ encoding: string | undefined; body: Buffer }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      urlOf(path),
      { headers: { "Accept-Encoding": acceptEncoding } },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () =>
          resolve({ encoding: response.headers["content-encoding"], body: Buffer.concat(chunks) }),
        );
      },
    );
    outgoing.on("error", reject).end();
  });
}

for (const { name, headers, status } of [
  { name: "no token", headers: {}, status: 401 },
  { name: "a wrong token", headers: { Authorization: "Bearer wrong" }, status: 401 },
  { name: "the right token", headers: { Authorization: "Bearer right" }, status: 200 },
]) {
  test(`a route that changes something answers ${status} to ${name}`, async () => {
    const response = await fetch(urlOf("/write"), { method: "POST", body: "{}", headers });
    assert.equal(response.status, status);
    await response.arrayBuffer();
  });
}

test("with basic auth, the fleet token opens the routes that need it and no others", async () => {
  const handler = createApiHandler({
    routes: [
      { methods: ["GET"], path: "/read", handle: async () => dataResponse(1) },
      ...extraRoutes,
    ],
    hasFleetToken: (header) => header === "Bearer right",
    basicAuth: async (header) => header === "Basic good",
    log: silentLogger,
    countRequest: () => undefined,
    clock: systemClock,
  });
  const guarded = await listenHttp(handler, { host: "127.0.0.1", port: 0, maxConnections: 20 });
  const statusOf = async (method: string, path: string, authorization: string): Promise<string> => {
    const headers = authorization === "" ? {} : { Authorization: authorization };
    const response = await fetch(`http://127.0.0.1:${guarded.port}${path}`, { method, headers });
    await response.arrayBuffer();
    return [response.status, response.headers.get("www-authenticate")].join(" ").trim();
  };
  assert.equal(await statusOf("POST", "/write", "Bearer right"), "200");
  assert.equal(await statusOf("POST", "/write", "Bearer wrong"), "401 Bearer");
  assert.equal(await statusOf("POST", "/write", "Basic good"), "401 Bearer");
  assert.equal(await statusOf("GET", "/read", "Basic good"), "200");
  assert.equal(await statusOf("GET", "/read", "Bearer right"), "401 Basic");
  assert.equal(await statusOf("GET", "/read", ""), "401 Basic");
  assert.equal(await statusOf("GET", "/nothing", ""), "401 Basic");
  assert.equal(await statusOf("GET", "/nothing", "Basic good"), "404");
  assert.equal(await statusOf("PUT", "/read", "Basic good"), "405");
  await guarded.stop(0);
});

test("a request without the token is refused before its body is read", async () => {
  const response = await fetch(urlOf("/write"), {
    method: "POST",
    body: Buffer.alloc(MAX_BODY_BYTES + 1),
  });
  assert.equal(response.status, 401);
  await response.arrayBuffer();
});

test("a form is read with and without a length, compressed, and at another spelling of the path", async () => {
  const form = Buffer.from("query=up&time=1700000000");
  const type = { "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8" };
  const streamed = new ReadableStream<Uint8Array>({
    start: (controller) => {
      controller.enqueue(form);
      controller.close();
    },
  });
  const requests: [path: string, init: RequestInit & { duplex?: "half" }][] = [
    ["/api/v1/query", { body: form, headers: type }],
    ["/api/v1/query", { body: streamed, headers: type, duplex: "half" }],
    ["/api/v1/query", { body: gzipSync(form), headers: { ...type, "Content-Encoding": "gzip" } }],
    ["/API/v1/query/?time=5", { body: form, headers: type }],
  ];
  for (const [path, init] of requests) {
    const response = await fetch(urlOf(path), { method: "POST", ...init });
    assert.equal(response.status, 200);
    await response.arrayBuffer();
    const query = itemAt(asked, -1);
    assert.ok("timeMs" in query);
    assert.deepEqual([query.expression, query.timeMs], ["up", 1_700_000_000_000]);
  }
});

test("a body above the limit gets 413, another method 405, and an Alertmanager route Alertmanager's form of error", async () => {
  const tooLarge = {
    method: "POST",
    body: Buffer.alloc(MAX_BODY_BYTES + 1),
    headers: { Authorization: "Bearer right" },
  };
  const large = await fetch(urlOf("/write"), tooLarge);
  assert.equal(large.status, 413);
  await large.arrayBuffer();
  const wrongMethod = await fetch(urlOf("/write"));
  assert.equal(wrongMethod.status, 405);
  assert.equal(wrongMethod.headers.get("allow"), "POST");
  await wrongMethod.arrayBuffer();
  const alertmanager = await fetch(urlOf("/am"));
  assert.equal(alertmanager.status, 400);
  assert.equal(await alertmanager.json(), "bad matcher format: x");
});

test("until the program is ready the APIs answer 503, so that clients retry", async () => {
  const handler = createApiHandler({
    routes: [
      ...extraRoutes,
      { methods: ["GET"], path: "/api/v1/x", handle: async () => dataResponse(1) },
    ],
    isReady: () => false,
    hasFleetToken: () => true,
    log: silentLogger,
    countRequest: () => undefined,
    clock: systemClock,
  });
  const starting = await listenHttp(handler, { host: "127.0.0.1", port: 0, maxConnections: 20 });
  const statusOf = async (path: string): Promise<number> => {
    const response = await fetch(`http://127.0.0.1:${starting.port}${path}`);
    await response.arrayBuffer();
    return response.status;
  };
  assert.deepEqual([await statusOf("/api/v1/x"), await statusOf("/am")], [503, 400]);
  await starting.stop(0);
});

test("pages of other origins may read", async () => {
  const response = await fetch(urlOf("/api/v1/query?query=up"), {
    method: "OPTIONS",
    headers: { Origin: "http://x" },
  });
  assert.equal(response.status, 204);
  assert.equal(response.headers.get("access-control-allow-origin"), "*");
});

test("a client that disconnects aborts the work for its request", async () => {
  const client = new AbortController();
  const asking = fetch(urlOf("/wait"), { signal: client.signal });
  await arrived;
  client.abort();
  await assert.rejects(asking);
  await departed;
});
