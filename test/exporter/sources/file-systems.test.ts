import assert from "node:assert/strict";
import { test } from "node:test";
import { FileSystems, STUCK } from "../../../exporter/sources/file-systems.js";
import type { FileSystemFacts } from "../../../exporter/shared/platform/files.js";
import { FakeClock, settle } from "../../support/fake-clock.js";

const FACTS: FileSystemFacts = {
  sizeBytes: 10,
  freeBytes: 5,
  availableBytes: 4,
  inodes: 3,
  freeInodes: 2,
};
const NEVER = new AbortController().signal;

/** Mount points in `dead` do not answer until they are revived. */
class Machine {
  readonly clock = new FakeClock();
  readonly dead = new Set<string>();
  readonly asked: string[] = [];
  private readonly waiting = new Map<string, () => void>();
  readonly fileSystems = new FileSystems({
    clock: this.clock,
    statfs: (mountPoint) => this.statfs(String(mountPoint)),
  });

  private async statfs(mountPoint: string): Promise<FileSystemFacts> {
    this.asked.push(mountPoint);
    if (!this.dead.has(mountPoint)) return FACTS;
    return new Promise((resolve) => this.waiting.set(mountPoint, () => resolve(FACTS)));
  }

  async ask(mountPoint: string): Promise<FileSystemFacts | typeof STUCK> {
    const answer = this.fileSystems.facts(mountPoint, NEVER);
    await settle();
    if (this.clock.sleeping > 0) await this.clock.advance(2000);
    return answer;
  }

  async revive(mountPoint: string): Promise<void> {
    this.dead.delete(mountPoint);
    this.waiting.get(mountPoint)?.();
    await settle();
  }
}

test("a file system that answers leaves no timer behind", async () => {
  const machine = new Machine();
  assert.deepEqual(await machine.ask("/"), FACTS);
  await settle();
  assert.equal(machine.clock.sleeping, 0);
});

test("a dead file system is stuck after 2 s, and is queried again once its call has returned", async () => {
  const machine = new Machine();
  machine.dead.add("/nas");
  assert.equal(await machine.ask("/nas"), STUCK);
  assert.equal(machine.clock.monotonicMs(), 2000);
  assert.equal(await machine.ask("/nas"), STUCK);
  assert.deepEqual(machine.asked, ["/nas"]);
  await machine.revive("/nas");
  assert.deepEqual(await machine.ask("/nas"), FACTS);
});

test("with two dead file systems, only those that have answered before are queried", async () => {
  const machine = new Machine();
  await machine.ask("/");
  await machine.ask("/data");
  for (const mountPoint of ["/nas1", "/nas2", "/nas3"]) machine.dead.add(mountPoint);
  for (const mountPoint of machine.dead) assert.equal(await machine.ask(mountPoint), STUCK);
  assert.deepEqual(machine.asked, ["/", "/data", "/nas1", "/nas2"]);
  assert.deepEqual(await machine.ask("/"), FACTS);
  machine.dead.add("/data");
  assert.equal(await machine.ask("/data"), STUCK);
  const before = machine.asked.length;
  assert.equal(await machine.ask("/"), STUCK);
  assert.equal(machine.asked.length, before);
  await machine.revive("/nas1");
  assert.deepEqual(await machine.ask("/"), FACTS);
});

test("an error of the system goes to the caller, and the file system is queried again", async () => {
  const clock = new FakeClock();
  const error = Object.assign(new Error("not mounted"), { code: "ENOENT" });
  const fileSystems = new FileSystems({ clock, statfs: () => Promise.reject(error) });
  for (let round = 0; round < 3; round++)
    await assert.rejects(fileSystems.facts("/x", NEVER), error);
});

test("an aborted call still holds its thread, so it counts as stuck", async () => {
  const machine = new Machine();
  machine.dead.add("/nas");
  const abort = new AbortController();
  const answer = machine.fileSystems.facts("/nas", abort.signal);
  await settle();
  abort.abort(new Error("deadline"));
  await assert.rejects(answer, /deadline/);
  assert.equal(await machine.ask("/nas"), STUCK);
  assert.deepEqual(machine.asked, ["/nas"]);
});
