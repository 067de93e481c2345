/**
 * `npm start`: runs exporter and scraper with their embedded defaults as two processes, as the two
 * services are. It prints where to look, and stops both when one ends or a signal arrives.
 */
import { writeErrorLine, writeText } from "../../exporter/shared/platform/terminal.js";
import { randomBytes } from "node:crypto";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { readOptions } from "../../exporter/shared/config/program-options.js";
import { BadInputError } from "../../exporter/shared/model/errors.js";
import { systemClock } from "../../exporter/shared/platform/clock.js";
import { realFiles } from "../../exporter/shared/platform/real-files.js";
import { runProgram } from "../../exporter/shared/platform/run-program.js";
import { sendHttp } from "../../exporter/shared/platform/http/http-client.js";
import {
  type ChildProgram,
  nextSignal,
  startNodeProgram,
} from "../../exporter/shared/platform/process.js";

const PROGRAMS = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
/**
 * As in pihealth-exporter.service; they save memory and processor time (docs/operations.md,
 * "Memory").
 */
const EXPORTER_FLAGS = ["--max-semi-space-size=1", "--optimize-for-size"];
/** As in pihealthd.service. */
const SCRAPER_FLAGS = ["--max-semi-space-size=4"];
const ENVIRONMENT = { MALLOC_ARENA_MAX: "1" };
const READY_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 20_000;

const USAGE = "Usage: npm start -- [--data FOLDER] [--exporter-port PORT] [--scraper-port PORT]\n";
const OPTIONS = {
  data: { type: "string", default: "data" },
  "exporter-port": { type: "string", default: "8732" },
  "scraper-port": { type: "string", default: "8730" },
} as const;

interface Places {
  readonly dataFolder: string;
  readonly exporterPort: string;
  readonly scraperPort: string;
}

async function main(argv: readonly string[]): Promise<number> {
  const places = parsePlaces(argv);
  await refuseSecondStart(places);
  const tokenFile = await ensureToken(places.dataFolder);
  const exporter = startExporter(places, tokenFile);
  const scraper = startScraper(places, tokenFile);
  const children = { exporter, scraper };
  const outcome = await Promise.race([
    nextSignal(["SIGINT", "SIGTERM"]).then(() => "stopped" as const),
    exporter.ended.then((reason) => `Exporter ended early (${reason})`),
    scraper.ended.then((reason) => `Scraper ended early (${reason})`),
    announceWhenReady(places),
  ]);
  await stopAll(children);
  if (outcome === "stopped") return 0;
  writeErrorLine(`Cannot run both programs: ${outcome}`);
  return 1;
}

function parsePlaces(argv: readonly string[]): Places {
  const values = readOptions(argv, OPTIONS, USAGE);
  return {
    dataFolder: path.resolve(values.data),
    exporterPort: values["exporter-port"],
    scraperPort: values["scraper-port"],
  };
}

/** A program that already answers on a port would be taken for the one started here. */
async function refuseSecondStart({ exporterPort, scraperPort }: Places): Promise<void> {
  for (const [port, option] of [
    [exporterPort, "--exporter-port"],
    [scraperPort, "--scraper-port"],
  ] as const) {
    if (!(await answers(port))) continue;
    const detail = `a program already answers on port ${port}, stop it or choose another ${option}`;
    throw new BadInputError(`Cannot start: ${detail}`);
  }
}

/** The fleet token of both programs: created at the first start, readable by this user only. */
async function ensureToken(dataFolder: string): Promise<string> {
  const tokenFile = path.join(dataFolder, "fleet-token");
  await realFiles.makeFolder(dataFolder);
  if ((await realFiles.facts(tokenFile)) === undefined) {
    await realFiles.replace(tokenFile, `${randomBytes(32).toString("hex")}\n`, { mode: 0o600 });
  }
  return tokenFile;
}

function startExporter(
  { dataFolder, exporterPort, scraperPort }: Places,
  tokenFile: string,
): ChildProgram {
  return startNodeProgram({
    script: path.join(PROGRAMS, "exporter/program/main.js"),
    nodeFlags: EXPORTER_FLAGS,
    environment: ENVIRONMENT,
    args: [
      `--listen-address=127.0.0.1:${exporterPort}`,
      `--state=${path.join(dataFolder, "exporter")}`,
      `--master=http://127.0.0.1:${scraperPort}`,
      `--token-file=${tokenFile}`,
    ],
  });
}

function startScraper(
  { dataFolder, exporterPort, scraperPort }: Places,
  tokenFile: string,
): ChildProgram {
  return startNodeProgram({
    script: path.join(PROGRAMS, "scraper/program/main.js"),
    nodeFlags: SCRAPER_FLAGS,
    environment: ENVIRONMENT,
    args: [
      `--listen-address=127.0.0.1:${scraperPort}`,
      `--data=${dataFolder}`,
      `--exporter-port=${exporterPort}`,
      `--token-file=${tokenFile}`,
    ],
  });
}

/** Resolves with the reason when a program is not ready in time; otherwise never. */
async function announceWhenReady(places: Places): Promise<string> {
  const { dataFolder, exporterPort, scraperPort } = places;
  const untilMs = systemClock.monotonicMs() + READY_WITHIN_MS;
  for (const port of [exporterPort, scraperPort]) {
    while (!(await isReady(port))) {
      if (systemClock.monotonicMs() > untilMs)
        return `Nothing is ready on port ${port} after ${READY_WITHIN_MS / 1000}s`;
      await systemClock.sleep(200);
    }
  }
  writeText(
    [
      "",
      "pihealth is watching this machine.",
      `  metrics   http://127.0.0.1:${exporterPort}/metrics`,
      `  scraper   http://127.0.0.1:${scraperPort}/`,
      `  query     curl 'http://127.0.0.1:${scraperPort}/api/v1/query?query=pihealth_memory_used_ratio'`,
      `  data      ${path.join(dataFolder, "hosts/127.0.0.1")}`,
      `  logs      less ${path.join(dataFolder, "hosts/127.0.0.1/log/memory.log")}`,
      "Stop with Ctrl-C.",
      "",
    ].join("\n"),
  );
  return new Promise(() => undefined);
}

const isReady = async (port: string): Promise<boolean> => (await statusOf(port)) === 200;
const answers = async (port: string): Promise<boolean> => (await statusOf(port)) !== undefined;

/** Undefined while no program answers. */
async function statusOf(port: string): Promise<number | undefined> {
  try {
    const url = `http://127.0.0.1:${port}/-/ready`;
    return (await sendHttp({ url, timeoutMs: 2000, maxBodyBytes: 65_536 })).status;
  } catch {
    return undefined;
  }
}

async function stopAll(children: Readonly<Record<string, ChildProgram>>): Promise<void> {
  for (const child of Object.values(children)) child.stop("SIGTERM");
  const all = Promise.all(Object.values(children).map((child) => child.ended));
  const late = systemClock.sleep(STOP_WITHIN_MS).then(() => {
    for (const child of Object.values(children)) child.stop("SIGKILL");
  });
  await Promise.race([all, late.then(() => all)]);
}

process.exit(await runProgram(() => main(process.argv.slice(2))));
