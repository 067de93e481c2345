import assert from "node:assert/strict";
import { test } from "node:test";
import { ownExpressions } from "./own-expressions.js";
import { runDifferential } from "./run-differential.js";

/** A fixed seed makes failures reproducible; `npm run soak -- differential` uses other seeds. */
const SEED = 20_260_112;
const EXPRESSIONS = 1500;

test("Our API returns the same results as a real Prometheus for thousands of expressions, all rules and all panels", async (context) => {
  const additional = ownExpressions();
  const report = await runDifferential({ seed: SEED, expressions: EXPRESSIONS, additional });
  context.diagnostic(
    `Prometheus ${report.version}: ${report.compared} answers compared, ${report.nonEmpty} not empty, ${report.rejected} rejected by both; ` +
      `${report.differences.length} differ; known differences: ${JSON.stringify([...report.excluded])}`,
  );
  assert.deepEqual(report.differences, []);
  const excluded = [...report.excluded.values()].reduce((sum, count) => sum + count, 0);
  assert.ok(report.nonEmpty > report.compared / 2, "most answers have samples");
  assert.ok(excluded < report.compared / 20, "few answers have a known difference");
});
