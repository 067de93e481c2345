import assert from "node:assert/strict";
import { test } from "node:test";
import { Turns } from "../../../../../exporter/shared/platform/http/turns.js";

/** An event loop whose turns the test starts. */
function createLoop() {
  const loop = {
    nowMs: 0,
    callbacks: new Array<() => void>(),
    turn(): void {
      for (const callback of loop.callbacks.splice(0)) callback();
    },
  };
  const turns = new Turns({
    monotonicMs: () => loop.nowMs,
    nextTurn: (callback) => void loop.callbacks.push(callback),
  });
  return { loop, turns };
}

test("a task runs at once while the turn has room", () => {
  const { loop, turns } = createLoop();
  const ran: number[] = [];
  for (let index = 0; index < 100; index++) turns.run("a", () => void ran.push(index));
  assert.equal(ran.length, 64);
  loop.turn();
  assert.equal(ran.length, 100);
  loop.turn();
  assert.equal(loop.callbacks.length, 0);
});

test("a peer with many tasks delays another peer by one task", () => {
  const { loop, turns } = createLoop();
  const ran: string[] = [];
  for (let index = 0; index < 1000; index++) turns.run("greedy", () => void ran.push("greedy"));
  turns.run("modest", () => void ran.push("modest"));
  loop.turn();
  assert.deepEqual(ran.slice(64, 67), ["greedy", "modest", "greedy"]);
});

test("no task starts after the time of a turn is used up", () => {
  const { loop, turns } = createLoop();
  let ran = 0;
  const task = (): void => {
    ran++;
    loop.nowMs += 4;
  };
  for (let index = 0; index < 9; index++) turns.run("a", task);
  assert.equal(ran, 3);
  loop.turn();
  assert.equal(ran, 6);
});

test("a task that starts another task does not run it inside itself", () => {
  const { loop, turns } = createLoop();
  let ran = 0;
  const endless = (): void => {
    ran++;
    turns.run("a", endless);
  };
  turns.run("a", endless);
  assert.equal(ran, 1);
  loop.turn();
  assert.equal(ran, 65);
});
