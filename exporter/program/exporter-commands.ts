/** The commands of `pihealth` that need no scraper. Each loads its code when it is run. */
import { writeData, writeErrorLine, writeLine } from "../shared/platform/terminal.js";
import type { Command } from "commander";
import { codeOf } from "../shared/model/errors.js";
import { systemClock } from "../shared/platform/clock.js";
import { realFiles } from "../shared/platform/real-files.js";
import type { HistoryCommandParts, HistoryOptions } from "./history-command.js";

/** The exit code of a command that ends without an error. */
export interface CommandOutcome {
  code: number;
}

const CONFIG_OPTION = ["--config <file>", "configuration of the exporter on this machine"] as const;

export function addExporterCommands(program: Command, outcome: CommandOutcome): void {
  program
    .command("exporter")
    .description("sample this machine and serve its metrics (exporter --help)");
  addGet(program);
  addHistory(program);
  addCheckMetrics(program, outcome);
  addCheckState(program, outcome);
}

function addGet(program: Command): void {
  program
    .command("get")
    .description("print the current facts of a machine, one line per fact")
    .argument("[family]", "memory, cpu, disk, system, users, processes or all")
    .option("--host <host[:port]>", "another machine than this one")
    .option(...CONFIG_OPTION)
    .option("--list", "list the families and their fields")
    .action(async (family: string | undefined, options: GetCommandOptions, command: Command) => {
      const { getFamily, listFamilies } = await import("./get-command.js");
      if (options.list === true) return listFamilies(writeLine);
      if (family === undefined)
        return command.error("error: no family is given (pihealth get --list lists them)");
      const { sendHttp } = await import("../shared/platform/http/http-client.js");
      const parts = {
        clock: systemClock,
        files: realFiles,
        sendHttp,
        writeLine,
        writeNote: writeErrorLine,
      };
      return getFamily(family, options, parts);
    });
}

interface GetCommandOptions {
  readonly host?: string;
  readonly config?: string;
  readonly list?: boolean;
}

function addHistory(program: Command): void {
  const addPlace = (command: Command): Command =>
    command
      .option(...CONFIG_OPTION)
      .option("--state <folder>", "state folder of the exporter, instead of the configured one");
  const history = program
    .command("history")
    .description("print the history that the exporter keeps here, one line per sampling")
    .argument("[family]", "memory, cpu, disk, system, users or processes (default: all)")
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

function addCheckMetrics(program: Command, outcome: CommandOutcome): void {
  const check = program.command("check").description("check metrics or the state of an exporter");
  check
    .command("metrics")
    .description("check metrics against the rules of their format, as promtool check metrics does")
    .argument("[file]", "file with metrics; standard input when it is - or missing", "-")
    .addOption(
      check
        .createOption("--format <format>", "format (default: openmetrics when # EOF ends the file)")
        .choices(["text", "openmetrics"]),
    )
    .action(async (file: string, { format }: { format?: "text" | "openmetrics" }) => {
      const { checkMetrics } = await import("./check-metrics-command.js");
      const parts = { files: realFiles, standardInput: process.stdin, writeLine };
      if (!(await checkMetrics(file, format, parts))) outcome.code = 1;
    });
}

/** Adds to `check`, which `addCheckMetrics` makes. */
function addCheckState(program: Command, outcome: CommandOutcome): void {
  const check = program.commands.find((command) => command.name() === "check");
  check
    ?.command("state")
    .description("check the files that the exporter keeps; the exporter may run meanwhile")
    .argument("[folder]", "state folder (default: the configured one)")
    .option(...CONFIG_OPTION)
    .action(async (given: string | undefined, { config }: { config?: string }) => {
      const { checkExporterState } = await import("./check-state-command.js");
      const folder = given ?? (await configuredStateFolder(config));
      const { lines, succeeded } = await checkExporterState(folder, realFiles);
      for (const line of lines) writeLine(line);
      if (!succeeded) outcome.code = 1;
    });
}

async function configuredStateFolder(configFile: string | undefined): Promise<string> {
  const { loadExporterConfig } = await import("../config/config.js");
  const { COLLECTORS } = await import("../collectors/registry.js");
  return (await loadExporterConfig(configFile, realFiles, COLLECTORS)).stateFolder;
}

function historyParts(): HistoryCommandParts {
  return { clock: systemClock, files: realFiles, write: writeToEnd, writeNote: writeErrorLine };
}

/** Resolves when the text is taken; ends the program when nobody reads any more, as `head` does. */
function writeToEnd(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    writeData(text, (error) => {
      if (error === undefined || error === null) resolve();
      else if (codeOf(error) === "EPIPE") process.exit(0);
      else reject(error);
    });
  });
}
