/** The watched machine is seen at `paths.procfs`, `paths.sysfs` and `paths.rootfs`. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { COLLECTORS } from "../../../exporter/collectors/registry.js";
import { parseExporterConfig } from "../../../exporter/config/config.js";
import { parseExporterArguments, withArguments } from "../../../exporter/program/arguments.js";
import { ConfigSection } from "../../../exporter/shared/config/config-section.js";
import { realFiles } from "../../../exporter/shared/platform/real-files.js";
import { createDiskTree } from "../../../exporter/sources/file-tree.js";
import { readMounts } from "../../../exporter/sources/mounts.js";
import { checkSourcePaths, DEFAULT_SOURCE_PATHS } from "../../../exporter/sources/sources.js";
import { MemoryFiles } from "../../support/memory-files.js";

const configOf = (text: string): ReturnType<typeof parseExporterConfig> =>
  parseExporterConfig(ConfigSection.parse(text, "/etc/pihealth/exporter.yml"), COLLECTORS);

test("the paths come from the configuration, and options win", () => {
  assert.deepEqual(configOf("").paths, DEFAULT_SOURCE_PATHS);
  const config = configOf("paths: { procfs: /host/proc/, rootfs: root }");
  const found = { procfs: "/host/proc", sysfs: "/sys", rootfs: "/etc/pihealth/root" };
  assert.deepEqual(config.paths, found);
  const given = parseExporterArguments(["--path.rootfs=/host", "--path.sysfs", "/host/sys"]);
  assert.deepEqual(withArguments(config, given).paths, {
    ...{ procfs: "/host/proc", sysfs: "/host/sys", rootfs: "/host" },
  });
});

test("a path that is no folder is refused by its key", async () => {
  const paths = { ...DEFAULT_SOURCE_PATHS, rootfs: "/host" };
  await assert.rejects(checkSourcePaths(paths, new MemoryFiles()), {
    message: 'Cannot use paths.rootfs "/host": it does not exist, it must be a folder',
  });
});

/** Mount points and the paths at which they are asked. */
async function mountsOf(
  files: Readonly<Record<string, readonly string[]>>,
  rootfs: string,
): Promise<string[]> {
  const memory = new MemoryFiles();
  for (const [file, places] of Object.entries(files)) {
    const lines = places.map(
      (place, index) => `${index + 20} 1 8:${place.length} / ${place} rw - ext4 /dev/sda rw`,
    );
    memory.put(`/proc/${file}`, lines.join("\n"));
  }
  const mounts = await readMounts(createDiskTree("/proc", memory), rootfs);
  return mounts.map((mount) => `${mount.mountPoint} at ${String(mount.path)}`);
}

test("mounts of the machine have its names and are asked below the root", async () => {
  const machine = { "1/mountinfo": ["/", "/srv"], "self/mountinfo": ["/", "/srv"] };
  assert.deepEqual(await mountsOf(machine, "/host"), ["/ at /host", "/srv at /host/srv"]);
});

test("where process 1 is hidden, mounts below the root are named without it", async () => {
  const own = { "self/mountinfo": ["/", "/etc/hosts", "/host", "/host/srv", "/hostile"] };
  assert.deepEqual(await mountsOf(own, "/host"), ["/ at /host", "/srv at /host/srv"]);
});

test("symbolic links are followed inside the root", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "pihealth-root-"));
  const at = (name: string): string => path.join(folder, name);
  for (const name of ["etc/static", "usr/lib"]) mkdirSync(at(name), { recursive: true });
  writeFileSync(at("usr/lib/os-release"), "inside");
  symlinkSync("/usr/lib/os-release", at("etc/static/os-release"));
  symlinkSync("static/os-release", at("etc/os-release"));
  symlinkSync("/../../../../usr", at("etc/above"));
  symlinkSync("loop", at("etc/loop"));
  const tree = createDiskTree(folder, realFiles);
  assert.equal(await tree.readText("etc/os-release"), "inside");
  assert.equal(await tree.readText("etc/above/lib/os-release"), "inside");
  assert.equal(await tree.exists("etc/missing"), false);
  await assert.rejects(tree.readText("etc/loop"), { code: "ELOOP" });
  rmSync(folder, { recursive: true });
});
