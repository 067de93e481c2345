/**
 * Every collector on every recorded machine gives exactly the samples of its expected.txt.
 *
 * After a change that is meant, `UPDATE_GOLDEN=1 node --import tsx --test <this file>` writes them
 * anew.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { FIXTURES } from "../../support/repository.js";
import { collectMachine, MACHINES } from "../machine-fixture.js";

for (const machine of MACHINES) {
  test(`all collectors together read ${machine} as recorded`, async () => {
    const file = path.join(FIXTURES, machine, "expected.txt");
    const found = `${(await collectMachine(machine)).join("\n")}\n`;
    if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(file, found);
    assert.equal(found, readFileSync(file, "utf8"));
  });
}
