import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { runPromqlConformance } from "../../../conformance/promqltest.js";
import { FIXTURES } from "../../../support/repository.js";

test("Every case of our own PromQL scripts passes, with shared and with separate timestamps", async () => {
  const results = await runPromqlConformance(path.join(FIXTURES, "promql"));
  assert.deepEqual(
    results.map(({ file }) => file),
    ["extended.test", "functions.test", "matching.test", "metadata.test", "pihealth.test"],
  );
  for (const { file, passed, failed, unsupported } of results) {
    assert.deepEqual(failed, [], file);
    assert.deepEqual(unsupported, [], file);
    assert.ok(passed > 0, file);
  }
});
