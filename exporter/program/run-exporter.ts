import { writeLogLine, writeText } from "../shared/platform/terminal.js";
import { startExporter, type ExporterApp } from "../app/app.js";
import {
  EXPORTER_USAGE,
  parseExporterArguments,
  withArguments,
  type ExporterArguments,
} from "./arguments.js";
import { COLLECTORS } from "../collectors/registry.js";
import { loadExporterConfig, type ExporterConfig } from "../config/config.js";
import { readFleetToken } from "../shared/codec/fleet-token.js";
import { messageOf } from "../shared/model/errors.js";
import { systemClock } from "../shared/platform/clock.js";
import { resolveHost } from "../shared/platform/resolve-host.js";
import { realFiles } from "../shared/platform/real-files.js";
import { createLogger, type Logger } from "../shared/platform/logger.js";
import { hostName, isUnderJournald, onSignal } from "../shared/platform/process.js";
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
      writeText(EXPORTER_USAGE);
      return 0;
    }
    const config = await loadConfig(given);
    // A person typed this name, and sees the error.
    if (given.tokenFile !== undefined) await readFleetToken(given.tokenFile, realFiles);
    return serve(config, given);
  });
}

const loadConfig = async (given: ExporterArguments): Promise<ExporterConfig> =>
  withArguments(await loadExporterConfig(given.config, realFiles, COLLECTORS), given);

/** SIGHUP reads the configuration again and restarts the parts of the exporter with it. */
function serve(config: ExporterConfig, given: ExporterArguments): Promise<number> {
  const log = createLog(config);
  let app: ExporterApp | undefined;
  let work: Promise<void> = Promise.resolve();
  let reject: (error: unknown) => void = () => undefined;
  const failed = new Promise<never>((_, rejectFailed) => (reject = rejectFailed));
  let running = config;
  const reload = async (): Promise<void> => {
    if (app === undefined) return; // Stopped, or not started yet.
    const next = await loadConfig(given).catch((error: unknown) => {
      log.error("Cannot reload the configuration: the previous one stays in force", {
        error: messageOf(error),
      });
      return undefined;
    });
    if (next === undefined) return;
    await app.stop();
    try {
      app = await start(next);
      running = next;
      createLog(running).info("Configuration reloaded");
    } catch (error) {
      log.error("Cannot start with the new configuration: the previous one is used again", {
        error: messageOf(error),
      });
      app = await start(running);
    }
  };
  onSignal("SIGHUP", () => {
    work = work.then(reload).catch(reject);
  });
  return Promise.race([
    failed,
    runService({
      log,
      watchdogIntervalMs: WATCHDOG_INTERVAL_MS,
      stopWithinMs: STOP_WITHIN_MS,
      async start() {
        app = await start(config);
        return {
          async stop() {
            await work;
            await app?.stop();
          },
        };
      },
    }),
  ]);
}

function start(config: ExporterConfig): Promise<ExporterApp> {
  const log = createLog(config);
  const { caFile } = config.uplink;
  return startExporter(config, {
    clock: systemClock,
    files: realFiles,
    sendHttp: createLazyHttp({
      caFile,
      listenAddress: config.listen.address,
      files: realFiles,
    }),
    resolveHost,
    log,
    hostname: hostName(),
    version: programVersion(),
    random: Math.random,
  });
}

const createLog = ({ logLevel }: ExporterConfig): Logger =>
  createLogger({
    level: logLevel,
    wallMs: () => systemClock.wallMs(),
    write: writeLogLine,
    journald: isUnderJournald(),
  });
