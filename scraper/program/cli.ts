/**
 * The scraper's commands of `pihealth`; `exporter/program/cli.ts` hands them over (docs/decisions/0002-command-line.md).
 */
import { Command, CommanderError } from "commander";
import { systemClock } from "../../exporter/shared/platform/clock.js";
import { realFiles } from "../../exporter/shared/platform/files.js";
import { BadInputError } from "../../exporter/shared/model/errors.js";
import type { CheckResult } from "./commands/check.js";
import type { QueryFeature } from "../promql/language/features.js";
import { DEFAULT_MASTER_URL, type MasterAddress } from "./commands/master-client.js";

/** For `pihealth --help`. */
export const SCRAPER_COMMANDS = [
  { name: "scraper", summary: "run the scraper, also called pihealthd (scraper --help)" },
  { name: "query", summary: "ask the scraper in PromQL" },
  { name: "check", summary: "check a configuration, rule files or stored data" },
  { name: "convert", summary: "convert a configuration of Option=Value lines to YAML" },
  { name: "test", summary: "run unit tests of rules" },
  { name: "silence", summary: "add, list and expire silences" },
  { name: "mail", summary: "send a test mail and show the SMTP dialogue" },
  { name: "doctor", summary: "look for what is wrong with the set-up" },
  {
    name: "gaps",
    summary: "list what is missing, what was filled from histories, and what is lost why",
  },
  { name: "import", summary: "store the samples of files and of copied histories" },
] as const;

const DEFAULT_DATA_FOLDER = "/var/lib/pihealth";
const DEFAULT_CONFIG_FILE = "/etc/pihealth/pihealthd.yml";

/**
 * @param argv begins with the command
 * @returns the exit code
 */
export async function runScraperCommand(argv: readonly string[]): Promise<number> {
  if (argv[0] === "scraper") {
    const { runScraper } = await import("./run-scraper.js");
    return runScraper(argv.slice(1));
  }
  const outcome = { code: 0 };
  const program = new Command("pihealth")
    .exitOverride()
    .showHelpAfterError("(pihealth --help names all commands)");
  addQuery(program);
  addChecks(program, outcome);
  addSilences(program);
  addMail(program);
  addDoctor(program, outcome);
  addGaps(program);
  addImport(program);
  try {
    await program.parseAsync(argv, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode;
    throw error;
  }
  return outcome.code;
}

const print = (lines: readonly string[]): void => {
  for (const line of lines) process.stdout.write(`${line}\n`);
};

function report({ lines, succeeded }: CheckResult, outcome: { code: number }): void {
  print(lines);
  if (!succeeded) outcome.code = 1;
}

function withMaster(command: Command): Command {
  return command.option("--url <url>", "address of the scraper", DEFAULT_MASTER_URL);
}

function addQuery(program: Command): void {
  withMaster(program.command("query"))
    .description(SCRAPER_COMMANDS[1].summary)
    .argument("<expression>", "PromQL, such as 'up == 0'")
    .option("--range <duration>", "the course over this time, such as 6h, as a chart")
    .option("--time <time>", "seconds since the epoch or RFC 3339 instead of now")
    .action(async (expression: string, options: { url: string; range?: string; time?: string }) => {
      const { runQuery } = await import("./commands/query.js");
      const { columns = 80, isTTY } = process.stdout;
      print(
        await runQuery({ url: options.url }, expression, options, { columns, isTerminal: isTTY }),
      );
    });
}

function addChecks(program: Command, outcome: { code: number }): void {
  const check = program.command("check").description(SCRAPER_COMMANDS[2].summary);
  check
    .command("config")
    .description("read a configuration with every file it names")
    .argument("[file]", "configuration", DEFAULT_CONFIG_FILE)
    .action(async (file: string) => {
      const { checkConfig } = await import("./commands/check.js");
      report(await checkConfig(file), outcome);
    });
  withFeatures(check.command("rules"))
    .description("read rule files")
    .argument("<files...>", "rule files")
    .action(async (files: string[], options: FeatureOptions) => {
      const { checkRules } = await import("./commands/check.js");
      report(await checkRules(files, await featuresOf(options)), outcome);
    });
  check
    .command("data")
    .description("verify every checksum of stored samples; changes nothing, the scraper may run")
    .argument("[folder]", "data folder, or a snapshot", DEFAULT_DATA_FOLDER)
    .action(async (folder: string) => {
      const { checkDataFolder } = await import("./commands/check-data.js");
      report(await checkDataFolder(folder, realFiles), outcome);
    });
  program
    .command("convert")
    .description(SCRAPER_COMMANDS[3].summary)
    .argument("<file>", "configuration of one Option=Value per line")
    .action(async (file: string) => {
      const { convertOptionConfig } = await import("../config/option-config.js");
      const { readGivenFile } = await import("./commands/given-file.js");
      process.stdout.write(convertOptionConfig(await readGivenFile(file), file));
    });
  withFeatures(program.command("test").description(SCRAPER_COMMANDS[4].summary).command("rules"))
    .description("run tests in promtool's file format")
    .argument("<files...>", "test files")
    .action(async (files: string[], options: FeatureOptions) => {
      const { runRuleTests } = await import("../rule-engine/rule-tests/test-rules.js");
      outcome.code = await runRuleTests(files, {
        files: realFiles,
        clock: systemClock,
        enabledFeatures: await featuresOf(options),
        write: (line) => void process.stdout.write(`${line}\n`),
        writeError: (line) => void process.stderr.write(`${line}\n`),
      });
    });
}

interface FeatureOptions {
  readonly enableFeature: readonly string[];
}

/** Promtool's way to switch on parts of the query language: `--enable-feature=a,b`, any number of times. */
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

interface SilenceOptions {
  readonly url: string;
  readonly tokenFile: string;
  readonly duration: string;
  readonly comment: string;
  readonly author: string;
}

function addSilences(program: Command): void {
  const silence = program.command("silence").description(SCRAPER_COMMANDS[5].summary);
  const masterOf = ({ url, tokenFile }: SilenceOptions): MasterAddress => ({ url, tokenFile });
  const withToken = (command: Command): Command =>
    withMaster(command).option("--token-file <file>", "the fleet token", "/etc/pihealth/token");
  withToken(silence.command("add"))
    .description("mute alerts that match, for a time")
    .argument("<matchers...>", "such as alertname=PihealthTargetDown 'instance=~\"pi.*\"'")
    .option("--duration <duration>", "how long", "2h")
    .requiredOption("--comment <text>", "why")
    .option("--author <name>", "who", process.env["USER"] ?? "unknown")
    .action(async (matchers: string[], options: SilenceOptions) => {
      const { addSilence } = await import("./commands/silence.js");
      print([await addSilence(masterOf(options), matchers, options)]);
    });
  withMaster(silence.command("list"))
    .description("active and pending silences")
    .action(async (options: { url: string }) => {
      const { listSilences } = await import("./commands/silence.js");
      print(await listSilences({ url: options.url }));
    });
  withToken(silence.command("expire"))
    .description("end a silence now")
    .argument("<id>")
    .action(async (id: string, options: SilenceOptions) => {
      const { expireSilence } = await import("./commands/silence.js");
      await expireSilence(masterOf(options), id);
    });
}

function addMail(program: Command): void {
  program
    .command("mail")
    .description(SCRAPER_COMMANDS[6].summary)
    .command("test")
    .description("send one mail straight away and show the dialogue with the server")
    .option(
      "--config <file>",
      "configuration of the scraper, or an alertmanager.yml",
      DEFAULT_CONFIG_FILE,
    )
    .option("--receiver <name>", "whose settings are tried; the first with mail without")
    .option("--to <addresses>", "addresses instead of those of the receiver")
    .action(async (options: { config: string; receiver?: string; to?: string }) => {
      const { sendTestMail } = await import("../alerting/delivery/test-mail.js");
      const { loadNotificationsOf } = await import("./commands/check.js");
      const config = await loadNotificationsOf(options.config);
      const { refused } = await sendTestMail({
        ...options,
        config,
        clock: systemClock,
        files: realFiles,
        onDialogue: (line) => void process.stdout.write(`${line}\n`),
      });
      if (refused.length > 0)
        throw new BadInputError(`Cannot send test mail: refused for ${refused.join(", ")}`);
      print(["The server took the mail."]);
    });
}

function addGaps(program: Command): void {
  withMaster(program.command("gaps"))
    .description(SCRAPER_COMMANDS[8].summary)
    .argument("[host]", "address of one host; all without")
    .action(async (host: string | undefined, options: { url: string }) => {
      const { listGaps } = await import("./commands/gaps.js");
      print(await listGaps({ url: options.url }, host));
    });
}

interface ImportOptions {
  readonly url: string;
  readonly tokenFile: string;
  readonly instance?: string;
  readonly job?: string;
  readonly host?: string;
  readonly offline?: boolean;
  readonly config: string;
}

function addImport(program: Command): void {
  withMaster(program.command("import"))
    .description(SCRAPER_COMMANDS[9].summary)
    .argument(
      "<paths...>",
      "OpenMetrics or text with timestamps, an output of promtool tsdb dump, a history folder of a Pi",
    )
    .option(
      "--instance <instance>",
      "label of the samples, where they have none and no heartbeat tells",
    )
    .option("--job <job>", "label of the samples, likewise")
    .option("--host <address>", "whose folder takes them; that of the instance without")
    .option("--token-file <file>", "the fleet token", "/etc/pihealth/token")
    .option("--offline", "work on the data folder itself: the scraper must not run")
    .option("--config <file>", "configuration of the scraper, with --offline", DEFAULT_CONFIG_FILE)
    .action(async (paths: string[], options: ImportOptions) =>
      print([await runImport(paths, options)]),
    );
}

async function runImport(paths: string[], options: ImportOptions): Promise<string> {
  const { importSamples, storeInMaster } = await import("./commands/import.js");
  const { instance, job, host, offline = false } = options;
  const opened = offline
    ? await (await import("./commands/import-offline.js")).openOffline(options.config)
    : undefined;
  const { isTTY } = process.stderr;
  try {
    return await importSamples(
      paths,
      { instance, job, host },
      {
        files: realFiles,
        store: opened?.store ?? storeInMaster(options),
        showProgress: (samples) => void (isTTY && process.stderr.write(`\r${samples} samples`)),
        writeNote: (note) => void process.stderr.write(`${note}\n`),
      },
    );
  } finally {
    if (isTTY) process.stderr.write("\n");
    await opened?.close();
  }
}

function addDoctor(program: Command, outcome: { code: number }): void {
  withMaster(program.command("doctor"))
    .description(SCRAPER_COMMANDS[7].summary)
    .option("--config <file>", "configuration of the scraper", DEFAULT_CONFIG_FILE)
    .action(async (options: { url: string; config: string }) => {
      const { runDoctor } = await import("./commands/doctor.js");
      report(await runDoctor(options.config, { url: options.url }), outcome);
    });
}
