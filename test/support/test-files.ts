import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { REPOSITORY } from "./repository.js";

/** The slowest tests. Real programs in them need a processor of their own, so each file runs alone. */
const ALONE = /test\/acceptance\/(bad-input|busy-api|outage)\.test/;
/** Tests wait for processes and timers half of their time, so three keep two processors busy. */
const CONCURRENCY = 3;
/** Begun first, so that no processor is idle while the last of them runs. */
const LONG = /storage\/kill\.test|test\/acceptance\//;

export interface TestFiles {
  readonly together: readonly string[];
  readonly alone: readonly string[];
}

/**
 * Finds the compiled tests below dist/test.
 *
 * @param wanted parts of file names; empty: every file
 */
export function findTestFiles(wanted: readonly string[] = []): TestFiles {
  const names = readdirSync(path.join(REPOSITORY, "dist/test"), {
    recursive: true,
    encoding: "utf8",
  });
  const files = names
    .filter((name) => name.endsWith(".test.js") && existsAsSource(name))
    .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
    .sort()
    .map((name) => path.join("dist/test", name));
  const together = files.filter((name) => !ALONE.test(name));
  return {
    together: [
      ...together.filter((name) => LONG.test(name)),
      ...together.filter((name) => !LONG.test(name)),
    ],
    alone: files.filter((name) => ALONE.test(name)),
  };
}

/** Compiled files outlive their source until dist/ is removed. */
const existsAsSource = (name: string): boolean =>
  existsSync(path.join(REPOSITORY, "test", name.replace(/\.js$/, ".ts")));

export interface TestRunOptions {
  /** The program that runs the tests. */
  readonly node?: string;
  readonly concurrency?: number;
  /** Gets the results in the TAP format as well. */
  readonly tapFile?: string;
}

/**
 * Runs each file in a process of its own.
 *
 * @returns the exit code of the test runner; 0 when there is nothing to run
 */
export function runTestFiles(
  files: readonly string[],
  { node = process.execPath, concurrency = CONCURRENCY, tapFile }: TestRunOptions = {},
): number {
  if (files.length === 0) return 0;
  const reporters = [["spec", "stdout"], ...(tapFile === undefined ? [] : [["tap", tapFile]])];
  const options = [
    "--enable-source-maps",
    "--test",
    `--test-concurrency=${concurrency}`,
    ...reporters.flatMap(([reporter, destination]) => [
      `--test-reporter=${reporter}`,
      `--test-reporter-destination=${destination}`,
    ]),
  ];
  const result = spawnSync(node, [...options, ...files], { cwd: REPOSITORY, stdio: "inherit" });
  return result.status ?? 1;
}
