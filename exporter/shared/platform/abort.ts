/** The callbacks of each signal that somebody waits on; the event listener is there as long as one is. */
const callbacksOf = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls `callback` when `signal` aborts; never when it has aborted already.
 *
 * All callbacks of one signal share one event listener. A stop signal may have hundreds of waits at
 * once, one for each host, and Node.js takes an eleventh listener for a leak.
 *
 * @returns takes the callback back; every wait calls it when it ends
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  const callbacks = callbacksOf.get(signal) ?? listen(signal);
  callbacks.add(callback);
  return () => {
    callbacks.delete(callback);
    if (callbacks.size > 0 || callbacksOf.get(signal) !== callbacks) return;
    // A signal made of others is kept in memory as long as it has a listener.
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

/** The reason of an aborted signal; an error around it when `abort` was called with something else. */
export function abortReasonOf({ reason }: AbortSignal): Error {
  return reason instanceof Error ? reason : new Error(`Aborted: ${String(reason)}`);
}
