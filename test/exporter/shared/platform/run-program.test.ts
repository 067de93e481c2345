import assert from "node:assert/strict";
import { test } from "node:test";
import { BadInputError } from "../../../../exporter/shared/model/errors.js";
import { createLogger } from "../../../../exporter/shared/platform/logger.js";
import { runProgram, runService } from "../../../../exporter/shared/platform/run-program.js";
import { FakeClock, settle } from "../../../support/fake-clock.js";

const WATCHDOG_INTERVAL_MS = 30_000;
const STOP_WITHIN_MS = 10_000;

/** A service in a process whose signals, systemd and time are those of the test. */
function runInTest({ stop = async () => undefined, isNotified = true } = {}) {
  const events: string[] = [];
  const clock = new FakeClock();
  const write = (line: string): void => void events.push(line.replace(/^.*msg=/, "log "));
  let sendSignal = (): void => undefined;
  const signal = new Promise<string>((resolve) => (sendSignal = () => resolve("SIGTERM")));
  const code = runService(
    {
      log: createLogger({ level: "info", wallMs: () => 0, write, journald: true }),
      watchdogIntervalMs: WATCHDOG_INTERVAL_MS,
      stopWithinMs: STOP_WITHIN_MS,
      start: async () => {
        events.push("start");
        await settle();
        return {
          async stop() {
            events.push("stop");
            await stop();
          },
        };
      },
    },
    {
      clock,
      stopSignal: () => signal,
      notify: isNotified ? (state) => events.push(state) : undefined,
    },
  );
  return { events, clock, code, sendSignal };
}

test("a service notifies systemd when it is ready, at each watchdog interval and when it stops", async () => {
  const { events, clock, code, sendSignal } = runInTest();
  await settle();
  await clock.advance(2 * WATCHDOG_INTERVAL_MS);
  sendSignal();
  assert.equal(await code, 0);
  await clock.advance(10 * WATCHDOG_INTERVAL_MS);
  assert.deepEqual(events, [
    "start",
    "READY=1",
    ...Array<string>(3).fill("WATCHDOG=1"),
    "log Stopping signal=SIGTERM",
    "STOPPING=1",
    "stop",
  ]);
});

test("a signal stops a service without systemd, also during its start", async () => {
  const { events, code, sendSignal } = runInTest({ isNotified: false });
  sendSignal();
  assert.equal(await code, 0);
  assert.deepEqual(events, ["start", "log Stopping signal=SIGTERM", "stop"]);
});

test("a service that does not stop in time ends with code 1 and an error in the log", async () => {
  const { events, clock, code, sendSignal } = runInTest({
    stop: () => new Promise(() => undefined),
    isNotified: false,
  });
  sendSignal();
  await settle();
  await clock.advance(STOP_WITHIN_MS);
  assert.equal(await code, 1);
  assert.equal(events.at(-1), 'log "Cannot stop in time" limitSeconds=10');
});

test("a service that fails to stop ends the program with the error", async () => {
  const { code, sendSignal } = runInTest({ stop: () => Promise.reject(new TypeError("a bug")) });
  sendSignal();
  await assert.rejects(code, /a bug/);
});

test("an error that the user can fix is one line and exit code 1, a bug is its stack", async () => {
  const written: string[] = [];
  const run = (error: Error): Promise<number> =>
    runProgram(
      () => Promise.reject(error),
      (text) => written.push(text),
    );
  assert.equal(await run(new BadInputError("Cannot read it: it is missing")), 1);
  assert.deepEqual(written, ["Cannot read it: it is missing\n"]);
  const bug = new TypeError("a bug", { cause: new Error("body of a secret file") });
  assert.equal(await run(bug), 1);
  assert.match(written.at(-1) ?? "", /^TypeError: a bug\n +at /);
  assert.doesNotMatch(written.at(-1) ?? "", /secret file/);
  assert.equal(await runProgram(() => Promise.resolve(3)), 3);
});
