import assert from "node:assert/strict";
import { test } from "node:test";
import { runDoctor } from "../../../../scraper/program/commands/doctor.js";

const NOBODY = { url: "http://127.0.0.1:1" };
const MISSING = "/nowhere/pihealthd.yml";

test("A missing default configuration is no fault, a missing one that was named is", async () => {
  const byDefault = await runDoctor(undefined, NOBODY, MISSING);
  assert.match(byDefault.lines[0] ?? "", /^ok {3}No \/nowhere\/pihealthd.yml/);
  const named = await runDoctor(MISSING, NOBODY);
  assert.match(named.lines[0] ?? "", /^BAD {2}FAILED: .*pihealthd.yml/);
});
