import { setFlagsFromString } from "node:v8";

/**
 * Ends the work of the optimizing compiler: for a program that works a few milliseconds every some
 * seconds it costs more than it saves, in time and in memory.
 *
 * To be called before the program is loaded. Set here and not on the command line, since it has to
 * be taken back where something computes for long.
 */
export function stopOptimizing(): void {
  setFlagsFromString("--no-opt");
}

/** Takes {@link stopOptimizing} back: without the compiler a check of a password takes seconds. */
export function optimizeAgain(): void {
  setFlagsFromString("--opt");
}
