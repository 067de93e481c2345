/**
 * Runs every test file found below test/, each in its own process, and fails when none is found.
 *
 * Usage: [PIHEALTH_PEERS=FOLDER] npm test [-- part-of-a-file-name ...]
 *
 * PIHEALTH_PEERS is a folder with other versions of the peers (prometheus, amtool, ...) than the
 * installed ones.
 */
import { peerEnvironment } from "./support/peers.js";
import { findTestFiles, runTestFiles } from "./support/test-files.js";
import { installTestPrograms } from "./support/test-programs.js";

function main(wanted: readonly string[]): number {
  const { together, alone } = findTestFiles(wanted);
  if (together.length + alone.length === 0) {
    process.stderr.write(`Cannot run tests: no file in dist/test matches ${wanted.join(" ")}\n`);
    return 1;
  }
  Object.assign(process.env, peerEnvironment());
  if (!installTestPrograms()) return 1;
  return Math.max(runTestFiles(together), runTestFiles(alone, { concurrency: 1 }));
}

process.exitCode = main(process.argv.slice(2));
