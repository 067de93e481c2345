import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { realFiles } from "../../../../exporter/shared/platform/files.js";

test("a folder is made with those around it, also by several at once, and may be there already", async () => {
  const root = mkdtempSync(path.join(tmpdir(), "pihealth-folder-"));
  try {
    const folder = path.join(root, "a/b/c");
    await Promise.all([realFiles.makeFolder(folder), realFiles.makeFolder(folder)]);
    await realFiles.makeFolder(folder);
    assert.ok(statSync(folder).isDirectory());
    writeFileSync(path.join(root, "file"), "");
    await assert.rejects(realFiles.makeFolder(path.join(root, "file/inside")));
    await assert.rejects(realFiles.makeFolder(path.join(root, "file")));
  } finally {
    rmSync(root, { recursive: true });
  }
});

test("a folder that cannot be made is an error and no endless try", async () => {
  await assert.rejects(realFiles.makeFolder("/proc/no-such-folder/inside"), { code: "ENOENT" });
});
