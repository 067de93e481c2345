import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { systemClock } from "../../../../exporter/shared/platform/clock.js";
import {
  listenHttp,
  type HttpServer,
} from "../../../../exporter/shared/platform/http/http-server.js";
import { silentLogger } from "../../../../exporter/shared/platform/logger.js";
import { alertmanagerRoutes } from "../../../../scraper/api/alertmanager/alertmanager-routes.js";
import { decodePostedAlerts } from "../../../../scraper/api/alertmanager/posted-alerts.js";
import { createApiHandler } from "../../../../scraper/api/http/api-handler.js";
import { MAX_BODY_BYTES } from "../../../../scraper/api/http/read-request.js";
import { simpleConfig, startHarness } from "../../alerting/dispatch/dispatcher-harness.js";

let server: HttpServer;

before(async () => {
  const { dispatcher } = await startHarness(simpleConfig());
  const handler = createApiHandler({
    routes: alertmanagerRoutes({
      dispatcher,
      receiveAlerts: async (body) =>
        void decodePostedAlerts(body, { nowMs: 0, resolveTimeoutMs: 1 }),
      version: "1",
      nodeVersion: "20",
    }),
    hasFleetToken: (header) => header === "Bearer right",
    log: silentLogger,
    countRequest: () => undefined,
    clock: systemClock,
  });
  server = await listenHttp(handler, { host: "127.0.0.1", port: 0, maxConnections: 20 });
});
after(() => server.stop(0));

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

async function ask(method: string, path: string, body?: string): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${server.port}/api/v2/${path}`, {
    method,
    headers: { Authorization: "Bearer right" },
    ...(body === undefined ? {} : { body }),
  });
  return { status: response.status, body: await response.json() };
}

for (const path of ["alerts", "silences"]) {
  test(`POST /api/v2/${path} takes a body up to the limit of every route and answers 413 above it`, async () => {
    const { status, body } = await ask("POST", path, " ".repeat(MAX_BODY_BYTES + 1));
    assert.equal(status, 413);
    assert.equal(body, `the request body must be at most ${MAX_BODY_BYTES} bytes`);
    assert.equal((await ask("POST", path, " ".repeat(MAX_BODY_BYTES))).status, 400);
  });
}

for (const { name, method, path, posted, status, body } of [
  {
    name: "an unknown silence is a text",
    method: "GET",
    path: "silence/3fa85f64-5717-4562-b3fc-2c963f66afa6",
    status: 404,
    body: "silence not found",
  },
  {
    name: "a bad filter is a text",
    method: "GET",
    path: "alerts?active=maybe",
    status: 400,
    body: 'Cannot read parameter "active": it is "maybe", it must be true or false',
  },
  {
    name: "an id that is no UUID has the code of the schema",
    method: "DELETE",
    path: "silence/x",
    status: 422,
    body: { code: 601, message: 'silenceID in path must be of type uuid: "x"' },
  },
  {
    name: "a missing field has the code of the schema",
    method: "POST",
    path: "alerts",
    posted: '[{"annotations":{}}]',
    status: 422,
    body: { code: 602, message: "0.labels in body is required" },
  },
  {
    name: "a body that is not JSON has the code of the status",
    method: "POST",
    path: "silences",
    posted: "rubbish",
    status: 400,
    body: { code: 400, message: "Cannot read silence: it is not JSON" },
  },
]) {
  test(`Errors have the form of Alertmanager's: ${name}`, async () => {
    assert.deepEqual(await ask(method, path, posted), { status, body });
  });
}
