import { startExporter } from "../app/app.js";
import { EXPORTER_USAGE, parseExporterArguments, withArguments } from "./arguments.js";
import { COLLECTORS } from "../collectors/registry.js";
import { loadExporterConfig } from "../config/config.js";
import { messageOf, PihealthError } from "../shared/model/errors.js";
import { systemClock } from "../shared/platform/clock.js";
import { realFiles } from "../shared/platform/files.js";
import { createLogger } from "../shared/platform/logger.js";
import {
  hostName,
  isNotifyService,
  isUnderJournald,
  nextSignal,
  notifySystemd,
} from "../shared/platform/process.js";
import { createLazyHttp } from "../uplink/lazy-http.js";
import { programVersion } from "../shared/platform/version.js";

/**
 * The service manager restarts an exporter that has not called for three of these (WatchdogSec in
 * the unit). Each call is a child process, so they are few.
 */
const WATCHDOG_INTERVAL_MS = 60_000;
const STOP_WITHIN_MS = 10_000;

/**
 * The exporter from its command line to its end.
 *
 * @returns the exit code
 */
export async function runExporter(argv: readonly string[]): Promise<number> {
  try {
    const given = parseExporterArguments(argv);
    if (given.help) {
      process.stdout.write(EXPORTER_USAGE);
      return 0;
    }
    const config = withArguments(
      await loadExporterConfig(given.config, realFiles, COLLECTORS),
      given,
    );
    return await serve(config);
  } catch (error) {
    if (!(error instanceof PihealthError)) throw error;
    process.stderr.write(`${messageOf(error)}\n`);
    return 1;
  }
}

async function serve(config: Parameters<typeof startExporter>[0]): Promise<number> {
  const log = createLogger({
    level: config.logLevel,
    wallMs: () => systemClock.wallMs(),
    write: (line) => process.stderr.write(`${line}\n`),
    journald: isUnderJournald(),
  });
  const stopSignal = nextSignal(["SIGTERM", "SIGINT"]);
  const app = await startExporter(config, {
    clock: systemClock,
    files: realFiles,
    sendHttp: await createLazyHttp(config.uplink.caFile, realFiles),
    log,
    hostname: hostName(),
    version: programVersion(),
    random: Math.random,
  });
  notifySystemd("READY=1");
  const watchdog = new AbortController();
  const watched = callWatchdog(watchdog.signal);
  log.info("Stopping", { signal: await stopSignal });
  notifySystemd("STOPPING=1");
  watchdog.abort();
  const isLate = systemClock.sleep(STOP_WITHIN_MS).then(() => true);
  if (await Promise.race([Promise.all([app.stop(), watched]).then(() => false), isLate])) {
    log.error("Cannot stop in time: the rest is cut off", { seconds: STOP_WITHIN_MS / 1000 });
    return 1;
  }
  return 0;
}

async function callWatchdog(signal: AbortSignal): Promise<void> {
  if (!isNotifyService()) return;
  while (!signal.aborted) {
    notifySystemd("WATCHDOG=1");
    // Aborted: the loop ends.
    await systemClock.sleep(WATCHDOG_INTERVAL_MS, signal).catch(() => undefined);
  }
}
