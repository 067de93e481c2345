import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import path from "node:path";
import { test } from "node:test";
import { REPOSITORY } from "../../../support/repository.js";

test("this Node.js knows the flags that the exporter and its unit file set", () => {
  const unitFlags = ["--max-semi-space-size=1", "--optimize-for-size"];
  const main = path.join(REPOSITORY, "dist/exporter/program/main.js");
  const { stderr, status } = spawnSync(process.execPath, [...unitFlags, main, "--help"], {
    encoding: "utf8",
  });
  assert.deepEqual({ stderr, status }, { stderr: "", status: 0 });
});
