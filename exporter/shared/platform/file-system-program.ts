/**
 * Space of a file system, asked by the program `stat` in a process of its own.
 *
 * Node.js reports f_bsize of statfs(2) and not f_frsize, the unit of the block counts. File systems
 * of the kernel have one size for both; FUSE, network and stacked file systems may not. A process
 * that waits for a dead server blocks no thread of ours, and can be ended.
 */
import { spawn } from "node:child_process";
import type { FileSystemFacts, SystemPath } from "./files.js";
import { BadInputError } from "../model/errors.js";

/** Fundamental block size, blocks, free, available, inodes, free inodes (stat(1)). */
const FORMAT = "%S %b %f %a %c %d";
const MAX_OUTPUT_CHARACTERS = 4096;

/** Counts of statfs(2), in blocks of `blockBytes`. */
interface BlockCounts {
  readonly blockBytes: number;
  readonly blocks: number;
  readonly bfree: number;
  readonly bavail: number;
  readonly files: number;
  readonly ffree: number;
}

const TWO_TO_63 = 2 ** 63;

/**
 * @throws {BadInputError} when the counts contradict each other, which is a failed reading
 */
export function fileSystemFactsOf(counts: BlockCounts): FileSystemFacts {
  const { blockBytes, blocks, bfree, files, ffree } = counts;
  // The count is below zero, written without a sign, when reserved blocks are in use.
  const bavail = counts.bavail < 0 || counts.bavail >= TWO_TO_63 ? 0 : counts.bavail;
  const isPossible =
    blockBytes >= 0 && blocks >= 0 && bfree >= 0 && bfree <= blocks && bavail <= blocks;
  if (!isPossible || !Number.isFinite(blockBytes * blocks)) {
    throw new BadInputError(
      `Cannot use the space of a file system: ${bfree} of ${blocks} blocks are free, ` +
        `${bavail} available; they must be at most all`,
    );
  }
  const hasInodes = files > 0 && ffree >= 0 && ffree <= files;
  return {
    sizeBytes: blocks * blockBytes,
    availableBytes: bavail * blockBytes,
    freeBytes: bfree * blockBytes,
    inodes: hasInodes ? files : 0,
    freeInodes: hasInodes ? ffree : 0,
  };
}

/**
 * @param signal ends the program; the promise settles when it has ended
 * @throws an error with the code of the system (`ENOENT`, `EACCES`, `EIO`), or `ENOPROGRAM` where
 *   the program is not installed
 */
export async function askFileSystemProgram(
  filePath: SystemPath,
  signal: AbortSignal,
): Promise<FileSystemFacts> {
  const output = await runStat(filePath, signal);
  const [blockBytes, blocks, bfree, bavail, files, ffree] = output.split(" ").map(Number);
  if (ffree === undefined || !Number.isFinite(ffree))
    throw systemError("EIO", `the program stat printed ${JSON.stringify(output.slice(0, 100))}`);
  return fileSystemFactsOf({
    blockBytes: blockBytes ?? 0,
    blocks: blocks ?? 0,
    bfree: bfree ?? 0,
    bavail: bavail ?? 0,
    files: files ?? 0,
    ffree,
  });
}

function runStat(filePath: SystemPath, signal: AbortSignal): Promise<string> {
  const [program, args] = commandFor(filePath);
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH: process.env["PATH"] ?? "/usr/bin:/bin", LC_ALL: "C" },
      cwd: "/",
    });
    let [output, problem] = ["", ""];
    child.stdout.on("data", (text: Buffer) => {
      if (output.length < MAX_OUTPUT_CHARACTERS) output += text.toString();
    });
    child.stderr.on("data", (text: Buffer) => {
      if (problem.length < MAX_OUTPUT_CHARACTERS) problem += text.toString();
    });
    const end = (): void => void child.kill("SIGKILL");
    signal.addEventListener("abort", end, { once: true });
    child.on("error", () => reject(systemError("ENOPROGRAM", 'the program "stat" is missing')));
    child.on("close", (code) => {
      signal.removeEventListener("abort", end);
      if (code === 0) resolve(output.trim());
      else reject(systemError(codeOfMessage(problem), problem.trim()));
    });
    if (signal.aborted) end();
  });
}

/** Arguments of a program are UTF-8 here, so the shell makes other paths from octal escapes. */
function commandFor(filePath: SystemPath): [program: string, args: string[]] {
  if (typeof filePath === "string") return ["stat", ["-f", "-c", FORMAT, "--", filePath]];
  const octal = [...filePath].map((byte) => `\\0${byte.toString(8).padStart(3, "0")}`).join("");
  // The slash and the dot keep a line feed at the end, which the shell would remove.
  const script = 'exec stat -f -c "$1" -- "$(printf %b "$2")"';
  return ["sh", ["-c", script, "sh", FORMAT, `${octal}/.`]];
}

function codeOfMessage(problem: string): string {
  if (problem.includes("No such file or directory")) return "ENOENT";
  if (problem.includes("Permission denied")) return "EACCES";
  return "EIO";
}

function systemError(code: string, detail: string): Error {
  return Object.assign(new Error(`Cannot ask for the space of a file system: ${detail}`), { code });
}
