/**
 * The scraper's part of `pihealth`: `exporter/program/cli.ts` loads this file where the scraper is
 * installed, and runs the command line (docs/decisions/0002-command-line.md).
 */
import type { Command } from "commander";
import { addChecks, addConvert, addRuleTests } from "./check-commands.js";
import { addDoctor, addGaps, addImport, addQuery, addSilences } from "./client-commands.js";
import type { CommandOutcome } from "./command-output.js";
import { addMail } from "./mail-command.js";

export function addScraperCommands(program: Command, outcome: CommandOutcome): void {
  program.command("scraper").description("run the scraper, also called pihealthd (scraper --help)");
  addQuery(program);
  addChecks(program, outcome);
  addConvert(program);
  addRuleTests(program, outcome);
  addSilences(program);
  addMail(program);
  addDoctor(program, outcome);
  addGaps(program);
  addImport(program);
}

export async function runScraper(argv: readonly string[]): Promise<number> {
  const program = await import("./run-scraper.js");
  return program.runScraper(argv);
}
