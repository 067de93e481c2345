/** Commands about files that need no running scraper: `check`, `convert`, `test`. */
import { writeErrorLine, writeLine, writeText } from "../../exporter/shared/platform/terminal.js";
import type { Command } from "commander";
import { readGivenFile } from "../../exporter/shared/config/given-file.js";
import { BadInputError } from "../../exporter/shared/model/errors.js";
import { systemClock } from "../../exporter/shared/platform/clock.js";
import { realFiles } from "../../exporter/shared/platform/real-files.js";
import type { QueryFeature } from "../promql/language/features.js";
import { type CommandOutcome, report } from "./command-output.js";
import { DEFAULT_CONFIG_FILE, DEFAULT_DATA_FOLDER } from "./commands/defaults.js";

/** Adds to the exporter's `check`, which has `check metrics`. */
export function addChecks(program: Command, outcome: CommandOutcome): void {
  const known = program.commands.find((command) => command.name() === "check");
  const check = known ?? program.command("check");
  check.description(
    "check metrics, a configuration, rule files, stored data or an exporter's state",
  );
  check
    .command("config")
    .description("check a configuration and every file it names")
    .argument("[file]", "configuration", DEFAULT_CONFIG_FILE)
    .action(async (file: string) => {
      const { checkConfig } = await import("./commands/check.js");
      report(await checkConfig(file), outcome);
    });
  withFeatures(check.command("rules"))
    .description("check rule files")
    .argument("<files...>", "rule files")
    .action(async (files: string[], options: FeatureOptions) => {
      const { checkRules } = await import("./commands/check.js");
      report(await checkRules(files, await featuresOf(options)), outcome);
    });
  check
    .command("data")
    .description("verify every checksum of stored samples; the scraper may run meanwhile")
    .argument("[folder]", "data folder, or a snapshot", DEFAULT_DATA_FOLDER)
    .action(async (folder: string) => {
      const { checkDataFolder } = await import("./commands/check-data.js");
      report(await checkDataFolder(folder, realFiles), outcome);
    });
}

export function addConvert(program: Command): void {
  program
    .command("convert")
    .description("convert a configuration of Option=Value lines to YAML")
    .argument("<file>", "configuration of one Option=Value per line")
    .action(async (file: string) => {
      const { convertOptionConfig } = await import("../config/option-config.js");
      writeText(convertOptionConfig(await readGivenFile(file, realFiles), file));
    });
}

export function addRuleTests(program: Command, outcome: CommandOutcome): void {
  const tests = program.command("test").description("run unit tests of rules");
  withFeatures(tests.command("rules"))
    .description("run tests in promtool's file format")
    .argument("<files...>", "test files")
    .action(async (files: string[], options: FeatureOptions) => {
      const { runRuleTests } = await import("../rule-engine/rule-tests/test-rules.js");
      outcome.code = await runRuleTests(files, {
        files: realFiles,
        clock: systemClock,
        enabledFeatures: await featuresOf(options),
        write: writeLine,
        writeError: writeErrorLine,
      });
    });
}

interface FeatureOptions {
  readonly enableFeature: readonly string[];
}

/**
 * Promtool's way to switch on parts of the query language: `--enable-feature=a,b`, any number of
 * times.
 */
function withFeatures(command: Command): Command {
  const collect = (text: string, before: readonly string[]): string[] => [
    ...before,
    ...text.split(","),
  ];
  return command.option(
    "--enable-feature <names>",
    "parts of the query language that are off by default",
    collect,
    [],
  );
}

async function featuresOf({ enableFeature }: FeatureOptions): Promise<QueryFeature[]> {
  const { parseQueryFeatures, unknownFeature } = await import("../promql/language/features.js");
  return parseQueryFeatures(enableFeature, (name) => {
    throw new BadInputError(`Cannot enable features: --enable-feature ${unknownFeature(name)}`);
  });
}
