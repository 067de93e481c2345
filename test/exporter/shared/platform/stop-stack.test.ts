import assert from "node:assert/strict";
import { test } from "node:test";
import { createLogger } from "../../../../exporter/shared/platform/logger.js";
import { startWithStack, StopStack } from "../../../../exporter/shared/platform/stop-stack.js";

function recordedStack() {
  const events: string[] = [];
  const write = (line: string): void => void events.push(line.replace(/^.*msg=/, ""));
  const log = createLogger({ level: "info", wallMs: () => 0, write, journald: true });
  const stack = new StopStack(log);
  const add = (name: string, failure?: Error): void =>
    stack.push(name, async () => {
      events.push(`${name} stops`);
      await Promise.resolve();
      if (failure !== undefined) throw failure;
      events.push(`${name} stopped`);
    });
  return { stack, add, log, events };
}

test("parts stop one after the other, the one that started last first", async () => {
  const { stack, add, events } = recordedStack();
  add("storage");
  add("server");
  stack.push("timer", () => void events.push("timer stopped"));
  await stack.stopAll();
  assert.deepEqual(events, [
    "timer stopped",
    "server stops",
    "server stopped",
    "storage stops",
    "storage stopped",
  ]);
});

test("a part that fails is logged, the others stop, and the failure is thrown at the end", async () => {
  const { stack, add, events } = recordedStack();
  const failure = new Error("disk full");
  add("storage");
  add("outbox", failure);
  add("server");
  await assert.rejects(stack.stopAll(), failure);
  assert.deepEqual(events, [
    "server stops",
    "server stopped",
    "outbox stops",
    '"Cannot stop outbox" error="disk full"',
    "storage stops",
    "storage stopped",
  ]);
});

test("several failures are thrown together", async () => {
  const { stack, add } = recordedStack();
  const failures = [new Error("first"), new Error("second")];
  for (const failure of failures) add("part", failure);
  await assert.rejects(stack.stopAll(), { name: "AggregateError", errors: failures.toReversed() });
});

test("a second stop waits for the first and stops nothing again", async () => {
  const { stack, add, events } = recordedStack();
  add("storage");
  await Promise.all([stack.stopAll(), stack.stopAll()]);
  await stack.stopAll();
  assert.deepEqual(events, ["storage stops", "storage stopped"]);
});

test("a start that fails half-way stops exactly what was started and throws its own error", async () => {
  const { log, events } = recordedStack();
  const failure = new Error("address in use");
  const started = startWithStack(log, async (stack) => {
    stack.push("storage", () => void events.push("storage stopped"));
    stack.push("outbox", () => Promise.reject(new Error("disk full")));
    await Promise.reject(failure);
    stack.push("server", () => void events.push("server stopped"));
  });
  await assert.rejects(started, failure);
  assert.deepEqual(events, ['"Cannot stop outbox" error="disk full"', "storage stopped"]);
});

test("a start that succeeds stops nothing", async () => {
  const { log, events } = recordedStack();
  const program = await startWithStack(log, (stack) => {
    stack.push("storage", () => void events.push("storage stopped"));
    return Promise.resolve(stack);
  });
  assert.deepEqual(events, []);
  await program.stopAll();
  assert.deepEqual(events, ["storage stopped"]);
});
