/** Commands that ask a running scraper: `query`, `silence`, `gaps`, `import`, `doctor`. */
import { progress, writeErrorLine } from "../../exporter/shared/platform/terminal.js";
import type { Command } from "commander";
import { realFiles } from "../../exporter/shared/platform/real-files.js";
import { type CommandOutcome, printLines, report } from "./command-output.js";
import {
  DEFAULT_CONFIG_FILE,
  DEFAULT_MASTER_URL,
  DEFAULT_TOKEN_FILE,
} from "./commands/defaults.js";
import type { MasterAddress } from "./commands/master-client.js";

const TOKEN_OPTION = ["--token-file <file>", "the fleet token", DEFAULT_TOKEN_FILE] as const;

const withMaster = (command: Command): Command =>
  command.option("--url <url>", "address of the scraper", DEFAULT_MASTER_URL);

export function addQuery(program: Command): void {
  withMaster(program.command("query"))
    .description("run a PromQL query on the scraper")
    .argument("<expression>", "PromQL, such as 'up == 0'")
    .option("--range <duration>", "draw a chart of this time span, such as 6h")
    .option("--time <time>", "seconds since the epoch or RFC 3339 instead of now")
    .action(async (expression: string, options: { url: string; range?: string; time?: string }) => {
      const { runQuery } = await import("./commands/query.js");
      const { columns = 80, isTTY } = process.stdout;
      const display = { columns, isTerminal: isTTY };
      printLines(await runQuery({ url: options.url }, expression, options, display));
    });
}

interface SilenceOptions {
  readonly url: string;
  readonly tokenFile: string;
  readonly duration: string;
  readonly comment: string;
  readonly author: string;
}

export function addSilences(program: Command): void {
  const silence = program.command("silence").description("add, list and expire silences");
  const masterOf = ({ url, tokenFile }: SilenceOptions): MasterAddress => ({ url, tokenFile });
  withMaster(silence.command("add"))
    .description("mute matching alerts for a time")
    .argument("<matchers...>", "such as alertname=PihealthTargetDown 'instance=~\"pi.*\"'")
    .option(...TOKEN_OPTION)
    .option("--duration <duration>", "how long", "2h")
    .requiredOption("--comment <text>", "why")
    .option("--author <name>", "who", process.env["USER"] ?? "unknown")
    .action(async (matchers: string[], options: SilenceOptions) => {
      const { addSilence } = await import("./commands/silence.js");
      printLines([await addSilence(masterOf(options), matchers, options)]);
    });
  withMaster(silence.command("list"))
    .description("list active and pending silences")
    .action(async (options: { url: string }) => {
      const { listSilences } = await import("./commands/silence.js");
      printLines(await listSilences({ url: options.url }));
    });
  withMaster(silence.command("expire"))
    .description("end a silence now")
    .argument("<id>")
    .option(...TOKEN_OPTION)
    .action(async (id: string, options: SilenceOptions) => {
      const { expireSilence } = await import("./commands/silence.js");
      await expireSilence(masterOf(options), id);
    });
}

export function addGaps(program: Command): void {
  withMaster(program.command("gaps"))
    .description("list the gaps in the stored samples: open, filled, or lost and why")
    .argument("[host]", "address of one host (default: all hosts)")
    .action(async (host: string | undefined, options: { url: string }) => {
      const { listGaps } = await import("./commands/gaps.js");
      printLines(await listGaps({ url: options.url }, host));
    });
}

export function addDoctor(program: Command, outcome: CommandOutcome): void {
  withMaster(program.command("doctor"))
    .description("find out what is wrong with the setup")
    .option("--config <file>", `configuration of the scraper (default: ${DEFAULT_CONFIG_FILE})`)
    .action(async (options: { url: string; config?: string }) => {
      const { runDoctor } = await import("./commands/doctor.js");
      report(await runDoctor(options.config, { url: options.url }), outcome);
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

export function addImport(program: Command): void {
  withMaster(program.command("import"))
    .description("store the samples of files or of copied histories")
    .argument(
      "<paths...>",
      "OpenMetrics or text with timestamps, output of promtool tsdb dump, or a Pi's history folder",
    )
    .option("--instance <instance>", "label of samples that have none, if no heartbeat names it")
    .option("--job <job>", "label of samples that have none, if no heartbeat names it")
    .option("--host <address>", "host folder to write to (default: the host of the instance)")
    .option(...TOKEN_OPTION)
    .option("--offline", "write to the data folder directly; the scraper must not run")
    .option("--config <file>", "configuration of the scraper, for --offline", DEFAULT_CONFIG_FILE)
    .action(async (paths: string[], options: ImportOptions) =>
      printLines([await runImport(paths, options)]),
    );
}

async function runImport(paths: string[], options: ImportOptions): Promise<string> {
  const { importSamples, storeInMaster } = await import("./commands/import.js");
  const { instance, job, host, offline = false } = options;
  const opened = offline
    ? await (await import("./commands/import-offline.js")).openOffline(options.config)
    : undefined;
  try {
    return await importSamples(
      paths,
      { instance, job, host },
      {
        files: realFiles,
        store: opened?.store ?? storeInMaster(options),
        direct: opened?.direct,
        showProgress: (samples) => progress.show(`${samples} samples`),
        writeNote: writeErrorLine,
      },
    );
  } finally {
    progress.end();
    await opened?.close();
  }
}
