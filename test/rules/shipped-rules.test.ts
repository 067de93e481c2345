import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { ConfigSection } from "../../exporter/shared/config/config-section.js";
import { systemClock } from "../../exporter/shared/platform/clock.js";
import { realFiles } from "../../exporter/shared/platform/real-files.js";
import { parseRuleTestFile } from "../../scraper/rule-engine/rule-tests/rule-test-file.js";
import { runRuleTests } from "../../scraper/rule-engine/rule-tests/test-rules.js";
import { REPOSITORY } from "../support/repository.js";

const RULES = path.join(REPOSITORY, "rules");
const ruleFiles = filesOf(RULES);
const testFiles = filesOf(path.join(RULES, "tests"));

function filesOf(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".yml"))
    .map((name) => path.join(folder, name));
}

function promtool(...args: string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync("promtool", args, { encoding: "utf8" });
  return { status, output: stdout + stderr };
}

test("promtool accepts the shipped rules", () => {
  const { status, output } = promtool("check", "rules", ...ruleFiles);
  assert.equal(status, 0, output);
});

test("promtool passes the unit tests of the shipped rules", () => {
  const { status, output } = promtool("test", "rules", ...testFiles);
  assert.equal(status, 0, output);
});

test("our own runner passes the unit tests of the shipped rules", async () => {
  const lines: string[] = [];
  const write = (line: string): number => lines.push(line);
  const surroundings = {
    files: realFiles,
    clock: systemClock,
    enabledFeatures: [],
    write,
    writeError: write,
  };
  const exitCode = await runRuleTests(testFiles, surroundings);
  assert.equal(exitCode, 0, lines.join("\n"));
});

test("every shipped alert has a unit test in which it fires and one in which it does not", () => {
  const tests = testFiles
    .flatMap(
      (file) => parseRuleTestFile(ConfigSection.parse(readFileSync(file, "utf8"), file)).tests,
    )
    .flatMap(({ alertTests }) => alertTests);
  const fires = new Set(
    tests.filter(({ expected }) => expected.length > 0).map(({ alertName }) => alertName),
  );
  const rests = new Set(
    tests.filter(({ expected }) => expected.length === 0).map(({ alertName }) => alertName),
  );
  const shipped = ruleFiles
    .flatMap((file) => [...readFileSync(file, "utf8").matchAll(/^ +- alert: (\w+)$/gm)])
    .map(([, name = ""]) => name);
  assert.ok(shipped.length > 25, `only ${shipped.length} alerts found`);
  assert.deepEqual(
    shipped.filter((name) => !fires.has(name)),
    [],
  );
  assert.deepEqual(
    shipped.filter((name) => !rests.has(name)),
    [],
  );
});
