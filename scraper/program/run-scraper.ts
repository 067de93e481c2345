import { writeLogLine, writeText } from "../../exporter/shared/platform/terminal.js";
import path from "node:path";
import { systemClock } from "../../exporter/shared/platform/clock.js";
import { realFiles } from "../../exporter/shared/platform/real-files.js";
import { sendHttp } from "../../exporter/shared/platform/http/http-client.js";
import { createLogger, type Logger } from "../../exporter/shared/platform/logger.js";
import { isUnderJournald, onSignal } from "../../exporter/shared/platform/process.js";
import { resolveHost } from "../../exporter/shared/platform/resolve-host.js";
import { runProgram, runService } from "../../exporter/shared/platform/run-program.js";
import { programVersion } from "../../exporter/shared/platform/version.js";
import { type ScraperApp, startScraper } from "../app/app.js";
import {
  parseScraperArguments,
  SCRAPER_USAGE,
  type ScraperArguments,
  withArguments,
} from "./arguments.js";
import { loadScraperConfig, parseScraperConfig, type ScraperConfig } from "../config/config.js";
import { defaultConfigText, INSTALLED_RULES } from "../config/default-config.js";
import { LogFile } from "./log-file.js";
import { showProbeProgress } from "./probe-progress.js";

/** A quarter of WatchdogSec in pihealthd.service. */
const WATCHDOG_INTERVAL_MS = 30_000;
const STOP_WITHIN_MS = 25_000;

/**
 * Runs the scraper: command line, configuration, service until a signal.
 *
 * @returns the exit code
 */
export function runScraper(argv: readonly string[]): Promise<number> {
  return runProgram(async () => {
    const given = parseScraperArguments(argv);
    if (given.help) {
      writeText(SCRAPER_USAGE);
      return 0;
    }
    return serve(given, await loadConfig(given));
  });
}

async function loadConfig(given: ScraperArguments): Promise<ScraperConfig> {
  if (given.config !== undefined)
    return withArguments(await loadScraperConfig(given.config, realFiles), given);
  const text = defaultConfigText({
    dataFolder: path.resolve(given.dataFolder ?? "data"),
    rulePatterns: [INSTALLED_RULES],
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
      writeLogLine(line);
      logFile?.write(line);
    },
    journald: isUnderJournald(),
  });
  try {
    return await runService({
      log,
      watchdogIntervalMs: WATCHDOG_INTERVAL_MS,
      stopWithinMs: STOP_WITHIN_MS,
      start: () => start(given, config, log),
    });
  } finally {
    await logFile?.flush();
  }
}

async function start(
  given: ScraperArguments,
  config: ScraperConfig,
  log: Logger,
): Promise<Pick<ScraperApp, "stop">> {
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
    onProbeProgress: progress.show,
  });
  // The app logs the error and keeps the old configuration.
  onSignal("SIGHUP", () => void app.reload().catch(() => undefined));
  return {
    async stop() {
      progress.end();
      await app.stop();
    },
  };
}
