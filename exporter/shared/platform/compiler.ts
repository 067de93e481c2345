import { setFlagsFromString } from "node:v8";

const OLDEST_KNOWN_V8 = 11; // Node.js 20.
const NEWEST_KNOWN_V8 = 13; // Node.js 24.

/**
 * Lets the optimizing compiler wait for code that runs really long. For a program that works a few
 * milliseconds every some seconds compiling costs more than it saves, in time and in memory.
 *
 * Set here and not on the command line, where the flags have other names in other versions, and
 * Node.js does not start with one it does not know.
 */
export function compileRarely(): void {
  for (const flag of rareCompilationFlags(process.versions.v8)) setFlagsFromString(flag);
}

/** @returns none for an engine whose flags are not known: it would print an error for each */
export function rareCompilationFlags(v8Version: string): readonly string[] {
  const major = Number.parseInt(v8Version, 10);
  if (!(major >= OLDEST_KNOWN_V8 && major <= NEWEST_KNOWN_V8)) return [];
  // Bytes of bytecode run before a function is looked at; since V8 12 calls of the function.
  if (major === OLDEST_KNOWN_V8) return ["--interrupt-budget=20000000"];
  return ["--invocation-count-for-turbofan=300000", "--invocation-count-for-maglev=40000"];
}
