import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { FolderLock, FolderLockedError } from "../../../../exporter/shared/platform/folder-lock.js";
import { realFiles } from "../../../../exporter/shared/platform/real-files.js";
import { REPOSITORY } from "../../../support/repository.js";

const ROOT = mkdtempSync(path.join(tmpdir(), "pihealth-lock-"));
/** Longer than the 107 bytes that the path of a socket may have. */
const FOLDER = path.join(ROOT, "long".repeat(30), "state");
mkdirSync(FOLDER, { recursive: true });
const children: ChildProcess[] = [];
after(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(ROOT, { recursive: true, force: true });
});

/** A process that locks the folder and keeps running. */
async function lockElsewhere(): Promise<ChildProcess> {
  const module = path.join(REPOSITORY, "dist/exporter/shared/platform");
  const program = `
    import { FolderLock } from "${module}/folder-lock.js";
    import { realFiles } from "${module}/real-files.js";
    await FolderLock.acquire(realFiles, ${JSON.stringify(FOLDER)});
    console.log("locked");
    setInterval(() => undefined, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  assert.ok(child.stdout);
  await once(child.stdout, "data");
  return child;
}

test("A folder is locked against a process whose id means nothing here, until that process is killed", async () => {
  const holder = await lockElsewhere();
  await assert.rejects(FolderLock.acquire(realFiles, FOLDER), {
    code: "folder_locked",
    message: new RegExp(`process ${holder.pid} uses it`),
  });
  // In another namespace the ids of processes are others.
  writeFileSync(path.join(FOLDER, "lock"), "1 1 00000000-0000-0000-0000-000000000000");
  await assert.rejects(
    FolderLock.acquire(realFiles, FOLDER),
    (error) =>
      error instanceof FolderLockedError && /another container or namespace/.test(error.message),
  );
  holder.kill("SIGKILL");
  await once(holder, "exit");
  const lock = await FolderLock.acquire(realFiles, FOLDER);
  await lock.release();
  assert.deepEqual(readdirSync(FOLDER), []);
});

test("Of many that claim a name at once, after a crash or not, one gets it", async () => {
  for (const isStale of [false, true]) {
    const name = path.join(FOLDER, `claim-${isStale}`);
    if (isStale) {
      const holder = await lockElsewhere();
      holder.kill("SIGKILL");
      await once(holder, "exit");
      await realFiles.rename(path.join(FOLDER, "lock.socket"), name);
      await realFiles.remove(path.join(FOLDER, "lock"));
    }
    const claims = await Promise.all(Array.from({ length: 8 }, () => realFiles.claim(name)));
    const won = claims.filter((claim) => claim !== undefined);
    assert.equal(won.length, 1);
    assert.equal(await realFiles.claim(name), undefined);
    await won[0]?.();
    const again = await realFiles.claim(name);
    assert.ok(again);
    await again();
  }
  assert.deepEqual(readdirSync(FOLDER), []);
});
