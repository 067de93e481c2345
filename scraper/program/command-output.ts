import type { CheckResult } from "./commands/check.js";

/** The exit code of a command that ends without an error. */
export interface CommandOutcome {
  code: number;
}

export function printLines(lines: readonly string[]): void {
  for (const line of lines) process.stdout.write(`${line}\n`);
}

export function report({ lines, succeeded }: CheckResult, outcome: CommandOutcome): void {
  printLines(lines);
  if (!succeeded) outcome.code = 1;
}
