import path from "node:path";
import { fileURLToPath } from "node:url";
import { messageOf, PihealthError } from "../../exporter/shared/model/errors.js";
import { systemClock } from "../../exporter/shared/platform/clock.js";
import { realFiles } from "../../exporter/shared/platform/files.js";
import { sendHttp } from "../../exporter/shared/platform/http/http-client.js";
import { createLogger, type Logger } from "../../exporter/shared/platform/logger.js";
import {
  isUnderJournald,
  nextSignal,
  notifySystemd,
  onSignal,
} from "../../exporter/shared/platform/process.js";
import { resolveHost } from "../../exporter/shared/platform/resolver.js";
import { programVersion } from "../../exporter/shared/platform/version.js";
import { type ScraperApp, startScraper } from "../app/app.js";
import {
  parseScraperArguments,
  SCRAPER_USAGE,
  type ScraperArguments,
  withArguments,
} from "./arguments.js";
import { loadScraperConfig, parseScraperConfig, type ScraperConfig } from "../config/config.js";
import { defaultConfigText } from "../config/default-config.js";
import { LogFile } from "./log-file.js";
import { showProbeProgress } from "./probe-progress.js";

const WATCHDOG_INTERVAL_MS = 30_000;
const STOP_WITHIN_MS = 25_000;
/** The folder of package.json, seen from the compiled program. */
const INSTALLATION = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../..");

/**
 * The scraper from its command line to its end.
 *
 * @returns the exit code
 */
export async function runScraper(argv: readonly string[]): Promise<number> {
  try {
    const given = parseScraperArguments(argv);
    if (given.help) {
      process.stdout.write(SCRAPER_USAGE);
      return 0;
    }
    return await serve(given, await loadConfig(given));
  } catch (error) {
    if (!(error instanceof PihealthError)) throw error;
    process.stderr.write(`${messageOf(error)}\n`);
    return 1;
  }
}

async function loadConfig(given: ScraperArguments): Promise<ScraperConfig> {
  if (given.config !== undefined)
    return withArguments(await loadScraperConfig(given.config, realFiles), given);
  const text = defaultConfigText({
    dataFolder: path.resolve(given.dataFolder ?? "data"),
    rulePatterns: [path.join(INSTALLATION, "rules/*.yml")],
    ...(given.exporterPort === undefined ? {} : { exporterPort: given.exporterPort }),
    ...(given.tokenFile === undefined ? {} : { tokenFile: path.resolve(given.tokenFile) }),
    ...(given.listen === undefined ? {} : { listenAddress: given.listen.host }),
    ...(given.listen?.port === undefined ? {} : { port: given.listen.port }),
  });
  return withArguments(await parseScraperConfig(text, "embedded defaults", realFiles), given);
}

async function serve(given: ScraperArguments, config: ScraperConfig): Promise<number> {
  const logFile =
    config.log.file === undefined
      ? undefined
      : new LogFile(config.log.file, realFiles, systemClock);
  const log = createLogger({
    level: config.log.level,
    wallMs: () => systemClock.wallMs(),
    write: (line) => {
      process.stderr.write(`${line}\n`);
      logFile?.write(line);
    },
    journald: isUnderJournald(),
  });
  const stopSignal = nextSignal(["SIGTERM", "SIGINT"]);
  const progress = showProbeProgress(process.stderr);
  const app = await startScraper(config, {
    clock: systemClock,
    files: realFiles,
    sendHttp,
    resolveHost,
    log,
    version: programVersion(),
    random: Math.random,
    workingFolder: process.cwd(),
    loadConfig: () => loadConfig(given),
    onProgress: progress.show,
  });
  onSignal("SIGHUP", () => void app.reload().catch(() => undefined)); // The app logs why; the old configuration stays.
  notifySystemd("READY=1");
  const watchdog = new AbortController();
  const watched = callWatchdog(watchdog.signal);
  log.info("Stopping", { signal: await stopSignal });
  notifySystemd("STOPPING=1");
  watchdog.abort();
  progress.end();
  const succeeded = await stopInTime(app, log);
  await watched;
  await logFile?.flush();
  return succeeded ? 0 : 1;
}

async function stopInTime(app: ScraperApp, log: Logger): Promise<boolean> {
  const isLate = systemClock.sleep(STOP_WITHIN_MS).then(() => true);
  if (!(await Promise.race([app.stop().then(() => false), isLate]))) return true;
  log.error("Cannot stop in time: the rest is cut off", { seconds: STOP_WITHIN_MS / 1000 });
  return false;
}

async function callWatchdog(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    notifySystemd("WATCHDOG=1");
    await systemClock.sleep(WATCHDOG_INTERVAL_MS, signal).catch(() => undefined); // Aborted: the loop ends.
  }
}
