/**
 * Verdicts of `pihealth check config` and `pihealth check rules` against those of promtool 3.5 or
 * newer, over files that hold every key with values of every shape. An older promtool has another
 * opinion about names in UTF-8 and newer keys; then only our own side runs, which must not throw.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { itemAt } from "../../exporter/shared/model/get-or-throw.js";
import { checkConfig, checkRules, type CheckResult } from "../../scraper/program/commands/check.js";
import { peerEnvironment } from "../support/peers.js";
import { configCases, ruleFileCases, type VerdictCase } from "./config-cases.js";

const folder = mkdtempSync(path.join(tmpdir(), "pihealth-verdicts-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Files that we refuse on purpose although promtool accepts them. */
const REFUSED_BY_US: readonly { readonly name: RegExp; readonly why: string }[] = [
  { name: /^job(\.|: )scheme: /, why: "a job with such a scheme never scrapes" },
  { name: /^job\.proxy_url: /, why: "no request can be sent through such a proxy" },
];
/** Files that we accept on purpose although promtool refuses them. */
const ACCEPTED_BY_US: readonly { readonly name: RegExp; readonly why: string }[] = [
  {
    name: /^job: metric_name_validation_scheme: legacy$/,
    why: "Prometheus 3.5 wants an escaping scheme as well; versions before and after it do not",
  },
  { name: /^root\.rule_files: \[null\]$/, why: "an empty item names no file" },
];

function run(...args: readonly string[]): string {
  const { stdout, error } = spawnSync("promtool", args, {
    encoding: "utf8",
    env: peerEnvironment(),
    maxBuffer: 1 << 28,
  });
  if (error !== undefined) throw error;
  return stdout;
}

function isNewEnough(): boolean {
  const [, major = "0", minor = "0"] = /version (\d+)\.(\d+)/.exec(run("--version")) ?? [];
  return Number(major) > 3 || (Number(major) === 3 && Number(minor) >= 5);
}

/** The files that promtool accepts. Several are checked by one process. */
function acceptedByPromtool(args: readonly string[], files: readonly string[]): Set<string> {
  const accepted = new Set<string>();
  let current = "";
  for (const line of run("check", ...args, ...files).split("\n")) {
    if (line.startsWith("Checking ")) current = line.slice("Checking ".length);
    else if (/^ +SUCCESS/.test(line)) accepted.add(current);
  }
  return accepted;
}

async function compare(
  args: readonly string[],
  cases: readonly VerdictCase[],
  check: (file: string) => Promise<CheckResult>,
): Promise<void> {
  const files = cases.map(({ text }, index) => {
    const file = path.join(folder, `${args[0]}-${index}.yml`);
    writeFileSync(file, text);
    return file;
  });
  const theirs = isNewEnough() ? acceptedByPromtool(args, files) : undefined;
  const differences: string[] = [];
  for (const [index, { name }] of cases.entries()) {
    const file = itemAt(files, index);
    const { succeeded, lines } = await check(file);
    if (theirs === undefined || succeeded === theirs.has(file)) continue;
    const known = succeeded ? ACCEPTED_BY_US : REFUSED_BY_US;
    if (known.some((difference) => difference.name.test(name))) continue;
    differences.push(`${name}: ${succeeded ? "accepted by us only" : lines.join(" ")}`);
  }
  assert.deepEqual(differences, []);
}

test("check rules and promtool agree about several hundred rule files", () =>
  compare(["rules", "--lint=none"], ruleFileCases(), (file) => checkRules([file])));

test("check config and promtool agree about two thousand configurations", () =>
  compare(["config"], configCases(), (file) => checkConfig(file)));
