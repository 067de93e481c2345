import assert from "node:assert/strict";
import { test } from "node:test";
import { type AdminRouteParts, adminRoutes } from "../../../../scraper/api/admin/admin-routes.js";
import { Parameters } from "../../../../scraper/api/http/parameters.js";
import type { ApiResponse, ApiRequest, Route } from "../../../../scraper/api/http/route.js";

const asked: boolean[] = [];
const snapshot: AdminRouteParts["snapshot"] = async ({ withHead }) => {
  asked.push(withHead);
  return "20260112T150000Z-00c0ffee0042";
};

const importSamples: AdminRouteParts["importSamples"] = () =>
  Promise.reject(new Error("not asked for"));
const routeOf = (isEnabled: boolean): Route =>
  adminRoutes({ isEnabled, snapshot, importSamples })[0] as Route;

function ask(isEnabled: boolean, query = ""): Promise<ApiResponse> {
  const request: Partial<ApiRequest> = { parameters: new Parameters(new URLSearchParams(query)) };
  return routeOf(isEnabled).handle(request as ApiRequest);
}

test("the admin API answers as Prometheus does while it is off, and needs the fleet token", async () => {
  assert.equal(routeOf(true).needsToken, true);
  await assert.rejects(ask(false), { code: "unavailable", message: "admin APIs disabled" });
  assert.deepEqual(asked, []);
});

for (const { query, withHead } of [
  { query: "", withHead: true },
  { query: "skip_head=false", withHead: true },
  { query: "skip_head=true", withHead: false },
  { query: "skip_head=1", withHead: false },
]) {
  test(`a snapshot tells its name: ${query || "no parameter"}`, async () => {
    const answer = await ask(true, query);
    assert.deepEqual(answer, {
      kind: "data",
      data: { value: { name: "20260112T150000Z-00c0ffee0042" } },
    });
    assert.equal(asked.at(-1), withHead);
  });
}

test("a skip_head that is no boolean is refused", async () => {
  await assert.rejects(ask(true, "skip_head=maybe"), { code: "bad_data" });
});
