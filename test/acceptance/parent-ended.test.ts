import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { ChildProgram, waitFor } from "../support/child-program.js";
import { freePort } from "../support/loopback-servers.js";

/** Ids of the running processes whose command line has the text. */
function processesWith(text: string): string[] {
  return readdirSync("/proc").filter((entry) => {
    if (!/^\d+$/.test(entry) || Number(entry) === process.pid) return false;
    try {
      return readFileSync(`/proc/${entry}/cmdline`, "utf8").includes(text);
    } catch {
      return false; // It has ended.
    }
  });
}

test("after kill -9 of the program that starts both, they end and the next start works", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "pihealth-parent-"));
  const ports = [`--exporter-port=${await freePort()}`, `--scraper-port=${await freePort()}`];
  const start = (): ChildProgram =>
    ChildProgram.ofOurs("scraper/program/start-both.js", [`--data=${folder}`, ...ports]);
  const first = start();
  let second: ChildProgram | undefined;
  try {
    await waitFor("start", () => /pihealth is watching/.test(first.text) || undefined, {
      describe: () => first.text,
    });
    assert.equal(processesWith(folder).length, 3);
    await first.stop("SIGKILL");
    await waitFor(
      "the end of both programs",
      () => processesWith(folder).length === 0 || undefined,
    );
    second = start();
    const { text } = await waitFor("the second start", () =>
      second !== undefined && /pihealth is watching/.test(second.text) ? second : undefined,
    );
    assert.doesNotMatch(text, /uses it|already answers/);
  } finally {
    await first.stop("SIGKILL");
    await second?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});
