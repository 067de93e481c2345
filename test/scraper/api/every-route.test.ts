import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { after, test } from "node:test";
import { silentLogger } from "../../../exporter/shared/platform/logger.js";
import { MAX_BODY_BYTES } from "../../../scraper/api/http/read-request.js";
import { startScraper } from "../../../scraper/app/app.js";
import { parseScraperConfig } from "../../../scraper/config/config.js";
import { FakeClock } from "../../support/fake-clock.js";
import {
  ALL_METHODS,
  assertRefusedClearly,
  type HostileRequest,
} from "../../support/hostile-requests.js";
import { MemoryFiles } from "../../support/memory-files.js";
import { REPOSITORY } from "../../support/repository.js";

const TOKEN = "a-token-for-this-test";
const CONFIG = `
scrape_configs: [{ job_name: pi, static_configs: [{ targets: ["10.0.0.7:8732"] }] }]
rule_files: [rules.yml]
fleet: { token_file: token }
web: { enable_admin_api: true }
`;

const clock = new FakeClock();
const files = new MemoryFiles();
files.put("/etc/pihealth/token", `${TOKEN}\n`);
files.put(
  "/etc/pihealth/rules.yml",
  "groups: [{ name: pi, rules: [{ alert: Up, expr: up == 1 }] }]",
);
const config = await parseScraperConfig(CONFIG, "/etc/pihealth/pihealthd.yml", files);
const body = Buffer.from("a 1\nb 2\n");
const app = await startScraper(
  { ...config, web: { ...config.web, port: 0 } },
  {
    clock,
    files,
    sendHttp: async () => ({ status: 200, headers: {}, body }),
    resolveHost: async () => [],
    log: silentLogger,
    version: "0.0.0",
    random: () => 0.5,
    workingFolder: "/",
    loadConfig: async () => config,
  },
);
after(() => app.stop());
await clock.advance(60_000);

const headers = { authorization: `Bearer ${TOKEN}` };
const FORM = { ...headers, "content-type": "application/x-www-form-urlencoded" };
const JSON_TYPE = { ...headers, "content-type": "application/json" };

/** The names of all parameters that routes read, from their source. */
function parameterNames(): string[] {
  const folder = path.join(REPOSITORY, "scraper");
  const names = ["api", "app"].flatMap((room) =>
    readdirSync(path.join(folder, room), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .flatMap((file) => [
        ...readFileSync(path.join(folder, room, file), "utf8").matchAll(
          /(?:arameters|\b)\.?(?:text|all|requiredTimeMs|timeMs|durationMs|requiredDurationMs|wholeNumber|given)\("([\w[\]]+)"/g,
        ),
      ])
      .map(([, name = ""]) => name),
  );
  return [...new Set([...names, "limit", "lookback_delta", "timeout", "stats"])];
}

const pathOf = (pattern: string, part = "x"): string => pattern.replace(/:\w+/g, part);
const paths = [...new Set(app.routes.map((route) => route.path))];

/** Enough for a route to read its other parameters. */
const VALID = { query: "up", "match[]": "up", start: "0", end: "60", step: "15" };

const withQuery = (pattern: string, parameters: Readonly<Record<string, string>>): string =>
  `${pathOf(pattern)}?${new URLSearchParams(parameters).toString()}`;

test("the routes and the names of their parameters are found", () => {
  assert.ok(app.routes.length > 35, `${app.routes.length} routes`);
  const names = parameterNames();
  for (const name of Object.keys(VALID)) assert.ok(names.includes(name), name);
});

test("every route answers every method", async () => {
  await assertRefusedClearly(
    app.port,
    paths.flatMap((pattern) =>
      ALL_METHODS.flatMap((method) => [
        { method, path: pathOf(pattern) },
        { method, path: pathOf(pattern), headers },
      ]),
    ),
  );
});

/** Long answers, whatever the query string is. */
const WITHOUT_PARAMETERS = new Set(["/", "/metrics"]);
const VALUES = ["-1", "NaN", "1e308", "{\u0000\u2028"];

test("every parameter of every route may have any value, or be there twice", async () => {
  const names = parameterNames();
  const read = app.routes.filter(
    ({ methods, path: pattern }) => methods.includes("GET") && !WITHOUT_PARAMETERS.has(pattern),
  );
  await assertRefusedClearly(
    app.port,
    read.flatMap(({ path: pattern }) =>
      names.flatMap((name) => [
        ...VALUES.map((value) => ({
          method: "GET",
          path: withQuery(pattern, { ...VALID, [name]: value }),
          headers,
        })),
        { method: "GET", path: `${withQuery(pattern, VALID)}&${name}=-1&${name}=`, headers },
      ]),
    ),
  );
});

const QUERIES = ["%", "%ff%fe", "query=%ff", "a".repeat(15_000), "&".repeat(5000), "match[]=%00"];

test("every route bears a query string that is long or is not UTF-8", async () => {
  await assertRefusedClearly(
    app.port,
    paths.flatMap((pattern) =>
      QUERIES.map((query) => ({ method: "GET", path: `${pathOf(pattern)}?${query}`, headers })),
    ),
  );
});

const PARTS = ["%ff", "%00", "..%2f..", "%", "a".repeat(5000), "__proto__", "%E2%80%AE", "-1", "{"];

test("the named parts of a path may be anything", async () => {
  const named = app.routes.filter(({ path: pattern }) => pattern.includes(":"));
  assert.ok(named.length > 2);
  await assertRefusedClearly(
    app.port,
    named.flatMap(({ path: pattern, methods }) =>
      methods.flatMap((method) =>
        PARTS.map((part) => ({ method, path: pathOf(pattern, part), headers })),
      ),
    ),
  );
});

const BODIES: readonly Pick<HostileRequest, "headers" | "body">[] = [
  { headers: JSON_TYPE, body: "{" },
  { headers: JSON_TYPE, body: "" },
  { headers: JSON_TYPE, body: "[]" },
  { headers: JSON_TYPE, body: "{}" },
  { headers: JSON_TYPE, body: "[null]" },
  { headers: JSON_TYPE, body: "[[]]" },
  { headers: JSON_TYPE, body: '[{"labels":[]}]' },
  { headers: JSON_TYPE, body: '{"__proto__":{},"matchers":{},"port":-1,"from_ms":1e400}' },
  { headers: JSON_TYPE, body: '"text"' },
  { headers: JSON_TYPE, body: "-1e999" },
  { headers: JSON_TYPE, body: Buffer.from([0x7b, 0xff, 0xfe, 0x7d]) },
  { headers: JSON_TYPE, body: "[".repeat(100_000) },
  { headers: FORM, body: "query=%ff&query=up&start=NaN" },
  { headers: FORM, body: Buffer.from([0xff, 0x3d, 0xfe]) },
  { headers: { ...headers, "content-type": "text/xml" }, body: "<a/>" },
  { headers: { ...headers, "content-type": ";;;" }, body: "x" },
  { headers: { ...JSON_TYPE, "content-encoding": "gzip" }, body: "no gzip" },
  { headers: { ...JSON_TYPE, "content-encoding": "rot13" }, body: "{}" },
];

const TOO_LARGE = Buffer.alloc(MAX_BODY_BYTES + 1, "x");

test("a wrong method, type, body and size are refused with the status for it", async () => {
  const statusOf = async (where: string, init: RequestInit): Promise<number> =>
    (await fetch(`http://127.0.0.1:${app.port}${where}`, init)).status;
  const post = { method: "POST", headers: JSON_TYPE };
  assert.equal(await statusOf("/api/v1/query", { method: "DELETE" }), 405);
  assert.equal(await statusOf("/api/v1/heartbeat", { ...post, body: "{" }), 400);
  assert.equal(await statusOf("/api/v1/heartbeat", { ...post, body: "[]" }), 400);
  assert.equal(await statusOf("/api/v2/alerts", { ...post, body: TOO_LARGE }), 413);
  assert.equal(await statusOf("/api/v1/query", post), 400);
});

test("every route bears every body", async () => {
  const writing = app.routes.flatMap(({ path: pattern, methods }) =>
    methods.filter((method) => method !== "GET").map((method) => ({ method, pattern })),
  );
  assert.ok(writing.length > 10);
  await assertRefusedClearly(
    app.port,
    writing.flatMap(({ method, pattern }) =>
      [...BODIES, { headers: JSON_TYPE, body: TOO_LARGE }].map((sent) => ({
        method,
        path: pathOf(pattern),
        ...sent,
      })),
    ),
  );
});
