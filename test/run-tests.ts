/**
 * Runs every test file found below test/, each in its own process, and fails when none is found.
 *
 * Usage: npm test [-- part-of-a-file-name ...]
 */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import path from "node:path";
import { REPOSITORY } from "./support/repository.js";
import { installTestPrograms } from "./support/test-programs.js";

function main(wanted: readonly string[]): number {
  const compiled = path.join(REPOSITORY, "dist/test");
  const files = readdirSync(compiled, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".test.js"))
    .filter((name) => existsAsSource(name))
    .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
    .sort()
    .map((name) => path.join("dist/test", name));
  if (files.length === 0) {
    process.stderr.write(`Cannot run tests: no file in ${compiled} matches ${wanted.join(" ")}\n`);
    return 1;
  }
  if (!installTestPrograms()) return 1;
  const alone = files.filter((name) => ALONE.test(name));
  const together = files.filter((name) => !ALONE.test(name));
  return Math.max(runFiles(together, 2), runFiles(alone, 1));
}

/** Tests that need a free processor run one after the other, after the others. */
const ALONE = /test\/(acceptance|grafana)\/|real-hogs|scrape\/fleet/;

/** @returns the exit code of the test runner; 0 when there is nothing to run */
function runFiles(files: readonly string[], concurrency: number): number {
  if (files.length === 0) return 0;
  const options = [
    "--enable-source-maps",
    "--test",
    `--test-concurrency=${concurrency}`,
    "--test-reporter=spec",
  ];
  const result = spawnSync(process.execPath, [...options, ...files], {
    cwd: REPOSITORY,
    stdio: "inherit",
  });
  return result.status ?? 1;
}

/** Compiled files remain until dist/ is removed, so files without a source are skipped. */
function existsAsSource(name: string): boolean {
  const source = name.replace(/\.js$/, ".ts");
  return readdirSync(path.join(REPOSITORY, "test", path.dirname(source))).includes(
    path.basename(source),
  );
}

process.exitCode = main(process.argv.slice(2));
