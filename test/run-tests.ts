/**
 * Runs every test file found below test/, each in its own process, and fails when none is found.
 * A run of all tests runs the linter, too.
 *
 * Usage: [PIHEALTH_PEERS=FOLDER] npm test [-- part-of-a-file-name ...]
 *
 * PIHEALTH_PEERS is a folder with other versions of the peers (prometheus, amtool, ...) than the
 * installed ones.
 */
import { startLint } from "./support/lint.js";
import { peerEnvironment } from "./support/peers.js";
import { findTestFiles, runTestFiles } from "./support/test-files.js";
import { installTestPrograms } from "./support/test-programs.js";

async function main(wanted: readonly string[]): Promise<number> {
  const { together, alone } = findTestFiles(wanted);
  if (together.length + alone.length === 0) {
    process.stderr.write(`Cannot run tests: no file in dist/test matches ${wanted.join(" ")}\n`);
    return 1;
  }
  Object.assign(process.env, peerEnvironment());
  if (!installTestPrograms()) return 1;
  const endOfLint = wanted.length === 0 ? startLint() : (): number => 0;
  const codes = [runTestFiles(together), runTestFiles(alone, { concurrency: 1 })];
  return Math.max(...codes, await endOfLint());
}

process.exitCode = await main(process.argv.slice(2));
