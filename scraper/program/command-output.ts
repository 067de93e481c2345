import { writeLine } from "../../exporter/shared/platform/terminal.js";
import type { CheckResult } from "./commands/check.js";

/** The exit code of a command that ends without an error. */
export interface CommandOutcome {
  code: number;
}

export function printLines(lines: readonly string[]): void {
  for (const line of lines) writeLine(line);
}

export function report({ lines, succeeded }: CheckResult, outcome: CommandOutcome): void {
  printLines(lines);
  if (!succeeded) outcome.code = 1;
}
