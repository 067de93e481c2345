import { setFlagsFromString } from "node:v8";

/**
 * Turns the optimizing compiler of V8 off. For a program that works a few milliseconds every few
 * seconds, the compiler costs more time and memory than it saves.
 *
 * Called before the program is loaded, which is why this file imports nothing of ours. The flag is
 * not set on the command line because {@link optimizeAgain} must be able to unset it before long
 * computations.
 */
export function stopOptimizing(): void {
  setFlagsFromString("--no-opt");
}

/** Turns the optimizing compiler on again. Without it, checking one password hash takes seconds. */
export function optimizeAgain(): void {
  setFlagsFromString("--opt");
}
