import assert from "node:assert/strict";
import { after, test } from "node:test";
import { JsonFields } from "../../../../exporter/shared/codec/json-fields.js";
import { systemClock } from "../../../../exporter/shared/platform/clock.js";
import { listenHttp } from "../../../../exporter/shared/platform/http/http-server.js";
import { silentLogger } from "../../../../exporter/shared/platform/logger.js";
import { createApiHandler } from "../../../../scraper/api/http/api-handler.js";
import { dataResponse, type Route } from "../../../../scraper/api/http/route.js";
import { WorkTurns } from "../../../../scraper/base/work-turns.js";

/** Long jobs have used up every turn, and the test decides when the next one begins. */
const held: (() => void)[] = [];
const turns = new WorkTurns(
  { monotonicMs: () => Number.POSITIVE_INFINITY },
  () => new Promise((resolve) => held.push(resolve)),
);
const longList = Array.from({ length: 20_000 }, (_, index) => ({ index, text: "x".repeat(40) }));
const routes: Route[] = [
  {
    methods: ["GET"],
    path: "/-/healthy",
    handle: async () => ({ kind: "text", status: 200, contentType: "text/plain", body: "OK\n" }),
  },
  { methods: ["GET"], path: "/short", handle: async () => dataResponse({ a: 1 }) },
  { methods: ["GET"], path: "/long", handle: async () => dataResponse(longList) },
];
const server = await listenHttp(
  createApiHandler({
    routes,
    turns,
    hasFleetToken: () => false,
    log: silentLogger,
    countRequest: () => undefined,
    clock: systemClock,
  }),
  { host: "127.0.0.1", port: 0, maxConnections: 10 },
);
after(() => server.stop(0));
const get = async (path: string): Promise<string> =>
  (await fetch(`http://127.0.0.1:${server.port}${path}`)).text();

test("a short answer does not wait behind long jobs, a long one does", async () => {
  const long = get("/long");
  assert.equal(await get("/-/healthy"), "OK\n");
  assert.equal(await get("/short"), '{"status":"success","data":{"a":1}}');
  assert.ok(held.length > 0);
  const release = setInterval(() => held.shift()?.(), 1);
  const answer = JsonFields.parse(await long, "answer");
  clearInterval(release);
  assert.equal(answer.objects("data").length, longList.length);
});
