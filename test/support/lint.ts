import { spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { REPOSITORY } from "./repository.js";

/**
 * Starts `npm run lint` at the lowest priority: it uses the time in which tests wait.
 *
 * @returns waits for its end, prints what it found, and returns its exit code
 */
export function startLint(): () => Promise<number> {
  const folder = mkdtempSync(path.join(tmpdir(), "pihealth-lint-"));
  // A file takes any amount of output while the tests block this process; a pipe would not.
  const report = path.join(folder, "report");
  const fd = openSync(report, "w");
  const child = spawn("nice", ["-n", "19", "npm", "run", "--silent", "lint"], {
    cwd: REPOSITORY,
    stdio: ["ignore", fd, fd],
  });
  closeSync(fd);
  const exit = new Promise<number | null>((resolve) => child.once("exit", resolve));
  return async () => {
    const code = await exit;
    process.stderr.write(readFileSync(report));
    rmSync(folder, { recursive: true });
    if (code !== 0) process.stderr.write("Lint failed: see above (npm run lint)\n");
    return code === 0 ? 0 : 1;
  };
}
