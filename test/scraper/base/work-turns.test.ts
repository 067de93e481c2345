import assert from "node:assert/strict";
import { test } from "node:test";
import { type WorkLane, WorkTurns } from "../../../scraper/base/work-turns.js";

/** A loop whose turns the test starts, and a clock that only work advances. */
class Loop {
  nowMs = 0;
  private readonly due: (() => void)[] = [];
  readonly turns = new WorkTurns(
    { monotonicMs: () => this.nowMs },
    () => new Promise((resolve) => this.due.push(resolve)),
  );

  get isIdle(): boolean {
    return this.due.length === 0;
  }

  async turn(): Promise<void> {
    for (const resolve of this.due.splice(0)) resolve();
    for (let microtask = 0; microtask < 10; microtask++) await Promise.resolve();
  }
}

/** A job that works for a slice in each of its turns. */
async function work(loop: Loop, name: string, lane: WorkLane, seen: string[]): Promise<void> {
  for (let slice = 0; slice < 3; slice++) {
    await loop.turns.next(lane);
    while (!loop.turns.isOver) loop.nowMs++;
    seen.push(name);
  }
}

test("twenty jobs work one per turn of the event loop, each for at most 5 ms, in order", async () => {
  const loop = new Loop();
  const seen: string[] = [];
  const names = Array.from({ length: 20 }, (_, index) => `job ${index}`);
  for (const name of names) void work(loop, name, "requests", seen);
  while (!loop.isIdle) {
    const [before, count] = [loop.nowMs, seen.length];
    await loop.turn();
    assert.ok(loop.nowMs - before <= 5);
    assert.equal(seen.length - count, 1);
  }
  assert.deepEqual(seen, [...names, ...names, ...names]);
});

test("rules get every other turn, however many requests there are", async () => {
  const loop = new Loop();
  const seen: string[] = [];
  for (let index = 0; index < 10; index++) void work(loop, "request", "requests", seen);
  void work(loop, "rule", "rules", seen);
  while (!loop.isIdle) await loop.turn();
  assert.deepEqual(seen.slice(0, 5), ["rule", "request", "rule", "request", "rule"]);
  assert.equal(seen.length, 33);
});
