import assert from "node:assert/strict";
import { test } from "node:test";
import { type OutageCell, runOutageCell } from "../support/outage-cell.js";

/** Some cells of the matrix that `npm run soak -- outages` goes through, with real processes and real SIGKILL. */
const CELLS: readonly (OutageCell & { readonly cause: string })[] = [
  { outage: "master away", length: "10 min", trouble: "killed in transfer", cause: "" },
  { outage: "link cut", length: "10 s", trouble: "clock stepped", cause: "" },
  { outage: "both", length: "10 s", trouble: "clean", cause: "node_off" },
];

for (const { cause, ...cell } of CELLS) {
  test(`nothing is missing without a cause, and nothing is stored twice: ${Object.values(cell).join(", ")}`, async () => {
    const count = await runOutageCell(cell);
    assert.ok(count.recorded > 0 && count.witnessed > 0, JSON.stringify(count));
    const { recorded, present, duplicated, falselyFilled, unexplained, wrong } = count;
    const expected = {
      present: recorded,
      duplicated: 0,
      falselyFilled: 0,
      unexplained: 0,
      wrong: [],
    };
    assert.deepEqual({ present, duplicated, falselyFilled, unexplained, wrong }, expected);
    // On a machine that stands still for seconds the exporter takes no samples, and that is told as well.
    assert.ok(count.causes.includes(cause), JSON.stringify(count));
  });
}
