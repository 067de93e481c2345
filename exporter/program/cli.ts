#!/usr/bin/env node
/**
 * `pihealth`: runs one command and ends with its exit code: 0 done, 1 failed, 2 the command line is
 * not valid. The exporter has its own commands; the scraper beside it, where one is installed, adds
 * the others. It is loaded by address at run time, because the exporter must install without it
 * (docs/decisions/0002-command-line.md).
 */
import { writeErrorLine, writeErrorText, writeText } from "../shared/platform/terminal.js";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { messageOf, PihealthError, traceOf } from "../shared/model/errors.js";
import { realFiles } from "../shared/platform/real-files.js";
import { USAGE_EXIT_CODE } from "../shared/platform/run-program.js";
import { programVersion } from "../shared/platform/version.js";
import { addExporterCommands, type CommandOutcome } from "./exporter-commands.js";

/** What `scraper/program/cli.ts` exports. */
interface ScraperCli {
  addScraperCommands(program: Command, outcome: CommandOutcome): void;
  /** The program `pihealthd`. */
  runScraper(argv: readonly string[]): Promise<number>;
}

const SCRAPER_CLI = new URL("../../scraper/program/cli.js", import.meta.url);

async function run(argv: readonly string[]): Promise<number> {
  const [name, ...rest] = argv;
  if (name === "help" && rest.length > 0) return run([...rest, "--help"]);
  if (name === "exporter") {
    const { runExporter } = await import("./run-exporter.js");
    return runExporter(rest);
  }
  const scraper = await loadScraperCli();
  if (name === "scraper" && scraper !== undefined) return scraper.runScraper(rest);
  return runCommand(argv, scraper);
}

async function loadScraperCli(): Promise<ScraperCli | undefined> {
  if ((await realFiles.facts(fileURLToPath(SCRAPER_CLI))) === undefined) return undefined;
  // eslint-disable-next-line house/no-type-assertion -- the type of a module loaded by address
  return (await import(SCRAPER_CLI.href)) as ScraperCli;
}

async function runCommand(
  argv: readonly string[],
  scraper: ScraperCli | undefined,
): Promise<number> {
  const { Command, CommanderError } = await import("commander");
  const outcome = { code: 0 };
  const program = new Command("pihealth")
    .description("Watches a fleet of Raspberry Pis and other Linux machines")
    .version(programVersion())
    .exitOverride()
    .configureOutput({ writeOut: writeText, writeErr: writeErrorText })
    .showHelpAfterError();
  addExporterCommands(program, outcome);
  scraper?.addScraperCommands(program, outcome);
  if (scraper === undefined) {
    program.addHelpText("after", "\nThe scraper is not installed here: its commands are missing.");
  }
  if (argv.length === 0) {
    program.outputHelp({ error: true });
    return USAGE_EXIT_CODE;
  }
  try {
    await program.parseAsync(untilUnknown(program, argv), { from: "user" });
    return outcome.code;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? 0 : USAGE_EXIT_CODE; // 0: help or version was asked for.
  }
}

/**
 * The command line up to the first word that is not a command. Commander would answer
 * `nonsense --help` with the help of the program; `nonsense` alone is an error.
 */
function untilUnknown(program: Command, argv: readonly string[]): readonly string[] {
  let command = program;
  for (const [index, word] of argv.entries()) {
    const next = command.commands.find((known) => known.name() === word);
    const isGroup = command.commands.length > 0 && command.registeredArguments.length === 0;
    if (next === undefined && isGroup && word !== "help" && !word.startsWith("-"))
      return argv.slice(0, index + 1);
    if (next === undefined) return argv;
    command = next;
  }
  return argv;
}

run(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    // A bug shows where it is.
    if (error instanceof PihealthError) writeErrorLine(messageOf(error));
    else writeErrorText(`${traceOf(error)}\n`);
    process.exitCode = 1;
  },
);
