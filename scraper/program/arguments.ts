import path from "node:path";
import { parseLogLevel, readOptions } from "../../exporter/shared/config/program-options.js";
import { UsageError } from "../../exporter/shared/model/errors.js";
import type { LogLevel } from "../../exporter/shared/platform/logger.js";
import type { ScraperConfig } from "../config/config.js";
import { parseHostPort } from "../fleet/ip-address.js";

/** The options of the command line; undefined where an option is not given. */
export interface ScraperArguments {
  readonly help: boolean;
  readonly config: string | undefined;
  readonly dataFolder: string | undefined;
  readonly listen: { readonly host: string; readonly port: number | undefined } | undefined;
  readonly tokenFile: string | undefined;
  readonly exporterPort: number | undefined;
  readonly logLevel: LogLevel | undefined;
}

export const SCRAPER_USAGE = `Usage: pihealthd [options]

Finds exporters, stores their metrics, evaluates rules and sends mail. Options win over the configuration file.

  --config FILE           configuration; without one pihealthd watches this machine with the shipped rules
  --data FOLDER           data folder (default ./data without a configuration file)
  --listen-address ADDR   address:port to answer on (default 127.0.0.1:8730, with a fleet token 0.0.0.0:8730)
  --token-file FILE       the fleet token; heartbeats and pushed alarms are refused without it
  --exporter-port PORT    port of the exporter of this machine, without a configuration file (default 8732)
  --log-level LEVEL       error, warn, info or debug (default info)
  --help                  this text
`;

const OPTIONS = {
  help: { type: "boolean", short: "h", default: false },
  config: { type: "string" },
  data: { type: "string" },
  "listen-address": { type: "string" },
  "token-file": { type: "string" },
  "exporter-port": { type: "string" },
  "log-level": { type: "string" },
} as const;

/** @throws {UsageError} when an option is unknown or its value is not acceptable */
export function parseScraperArguments(argv: readonly string[]): ScraperArguments {
  const values = readOptions(argv, OPTIONS, SCRAPER_USAGE);
  const address = values["listen-address"];
  return {
    help: values.help,
    config: values.config,
    dataFolder: values.data,
    listen: address === undefined ? undefined : parseListenAddress(address),
    tokenFile: values["token-file"],
    exporterPort:
      values["exporter-port"] === undefined ? undefined : parsePort(values["exporter-port"]),
    logLevel: parseLogLevel(values["log-level"], SCRAPER_USAGE),
  };
}

/** The configuration, with the options of the command line in place of its keys. */
export function withArguments(config: ScraperConfig, given: ScraperArguments): ScraperConfig {
  const { storage, web, fleet, log } = config;
  return Object.freeze({
    ...config,
    storage: {
      ...storage,
      path: given.dataFolder === undefined ? storage.path : path.resolve(given.dataFolder),
    },
    web: {
      ...web,
      listenAddress: given.listen?.host ?? web.listenAddress,
      port: given.listen?.port ?? web.port,
    },
    fleet: {
      ...fleet,
      tokenFile: given.tokenFile === undefined ? fleet.tokenFile : path.resolve(given.tokenFile),
    },
    log: { ...log, level: given.logLevel ?? log.level },
  });
}

function parseListenAddress(text: string): { host: string; port: number | undefined } {
  const address = parseHostPort(text);
  if (address === undefined) {
    throw new UsageError(
      `Cannot listen on "${text}": it is not an address, it must be like 0.0.0.0:8730 or [::]:8730`,
      SCRAPER_USAGE,
    );
  }
  return address;
}

function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port >= 1 && port <= 65_535) return port;
  throw new UsageError(
    `Cannot use port "${text}": it must be a whole number from 1 to 65535`,
    SCRAPER_USAGE,
  );
}
