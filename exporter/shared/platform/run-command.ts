import { spawn } from "node:child_process";
import { BadInputError } from "../model/errors.js";
import { printable } from "../model/shown-text.js";
import { onAbort } from "./abort.js";

/** The most a command may print. */
export const MAX_COMMAND_OUTPUT_BYTES = 1_048_576;
const MAX_PROBLEM_CHARACTERS = 200;

/**
 * Runs a program and returns its standard output.
 *
 * @param command the program and its arguments
 * @param signal ends the program and everything it started
 * @throws {BadInputError} when it cannot be started, exits with another code than 0, is ended by a
 * signal, or prints more than {@link MAX_COMMAND_OUTPUT_BYTES}
 */
export type RunCommand = (command: readonly string[], signal: AbortSignal) => Promise<Buffer>;

/**
 * The program gets the folder `/`, no input, and of the environment only PATH, HOME, TZ and LANG.
 */
export const runCommand: RunCommand = ([program = "", ...args], signal) =>
  new Promise((resolve, reject) => {
    // A process group of its own is ended with all its children.
    const child = spawn(program, args, {
      cwd: "/",
      env: commandEnvironment(),
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    const chunks: Buffer[] = [];
    let size = 0;
    let problem = "";
    const end = (error: Error): void => {
      stopListening();
      killGroup(child.pid);
      child.stdout.destroy();
      child.stderr.destroy();
      reject(error);
    };
    const fail = (detail: string): void =>
      end(new BadInputError(`Cannot run ${JSON.stringify(program)}: ${detail}`));
    const stopListening = onAbort(signal, () => fail("it was ended at its deadline"));
    child.on("error", (error) => fail(error.message));
    child.stdout.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= MAX_COMMAND_OUTPUT_BYTES) chunks.push(chunk);
      else fail(`it prints more than ${MAX_COMMAND_OUTPUT_BYTES} bytes`);
    });
    child.stderr.on("data", (chunk: Buffer) => {
      if (problem.length < MAX_PROBLEM_CHARACTERS) problem += chunk.toString();
    });
    child.on("close", (code, signalName) => {
      stopListening();
      if (code === 0) resolve(Buffer.concat(chunks));
      else fail(`${endOf(code, signalName)}${shownProblem(problem)}`);
    });
  });

const endOf = (code: number | null, signalName: string | null): string =>
  code === null ? `it was ended by ${signalName}` : `its exit code is ${code}, it must be 0`;

function shownProblem(problem: string): string {
  const [line = ""] = problem.trim().split("\n", 1);
  return line === "" ? "" : `: ${printable(line.slice(0, MAX_PROBLEM_CHARACTERS))}`;
}

function commandEnvironment(): Record<string, string> {
  const given = ["PATH", "HOME", "TZ"].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { PATH: "/usr/local/bin:/usr/bin:/bin", ...Object.fromEntries(given), LANG: "C.UTF-8" };
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // The group has ended.
  }
}
