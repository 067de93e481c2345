/**
 * Real mounts, FUSE servers and hidden processes, in namespaces of their own. Where this user may
 * not make namespaces, the tests say so and check nothing.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { JsonFields } from "../../../exporter/shared/codec/json-fields.js";
import { REPOSITORY } from "../../support/repository.js";

const NAMESPACES = ["-m", "-p", "-f", "--kill-child", "--mount-proc"];

function canMount(t: TestContext): boolean {
  const { status } = spawnSync("unshare", [...NAMESPACES, "true"]);
  if (status === 0 && existsSync("/dev/fuse")) return true;
  t.diagnostic("Not checked here: it takes root, namespaces (unshare) and /dev/fuse");
  return false;
}

function runIn(command: string, args: readonly string[]): JsonFields {
  const { status, stdout, stderr } = spawnSync("unshare", [...NAMESPACES, command, ...args], {
    encoding: "utf8",
  });
  assert.equal(status, 0, stderr);
  return JsonFields.parse(stdout, "the report");
}

const support = (name: string): string => path.join(REPOSITORY, "dist/test/support", name);

test("real mounts have the sizes of df, dead servers hide none, and a silent full one keeps its level", (t) => {
  if (!canMount(t)) return;
  const folder = mkdtempSync(path.join(tmpdir(), "pihealth-mounts-"));
  const report = runIn(process.execPath, [support("real-mounts.js"), folder]);
  rmSync(folder, { recursive: true, force: true });
  const first = report.texts("first");
  const valueOf = (name: string, lines = first): string =>
    lines.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1) ?? "";
  const df = report.object("df");
  for (const mount of ["/units", "/zz", "/full"]) {
    const sizes = ["size", "available"].map((what) =>
      valueOf(`pihealth_filesystem_${what}_bytes ${mount}`),
    );
    assert.equal(sizes.join(" "), df.text(mount), mount);
  }
  assert.equal(valueOf("pihealth_filesystem_size_bytes /units"), "494384795648");
  for (const mount of ["/dead0", "/dead1"])
    assert.equal(valueOf(`pihealth_filesystem_stuck ${mount}`), "1");
  assert.equal(valueOf("pihealth_filesystem_size_bytes /lat\\xe4n x"), "1048576");
  assert.equal(valueOf("pihealth_filesystem_readonly /zz"), "0");
  assert.equal(valueOf("pihealth_filesystem_readonly /a"), "", "a file system is shown once");
  assert.equal(valueOf("pihealth_alarm_level disk"), "2");
  const later = report.texts("afterSilence");
  assert.equal(valueOf("pihealth_filesystem_stuck /full", later), "1");
  assert.equal(valueOf("pihealth_filesystem_stuck /units", later), "0");
  assert.equal(valueOf("pihealth_alarm_level disk", later), "2");
});

test("a user from whom processes are hidden counts sessions, and no processes", (t) => {
  if (!canMount(t)) return;
  const root = mkdtempSync(path.join(tmpdir(), "pihealth-hidden-"));
  const utmp = Buffer.alloc(384);
  utmp.writeInt16LE(7, 0);
  utmp.writeInt32LE(1, 4);
  utmp.write("tty1", 8);
  utmp.write("root", 44);
  utmp.writeUInt32LE(1_768_228_001, 340);
  mkdirSync(path.join(root, "run"));
  mkdirSync(path.join(root, "etc"));
  writeFileSync(path.join(root, "run/utmp"), utmp);
  writeFileSync(path.join(root, "etc/passwd"), "root:x:0:0::/root:/bin/sh\n");
  chmodSync(root, 0o755);
  const script =
    'mount -o remount,hidepid=2 /proc && setpriv --reuid 65534 --regid 65534 --clear-groups "$@"';
  const report = runIn("sh", [
    ...["-c", script, "sh", process.execPath],
    ...[support("hidden-processes.js"), root],
  ]);
  rmSync(root, { recursive: true, force: true });
  assert.equal(report.integer("sessions"), 1);
  assert.match(report.text("processes"), /process 1 is not visible/);
});
