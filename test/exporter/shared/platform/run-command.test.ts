import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { runCommand } from "../../../../exporter/shared/platform/run-command.js";
import { waitFor } from "../../../support/child-program.js";

const folder = mkdtempSync(path.join(tmpdir(), "pihealth-command-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const never = new AbortController().signal;
const shell = (script: string, signal = never) => runCommand(["/bin/sh", "-c", script], signal);

test("A command gets its arguments, the folder /, no input and a small environment", async () => {
  assert.equal(String(await runCommand(["/bin/echo", "a b", "*"], never)), "a b *\n");
  assert.equal(String(await shell("pwd; cat; env | cut -d= -f1 | sort")).split("\n")[0], "/");
  const names = String(await shell("env | cut -d= -f1 | sort"))
    .trim()
    .split("\n");
  assert.deepEqual(
    names.filter((name) => !["HOME", "TZ", "PWD", "OLDPWD", "SHLVL", "_"].includes(name)),
    ["LANG", "PATH"],
  );
});

for (const { name, script, message } of [
  { name: "an exit code", script: "exit 3", message: /its exit code is 3, it must be 0$/ },
  {
    name: "a problem, without characters that manipulate a terminal",
    script: "printf 'no \\033[31mUPS\\nsecond line\\n' >&2; exit 1",
    message: /exit code is 1, it must be 0: no \\u001b\[31mUPS$/,
  },
  { name: "a signal", script: "kill -TERM $$", message: /it was ended by SIGTERM/ },
  { name: "endless output", script: "yes", message: /prints more than 1048576 bytes/ },
]) {
  test(`A command fails with ${name}`, () => assert.rejects(shell(script), message));
}

test("A missing program is said", () =>
  assert.rejects(runCommand(["/nowhere/ups"], never), /Cannot run "\/nowhere\/ups": .*ENOENT/));

test("At its deadline a command ends with everything it started, even when it closed nothing", async () => {
  const pidFile = path.join(folder, "pid");
  const deadline = new AbortController();
  const run = shell(
    `sleep 300 & echo $! > ${pidFile}.new; mv ${pidFile}.new ${pidFile}; wait`,
    deadline.signal,
  );
  const failed = assert.rejects(run, /ended at its deadline/);
  await waitFor("the child", () => existsSync(pidFile) || undefined);
  deadline.abort();
  await failed;
  const pid = readFileSync(pidFile, "utf8").trim();
  // A zombie whose parent has ended is removed by init a moment later.
  const isAlive = (): boolean =>
    existsSync(`/proc/${pid}/stat`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  await waitFor("the end of the child", () => !isAlive() || undefined);
});
