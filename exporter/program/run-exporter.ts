import { startExporter } from "../app/app.js";
import { EXPORTER_USAGE, parseExporterArguments, withArguments } from "./arguments.js";
import { COLLECTORS } from "../collectors/registry.js";
import { loadExporterConfig, type ExporterConfig } from "../config/config.js";
import { systemClock } from "../shared/platform/clock.js";
import { resolveHost } from "../shared/platform/resolve-host.js";
import { realFiles } from "../shared/platform/real-files.js";
import { createLogger } from "../shared/platform/logger.js";
import { hostName, isUnderJournald } from "../shared/platform/process.js";
import { runProgram, runService } from "../shared/platform/run-program.js";
import { createLazyHttp } from "../uplink/lazy-http.js";
import { programVersion } from "../shared/platform/version.js";

/** A third of WatchdogSec in pihealth-exporter.service. */
const WATCHDOG_INTERVAL_MS = 60_000;
const STOP_WITHIN_MS = 10_000;

/**
 * Runs the exporter: command line, configuration, service until a signal.
 *
 * @returns the exit code
 */
export function runExporter(argv: readonly string[]): Promise<number> {
  return runProgram(async () => {
    const given = parseExporterArguments(argv);
    if (given.help) {
      process.stdout.write(EXPORTER_USAGE);
      return 0;
    }
    const config = await loadExporterConfig(given.config, realFiles, COLLECTORS);
    return serve(withArguments(config, given));
  });
}

function serve(config: ExporterConfig): Promise<number> {
  const log = createLogger({
    level: config.logLevel,
    wallMs: () => systemClock.wallMs(),
    write: (line) => process.stderr.write(`${line}\n`),
    journald: isUnderJournald(),
  });
  return runService({
    log,
    watchdogIntervalMs: WATCHDOG_INTERVAL_MS,
    stopWithinMs: STOP_WITHIN_MS,
    start: async () =>
      startExporter(config, {
        clock: systemClock,
        files: realFiles,
        sendHttp: await createLazyHttp(config.uplink.caFile, realFiles),
        resolveHost,
        log,
        hostname: hostName(),
        version: programVersion(),
        random: Math.random,
      }),
  });
}
