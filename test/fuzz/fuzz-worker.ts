import { parentPort, workerData } from "node:worker_threads";
import { fuzz } from "./fuzz.js";
import { allTargets } from "./targets.js";
import type { WorkerMessage, WorkerTask } from "./run.js";

/** A target has the worker for this time, then the next one. */
const SLICE_MS = 250;

/**
 * Fuzzes all targets in turn until the time is over. `progress` holds the number of the target and of
 * the input that is being read, for the watchdog of the main thread.
 */
async function work({ seed, seconds, only, progress }: WorkerTask): Promise<void> {
  const counts = new Int32Array(progress);
  const monotonicMs = (): number => performance.now();
  const send = (message: WorkerMessage): void => parentPort?.postMessage(message);
  const all = await allTargets();
  const targets = all.filter(({ name }) => name.includes(only));
  const next = new Array<number>(targets.length).fill(0);
  const untilMs = monotonicMs() + seconds * 1000;
  while (monotonicMs() < untilMs) {
    for (const [number, target] of targets.entries()) {
      const endMs = monotonicMs() + SLICE_MS;
      const { nextIndex, failures } = await fuzz(target, {
        seed,
        fromIndex: next[number] ?? 0,
        monotonicMs,
        isOver: (index) => (index & 15) === 0 && monotonicMs() > endMs,
        onInput: (index) => {
          Atomics.store(counts, 0, number);
          Atomics.store(counts, 1, index);
        },
      });
      next[number] = nextIndex;
      for (const failure of failures) send({ kind: "failure", failure });
    }
  }
  for (const target of all) await target.close?.();
  send({ kind: "done", inputs: targets.map(({ name }, number) => [name, next[number] ?? 0]) });
}

const isTask = (given: unknown): given is WorkerTask =>
  typeof given === "object" && given !== null && "progress" in given && "seconds" in given;

const given: unknown = workerData;
if (!isTask(given)) throw new Error("Cannot fuzz: the worker has no task, it is started by run.js");
await work(given);
