import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import path from "node:path";
import { test } from "node:test";
import { rareCompilationFlags } from "../../../../exporter/shared/platform/compiler.js";
import { REPOSITORY } from "../../../support/repository.js";

for (const { v8, node, flags } of [
  { v8: "11.3.244.8-node.38", node: 20, flags: 1 },
  { v8: "12.4.254.21-node.33", node: 22, flags: 2 },
  { v8: "13.6.233.17-node.37", node: 24, flags: 2 },
  { v8: "99.0", node: "a later one", flags: 0 },
  { v8: "unknown", node: "something else", flags: 0 },
]) {
  test(`the compiler is held back with flags of Node.js ${node} only`, () => {
    assert.equal(rareCompilationFlags(v8).length, flags);
  });
}

test("this Node.js knows every flag the exporter sets, and those of its unit", () => {
  const unitFlags = ["--max-semi-space-size=1", "--optimize-for-size"];
  const main = path.join(REPOSITORY, "dist/exporter/main.js");
  const { stderr, status } = spawnSync(process.execPath, [...unitFlags, main, "--help"], {
    encoding: "utf8",
  });
  assert.deepEqual({ stderr, status }, { stderr: "", status: 0 });
});
