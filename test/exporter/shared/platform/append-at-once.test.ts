import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { realFiles } from "../../../../exporter/shared/platform/files.js";

const folder = mkdtempSync(path.join(tmpdir(), "pihealth-append-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const inFolder = (name: string): string => path.join(folder, name);

test("Content is appended in order, and the size of the whole file is told", () => {
  const file = inFolder("log");
  assert.equal(realFiles.appendAtOnce(file, "one\n"), 4);
  assert.equal(realFiles.appendAtOnce(file, "zwölf\n"), 11);
  writeFileSync(file, "new\n");
  assert.equal(realFiles.appendAtOnce(file, "two\n"), 8);
  assert.equal(readFileSync(file, "utf8"), "new\ntwo\n");
});

for (const { name, file, code } of [
  { name: "a folder is missing", file: inFolder("missing/log"), code: "ENOENT" },
  { name: "a disk is full", file: "/dev/full", code: "ENOSPC" },
  { name: "a folder is in its place", file: folder, code: "EISDIR" },
]) {
  test(`An append is refused with the system's error: ${name}`, () => {
    assert.throws(() => realFiles.appendAtOnce(file, "x"), { code });
  });
}

test("A folder is made with those above it, once", () => {
  assert.equal(realFiles.makeFolderAtOnce(inFolder("a/b/c")), true);
  assert.equal(realFiles.makeFolderAtOnce(inFolder("a/b/c")), false);
  assert.equal(realFiles.makeFolderAtOnce(inFolder("a/b/d")), true);
  mkdirSync(inFolder("a/b/c/e"));
});

for (const { name, made, code } of [
  { name: "where the kernel allows none", made: "/proc/pihealth/hosts", code: "ENOENT" },
  { name: "below a file", made: "/dev/null/hosts", code: "ENOTDIR" },
]) {
  test(`A folder that cannot be made is refused, and nothing hangs: ${name}`, () => {
    assert.throws(() => realFiles.makeFolderAtOnce(made), { code });
  });
}
