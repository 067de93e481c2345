import assert from "node:assert/strict";
import { test } from "node:test";
import { itemAt } from "../../../../exporter/shared/model/get-or-throw.js";
import { type AdminRouteParts, adminRoutes } from "../../../../scraper/api/admin/admin-routes.js";
import type { ApiResponse, Route } from "../../../../scraper/api/http/route.js";
import { createRequest } from "../http/api-request.js";

const headsTaken: boolean[] = [];
const takeSnapshot: AdminRouteParts["takeSnapshot"] = async ({ withHead }) => {
  headsTaken.push(withHead);
  return "20260112T150000Z-00c0ffee0042";
};

const importSamples: AdminRouteParts["importSamples"] = () =>
  Promise.reject(new Error("No import was requested"));
const routeOf = (isEnabled: boolean): Route =>
  itemAt(adminRoutes({ isEnabled, takeSnapshot, importSamples }), 0);

function ask(isEnabled: boolean, query = ""): Promise<ApiResponse> {
  return routeOf(isEnabled).handle(createRequest({ query }));
}

test("a disabled admin API answers as in Prometheus, and an enabled one needs the fleet token", async () => {
  assert.equal(routeOf(true).needsToken, true);
  await assert.rejects(ask(false), { code: "unavailable", message: "admin APIs disabled" });
  assert.deepEqual(headsTaken, []);
});

for (const { query, withHead } of [
  { query: "", withHead: true },
  { query: "skip_head=false", withHead: true },
  { query: "skip_head=true", withHead: false },
  { query: "skip_head=1", withHead: false },
]) {
  test(`a snapshot request gets the name of the snapshot: ${query || "no parameter"}`, async () => {
    const answer = await ask(true, query);
    assert.deepEqual(answer, {
      kind: "data",
      data: { value: { name: "20260112T150000Z-00c0ffee0042" } },
    });
    assert.equal(headsTaken.at(-1), withHead);
  });
}

test("a skip_head that is not a boolean is refused", async () => {
  await assert.rejects(ask(true, "skip_head=maybe"), { code: "bad_data" });
});
