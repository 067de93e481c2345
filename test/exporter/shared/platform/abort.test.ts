import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import http from "node:http";
import { test, type TestContext } from "node:test";
import { abortReasonOf, onAbort } from "../../../../exporter/shared/platform/abort.js";
import { systemClock } from "../../../../exporter/shared/platform/clock.js";
import {
  sendHttp,
  type HttpRequest,
} from "../../../../exporter/shared/platform/http/http-client.js";
import { LeanHttp } from "../../../../exporter/shared/platform/http/lean-http.js";
import { WakeableSleep } from "../../../../exporter/shared/platform/wakeable-sleep.js";
import { settle } from "../../../support/fake-clock.js";
import { listenOnFreePort } from "../../../support/loopback-servers.js";

const WAITS = 50;
const LONG_MS = 3_600_000;

/** A request to a server that never answers. */
async function unanswered(t: TestContext, signal: AbortSignal): Promise<HttpRequest> {
  const server = http.createServer(() => undefined);
  const port = await listenOnFreePort(server);
  t.after(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${port}/`, timeoutMs: LONG_MS, maxBodyBytes: 100, signal };
}

type Wait = () => Promise<unknown>;

const KINDS: Record<string, (t: TestContext, signal: AbortSignal) => Wait | Promise<Wait>> = {
  "sleeps of the clock": (_, signal) => () => systemClock.sleep(LONG_MS, signal),
  "sleeps that can be woken": (_, signal) => () =>
    new WakeableSleep(systemClock, signal).sleep(LONG_MS),
  "requests of node-fetch": async (t, signal) => {
    const request = await unanswered(t, signal);
    return () => sendHttp(request);
  },
  "requests of the lean client": async (t, signal) => {
    const request = await unanswered(t, signal);
    const lean = new LeanHttp(LONG_MS);
    t.after(() => lean.close());
    return () => lean.send(request);
  },
};

for (const [name, prepare] of Object.entries(KINDS)) {
  test(`an abort ends ${WAITS} ${name} on one signal without a warning and leaves no listener`, async (t) => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on("warning", onWarning);
    t.after(() => process.off("warning", onWarning));
    const stop = new AbortController();
    const wait = await prepare(t, stop.signal);
    const ended = Promise.allSettled(Array.from({ length: WAITS }, wait));
    await settle();
    stop.abort(new Error("stopped"));
    await ended;
    await settle();
    assert.deepEqual(warnings, []);
    assert.deepEqual(getEventListeners(stop.signal, "abort"), []);
  });
}

test("waits that end without an abort leave no listener", async () => {
  const { signal } = new AbortController();
  const pause = new WakeableSleep(systemClock, signal);
  const sleeping = pause.sleep(LONG_MS);
  pause.wake();
  await Promise.all([sleeping, systemClock.sleep(0, signal), systemClock.sleep(1, signal)]);
  assert.deepEqual(getEventListeners(signal, "abort"), []);
});

test("an abort calls each callback once, except removed callbacks", () => {
  const stop = new AbortController();
  const called: string[] = [];
  onAbort(stop.signal, () => called.push("first"));
  const remove = onAbort(stop.signal, () => called.push("removed"));
  onAbort(stop.signal, () => called.push("second"));
  remove();
  remove();
  stop.abort();
  assert.deepEqual(called, ["first", "second"]);
});

test("a signal accepts callbacks again after all waits have ended", () => {
  const stop = new AbortController();
  const called: string[] = [];
  const remove = onAbort(stop.signal, () => called.push("removed"));
  remove();
  onAbort(stop.signal, () => called.push("later"));
  remove();
  stop.abort();
  assert.deepEqual(called, ["later"]);
});

test("the abort reason is always an error", () => {
  const error = new Error("why");
  assert.equal(abortReasonOf(AbortSignal.abort(error)), error);
  assert.equal(abortReasonOf(AbortSignal.abort()).name, "AbortError");
  assert.equal(abortReasonOf(AbortSignal.abort("why")).message, "Aborted: why");
});
