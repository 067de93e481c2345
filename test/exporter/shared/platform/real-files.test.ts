import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { realFiles } from "../../../../exporter/shared/platform/real-files.js";
import { removeStrayFiles } from "../../../../exporter/shared/platform/stray-files.js";

const folder = mkdtempSync(path.join(tmpdir(), "pihealth-files-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const inFolder = (name: string): string => path.join(folder, name);

test("appendSync appends in order and returns the size of the whole file", () => {
  const file = inFolder("log");
  assert.equal(realFiles.appendSync(file, "one\n"), 4);
  assert.equal(realFiles.appendSync(file, "zwölf\n"), 11);
  writeFileSync(file, "new\n");
  assert.equal(realFiles.appendSync(file, "two\n"), 8);
  assert.equal(readFileSync(file, "utf8"), "new\ntwo\n");
});

for (const { name, file, code } of [
  { name: "the folder is missing", file: inFolder("missing/log"), code: "ENOENT" },
  { name: "the disk is full", file: "/dev/full", code: "ENOSPC" },
  { name: "the path is a folder", file: folder, code: "EISDIR" },
]) {
  test(`appendSync throws the system's error: ${name}`, () => {
    assert.throws(() => realFiles.appendSync(file, "x"), { code });
  });
}

test("makeFolderSync creates missing parents and reports whether it created the folder", () => {
  assert.equal(realFiles.makeFolderSync(inFolder("a/b/c")), true);
  assert.equal(realFiles.makeFolderSync(inFolder("a/b/c")), false);
  assert.equal(realFiles.makeFolderSync(inFolder("a/b/d")), true);
  mkdirSync(inFolder("a/b/c/e"));
});

for (const { name, made, code } of [
  { name: "the kernel creates no folders there", made: "/proc/pihealth/hosts", code: "ENOENT" },
  { name: "the parent is a file", made: "/dev/null/hosts", code: "ENOTDIR" },
]) {
  test(`makeFolderSync throws the system's error and does not hang: ${name}`, () => {
    assert.throws(() => realFiles.makeFolderSync(made), { code });
  });
}

test("makeFolder creates missing parents, also in concurrent calls, and accepts an existing folder", async () => {
  const made = inFolder("async/b/c");
  await Promise.all([realFiles.makeFolder(made), realFiles.makeFolder(made)]);
  await realFiles.makeFolder(made);
  assert.ok(statSync(made).isDirectory());
  writeFileSync(inFolder("file"), "");
  await assert.rejects(realFiles.makeFolder(inFolder("file/inside")));
  await assert.rejects(realFiles.makeFolder(inFolder("file")));
});

test("makeFolder rejects with the system's error and does not hang where the kernel creates no folders", async () => {
  await assert.rejects(realFiles.makeFolder("/proc/no-such-folder/inside"), { code: "ENOENT" });
});

test("lost+found of a file system is in no listing; a file of that name is", async () => {
  mkdirSync(inFolder("own-file-system/lost+found"), { recursive: true });
  writeFileSync(inFolder("own-file-system/data"), "");
  const names = async (name: string): Promise<string[]> =>
    (await realFiles.list(inFolder(name))).map((entry) => entry.name);
  assert.deepEqual(await names("own-file-system"), ["data"]);
  mkdirSync(inFolder("other"));
  writeFileSync(inFolder("other/lost+found"), "");
  assert.deepEqual(await names("other"), ["lost+found"]);
});

test("temporary files of a power cut are deleted, everything else stays", async () => {
  mkdirSync(inFolder("stray/below.tmp"), { recursive: true });
  for (const name of ["host.json", "host.json.0a1b2c3d.tmp", "notes.txt"])
    writeFileSync(inFolder(`stray/${name}`), "");
  await removeStrayFiles(realFiles, inFolder("stray"));
  const left = (await realFiles.list(inFolder("stray"))).map(({ name }) => name);
  assert.deepEqual(left, ["below.tmp", "host.json", "notes.txt"]);
  await removeStrayFiles(realFiles, inFolder("nowhere"));
});
