import { Random } from "../support/random.js";
import { type FuzzTarget, isRefusal } from "./fuzz-target.js";
import { createInput } from "./mutation.js";

/** The longest time for which a reader may work on one input. */
export const MAX_INPUT_MS = 1000;

/** An input on which a reader failed. `seed` and `index` make it again. */
export interface FuzzFailure {
  readonly target: string;
  readonly seed: number;
  readonly index: number;
  readonly input: Buffer;
  readonly problem: string;
}

/** The input with a number in the sequence of a seed. */
export function inputAt(target: FuzzTarget, seed: number, index: number): Buffer {
  const mixed = Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b);
  return createInput(target, new Random(mixed));
}

/** @returns what went wrong; undefined when the input was read or refused in time */
export async function tryInput(
  { run }: FuzzTarget,
  input: Buffer,
  monotonicMs: () => number,
): Promise<string | undefined> {
  let tookMs = Number.POSITIVE_INFINITY;
  // Another process may take the processor away, so a slow input has three attempts.
  for (let attempt = 0; attempt < 3 && tookMs > MAX_INPUT_MS; attempt++) {
    const startMs = monotonicMs();
    try {
      await run(Buffer.from(input));
    } catch (error) {
      if (!isRefusal(error))
        return error instanceof Error ? (error.stack ?? error.message) : String(error);
    }
    tookMs = monotonicMs() - startMs;
  }
  return tookMs > MAX_INPUT_MS ? `took ${Math.round(tookMs)} ms three times` : undefined;
}

interface FuzzOptions {
  readonly seed: number;
  readonly fromIndex: number;
  /** Asked after each input. */
  readonly isOver: (index: number) => boolean;
  readonly monotonicMs: () => number;
  /** Called before each input, for a watchdog. */
  readonly onInput?: (index: number) => void;
}

/** Tries inputs one after the other. */
export async function fuzz(
  target: FuzzTarget,
  { seed, fromIndex, isOver, monotonicMs, onInput }: FuzzOptions,
): Promise<{ readonly nextIndex: number; readonly failures: FuzzFailure[] }> {
  const failures: FuzzFailure[] = [];
  let index = fromIndex;
  do {
    onInput?.(index);
    const input = inputAt(target, seed, index);
    const problem = await tryInput(target, input, monotonicMs);
    if (problem !== undefined) failures.push({ target: target.name, seed, index, input, problem });
    index++;
  } while (!isOver(index));
  return { nextIndex: index, failures };
}
