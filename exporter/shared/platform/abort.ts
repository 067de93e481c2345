/**
 * The callbacks registered for each signal. A signal has an event listener while it has an entry
 * here.
 */
const callbacksOf = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls `callback` when `signal` aborts. The callback is never called when `signal` has already
 * aborted.
 *
 * All callbacks of one signal share one event listener. A stop signal may have hundreds of waits,
 * one per host, and Node.js reports an eleventh listener as a leak.
 *
 * @returns a function that removes the callback; every wait calls it when it ends
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  const callbacks = callbacksOf.get(signal) ?? listen(signal);
  callbacks.add(callback);
  return () => {
    callbacks.delete(callback);
    if (callbacks.size > 0 || callbacksOf.get(signal) !== callbacks) return;
    // A signal made by AbortSignal.any() stays in memory as long as it has a listener.
    callbacksOf.delete(signal);
    signal.removeEventListener("abort", callAll);
  };
}

function listen(signal: AbortSignal): Set<() => void> {
  const callbacks = new Set<() => void>();
  callbacksOf.set(signal, callbacks);
  signal.addEventListener("abort", callAll, { once: true });
  return callbacks;
}

function callAll(this: AbortSignal): void {
  const callbacks = callbacksOf.get(this) ?? [];
  callbacksOf.delete(this);
  for (const callback of callbacks) callback();
}

/** Returns the abort reason of a signal. A reason that is not an `Error` is wrapped in one. */
export function abortReasonOf({ reason }: AbortSignal): Error {
  return reason instanceof Error ? reason : new Error(`Aborted: ${String(reason)}`);
}
