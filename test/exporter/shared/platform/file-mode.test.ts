import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { realFiles } from "../../../../exporter/shared/platform/real-files.js";

test("A file written for its owner is readable by nobody else, whatever the umask", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "pihealth-mode-"));
  const before = process.umask(0);
  try {
    await realFiles.replace(path.join(folder, "a.json"), "{}", { mode: 0o600 });
    const modes = readdirSync(folder).map((name) => statSync(path.join(folder, name)).mode & 0o777);
    assert.deepEqual(modes, [0o600]);
  } finally {
    process.umask(before);
    rmSync(folder, { recursive: true });
  }
});
