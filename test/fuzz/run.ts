/**
 * Feeds every reader of outside input with random changes of valid inputs. Each input must be read or
 * refused within a second, and no error may be one that this project does not throw on purpose.
 *
 * Usage: npm run fuzz [-- SECONDS] [--seed N] [--only TEXT] [--workers N]
 *
 * Prints each failure with its input in base64. Inputs that failed once are kept in
 * test/fixtures/fuzz/ and read by every `npm test`.
 */
import { availableParallelism } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { REPOSITORY } from "../support/repository.js";
import { type FuzzFailure, inputAt } from "./fuzz.js";
import { allTargets } from "./targets.js";

export interface WorkerTask {
  readonly seed: number;
  readonly seconds: number;
  readonly only: string;
  /** Two 32-bit numbers: the target and the input that is being read. */
  readonly progress: SharedArrayBuffer;
}

export type WorkerMessage =
  | { readonly kind: "failure"; readonly failure: FuzzFailure }
  | { readonly kind: "done"; readonly inputs: readonly (readonly [name: string, count: number])[] };

/** A worker that reads one input for this time hangs. */
const HANG_MS = 30_000;
const WATCH_INTERVAL_MS = 1000;
const SHOWN_FAILURES = 20;

interface Outcome {
  readonly inputs: Map<string, number>;
  readonly failures: FuzzFailure[];
}

async function main(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      seed: { type: "string", default: "1" },
      only: { type: "string", default: "" },
      workers: { type: "string", default: String(Math.min(4, availableParallelism())) },
    },
  });
  const [seconds, seed, workers] = [positionals[0] ?? "60", values.seed, values.workers].map(
    Number,
  );
  if (!isPositive(seconds) || !isPositive(workers) || !Number.isInteger(seed)) {
    process.stderr.write(
      "Usage: npm run fuzz [-- SECONDS] [--seed N] [--only TEXT] [--workers N]\n",
    );
    return 2;
  }
  const outcome: Outcome = { inputs: new Map(), failures: [] };
  const tasks = Array.from({ length: workers }, (_, number) => ({
    seed: (seed ?? 1) * 1000 + number,
    seconds,
    only: values.only,
    progress: new SharedArrayBuffer(8),
  }));
  await Promise.all(tasks.map((task) => runWorker(task, outcome)));
  return report(outcome);
}

const isPositive = (value: number | undefined): value is number =>
  value !== undefined && Number.isFinite(value) && value > 0;

/** Ends when the worker has ended, or hangs. */
function runWorker(task: WorkerTask, outcome: Outcome): Promise<void> {
  const worker = new Worker(path.join(REPOSITORY, "dist/test/fuzz/fuzz-worker.js"), {
    workerData: task,
  });
  return new Promise((resolve, reject) => {
    const stopWatching = watch(task, async (target, index) => {
      await worker.terminate();
      outcome.failures.push(await hangOf(task, target, index));
      resolve();
    });
    worker.on("message", (message: WorkerMessage) => {
      if (message.kind === "failure") outcome.failures.push(message.failure);
      else
        for (const [name, count] of message.inputs)
          outcome.inputs.set(name, (outcome.inputs.get(name) ?? 0) + count);
    });
    worker.on("error", reject);
    worker.on("exit", () => {
      stopWatching();
      resolve();
    });
  });
}

/** Calls `onHang` when the progress stands still. */
function watch(
  { progress }: WorkerTask,
  onHang: (target: number, index: number) => Promise<void>,
): () => void {
  const counts = new Int32Array(progress);
  let last = "";
  let quietMs = 0;
  const timer = setInterval(() => {
    const now = counts.join();
    quietMs = now === last ? quietMs + WATCH_INTERVAL_MS : 0;
    last = now;
    if (quietMs < HANG_MS) return;
    clearInterval(timer);
    void onHang(counts[0] ?? 0, counts[1] ?? 0);
  }, WATCH_INTERVAL_MS);
  return () => clearInterval(timer);
}

async function hangOf(
  { seed, only }: WorkerTask,
  number: number,
  index: number,
): Promise<FuzzFailure> {
  const all = await allTargets();
  const target = all.filter(({ name }) => name.includes(only))[number];
  for (const each of all) await each.close?.();
  return {
    target: target?.name ?? "",
    seed,
    index,
    input: target === undefined ? Buffer.alloc(0) : inputAt(target, seed, index),
    problem: `hangs: no result after ${HANG_MS / 1000} s`,
  };
}

function report({ inputs, failures }: Outcome): number {
  let total = 0;
  for (const [name, count] of inputs) {
    total += count;
    console.log(`${String(count).padStart(10)}  ${name}`);
  }
  for (const { target, seed, index, input, problem } of failures.slice(0, SHOWN_FAILURES)) {
    console.log(`\n${target}, seed ${seed}, input ${index}: ${problem}`);
    console.log(Buffer.from(input).toString("base64"));
  }
  console.log(`\n${total} inputs read or refused, ${failures.length} failures`);
  return failures.length === 0 && total > 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
