#!/usr/bin/env node
/**
 * `pihealth`: the exporter's commands. Every other command belongs to the scraper, which is asked
 * for by address at run time, because the exporter must install without it
 * (docs/decisions/0002-command-line.md).
 */
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import type { HistoryCommandParts, HistoryOptions } from "./history-command.js";
import { BadInputError, codeOf, messageOf, PihealthError } from "../shared/model/errors.js";
import { systemClock } from "../shared/platform/clock.js";
import { realFiles } from "../shared/platform/files.js";
import { programVersion } from "../shared/platform/version.js";

/** What `scraper/program/cli.ts` exports. */
interface ScraperCli {
  readonly SCRAPER_COMMANDS: readonly { readonly name: string; readonly summary: string }[];
  runScraperCommand(argv: readonly string[]): Promise<number>;
}

const EXPORTER_WORDS = ["get", "history", "help", "--help", "-h", "--version", "-V"];
const SCRAPER_CLI = new URL("../../scraper/program/cli.js", import.meta.url);

async function run(argv: readonly string[]): Promise<number> {
  const [command, ...rest] = argv;
  if (command === "exporter") {
    const { runExporter } = await import("./run-exporter.js");
    return runExporter(rest);
  }
  const scraper = await loadScraperCli();
  if (command !== undefined && !EXPORTER_WORDS.includes(command)) {
    if (scraper !== undefined) return scraper.runScraperCommand(argv);
    const detail =
      "it is not exporter, get, history or help, and the scraper, which has all others, is not installed here";
    throw new BadInputError(`Cannot run "${command}": ${detail}`);
  }
  const helpWanted = scraper?.SCRAPER_COMMANDS.find(({ name }) => name === rest[0]);
  if (command === "help" && helpWanted !== undefined && scraper !== undefined) {
    return scraper.runScraperCommand([...rest, "--help"]);
  }
  return runOwnCommand(argv, scraper);
}

async function loadScraperCli(): Promise<ScraperCli | undefined> {
  if ((await realFiles.facts(fileURLToPath(SCRAPER_CLI))) === undefined) return undefined;
  return (await import(SCRAPER_CLI.href)) as ScraperCli;
}

async function runOwnCommand(
  argv: readonly string[],
  scraper: ScraperCli | undefined,
): Promise<number> {
  const { Command } = await import("commander");
  const program = new Command("pihealth")
    .description("Watches a fleet of Raspberry Pis and other Linux machines")
    .version(programVersion());
  program
    .command("exporter")
    .description("sample this machine and serve its metrics (exporter --help)");
  program
    .command("get")
    .description("print what a machine says now, one line per fact")
    .argument("[family]", "memory, cpu, disk, system, users, processes or all")
    .option("--host <host[:port]>", "another machine than this one")
    .option("--config <file>", "configuration of the exporter on this machine")
    .option("--list", "say what there is to get")
    .action(get);
  addHistory(program);
  for (const { name, summary } of scraper?.SCRAPER_COMMANDS ?? []) {
    program.command(name).description(summary);
  }
  if (scraper === undefined) {
    program.addHelpText("after", "\nThe scraper is not installed here: its commands are missing.");
  }
  if (argv.length === 0) {
    program.outputHelp({ error: true });
    return 1;
  }
  await program.parseAsync(argv, { from: "user" });
  return 0;
}

function addHistory(program: Command): void {
  const addPlace = (command: Command): Command =>
    command
      .option("--config <file>", "configuration of the exporter on this machine")
      .option("--state <folder>", "state folder of the exporter, instead of the configured one");
  const history = program
    .command("history")
    .description("print what this machine's exporter has kept, one line per sampling")
    .argument("[family]", "memory, cpu, disk, system, users or processes; all of them without")
    .option("--since <duration>", "how far back, such as 2h (default 1h)")
    .action(async (family: string | undefined, options: HistoryOptions) => {
      const { printHistory } = await import("./history-command.js");
      await printHistory(family, options, historyParts());
    });
  addPlace(history);
  const exporting = history
    .command("export")
    .description("write the history to standard output as OpenMetrics, for promtool tsdb")
    .option("--since <duration>", "how far back, such as 2d (default: everything)")
    .action(async (_options: object, command: Command) => {
      const { exportHistory } = await import("./history-command.js");
      await exportHistory(command.optsWithGlobals<HistoryOptions>(), historyParts());
    });
  addPlace(exporting);
}

function historyParts(): HistoryCommandParts {
  return { clock: systemClock, files: realFiles, write: writeToEnd, writeNote };
}

/** Resolves when the text is taken; ends the program when nobody reads any more, as `head` does. */
function writeToEnd(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => {
      if (error === undefined || error === null) resolve();
      else if (codeOf(error) === "EPIPE") process.exit(0);
      else reject(error);
    });
  });
}

const writeNote = (line: string): void => void process.stderr.write(`${line}\n`);

async function get(
  family: string | undefined,
  options: { host?: string; config?: string; list?: boolean },
): Promise<void> {
  const { getFamily, listFamilies } = await import("./get-command.js");
  const writeLine = (line: string): void => void process.stdout.write(`${line}\n`);
  if (options.list === true) return listFamilies(writeLine);
  if (family === undefined) {
    throw new BadInputError('Cannot get "": no family is named, "pihealth get --list" names them');
  }
  const { sendHttp } = await import("../shared/platform/http/http-client.js");
  await getFamily(family, options, {
    clock: systemClock,
    files: realFiles,
    sendHttp,
    writeLine,
    writeNote,
  });
}

run(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    const isOurs = error instanceof PihealthError || !(error instanceof Error);
    process.stderr.write(`${isOurs ? messageOf(error) : error.stack}\n`); // A bug shows where it is.
    process.exitCode = 1;
  },
);
