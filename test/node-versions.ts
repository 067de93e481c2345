/**
 * Runs the tests with other versions of Node.js: every test file but the slowest acceptance tests.
 * The versions come from npm's package `node` and are kept in the system's temporary folder.
 *
 * Usage: npm run test:node-versions [-- major-version ... part-of-a-file-name ...]
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { findTestFiles, runTestFiles } from "./support/test-files.js";
import { installTestPrograms } from "./support/test-programs.js";

/** The later versions that users have; `npm test` runs with the oldest one that is supported. */
const VERSIONS = ["22", "24"];
const CACHE = path.join(tmpdir(), "pihealth-node-versions");

function main(argv: readonly string[]): number {
  if (!installTestPrograms()) return 1;
  const isMajor = (word: string): boolean => /^\d+$/.test(word);
  const { together: files } = findTestFiles(argv.filter((word) => !isMajor(word)));
  if (files.length === 0) {
    process.stderr.write(`Cannot run tests: no file in dist/test matches ${argv.join(" ")}\n`);
    return 1;
  }
  const majors = argv.some(isMajor) ? argv.filter(isMajor) : VERSIONS;
  const outcomes = majors.map((major) => run(major, files));
  for (const { result } of outcomes) process.stdout.write(`${result}\n`);
  return Math.max(...outcomes.map(({ code }) => code));
}

interface Outcome {
  readonly code: number;
  /** Such as `nodejs-22.1.0: 1400 passed, 0 failed`. */
  readonly result: string;
}

function run(major: string, files: readonly string[]): Outcome {
  const node = install(major);
  if (node === undefined) return { code: 1, result: `nodejs-${major}: 0 passed, 1 failed` };
  const name = `nodejs-${versionOf(node)}`;
  process.stdout.write(`\n${name}: ${files.length} test files\n`);
  const tapFile = path.join(CACHE, `${major}.tap`);
  rmSync(tapFile, { force: true });
  const code = runTestFiles(files, { node, tapFile });
  const tap = existsSync(tapFile) ? readFileSync(tapFile, "utf8") : "";
  const count = (word: string): number =>
    Number(new RegExp(`^# ${word} (\\d+)$`, "m").exec(tap)?.[1] ?? "0");
  const failed = Math.max(count("fail") + count("cancelled"), code === 0 ? 0 : 1);
  return { code, result: `${name}: ${count("pass")} passed, ${failed} failed` };
}

/** Returns the program; undefined, after npm or this has said why, when it cannot be installed. */
function install(major: string): string | undefined {
  const folder = path.join(CACHE, major);
  const node = path.join(folder, "node_modules/node/bin/node");
  if (isVersion(node, major)) return node;
  mkdirSync(folder, { recursive: true });
  const flags = ["--prefix", folder, "--no-save", "--no-audit", "--no-fund"];
  spawnSync("npm", ["install", ...flags, `node@${major}`], { stdio: "inherit" });
  if (isVersion(node, major)) return node;
  process.stderr.write(`Cannot install Node.js ${major}: npm has put no such version at ${node}\n`);
  return undefined;
}

const isVersion = (node: string, major: string): boolean => versionOf(node).startsWith(`${major}.`);

/** Without its `v`; empty when the program does not run. */
function versionOf(node: string): string {
  const { stdout } = spawnSync(node, ["--version"], { encoding: "utf8" });
  return (stdout ?? "").trim().replace(/^v/, "");
}

process.exitCode = main(process.argv.slice(2));
