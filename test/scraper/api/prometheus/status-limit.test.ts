import assert from "node:assert/strict";
import { test } from "node:test";
import { Parameters } from "../../../../scraper/api/http/parameters.js";
import { ApiError } from "../../../../scraper/api/http/api-errors.js";
import { tsdbLimit } from "../../../../scraper/api/prometheus/status-routes.js";

test("status/tsdb takes a limit as Prometheus does: 10 by default, a positive number otherwise", () => {
  const limitOf = (query: string): number => tsdbLimit(new Parameters(new URLSearchParams(query)));
  assert.equal(limitOf(""), 10);
  assert.equal(limitOf("limit="), 10);
  assert.equal(limitOf("limit=3"), 3);
  assert.equal(limitOf("limit=%2B20"), 20);
  for (const text of ["0", "-1", "x", "1.5", "1e3"]) {
    assert.throws(
      () => limitOf(`limit=${text}`),
      (error) => error instanceof ApiError && error.message === "limit must be a positive number",
    );
  }
});
