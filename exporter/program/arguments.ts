import type { ExporterConfig } from "../config/config.js";
import { parseLogLevel, readOptions } from "../shared/config/program-options.js";
import { UsageError } from "../shared/model/errors.js";
import type { LogLevel } from "../shared/platform/logger.js";
import { resolveSourcePath, type SourcePaths } from "../sources/sources.js";
import { parseMasterUrl } from "../uplink/master-url.js";

/** The options of the command line; undefined where an option is not given. */
export interface ExporterArguments {
  readonly help: boolean;
  readonly config: string | undefined;
  readonly listen:
    { readonly address: string | undefined; readonly port: number | undefined } | undefined;
  readonly stateFolder: string | undefined;
  readonly masters: readonly string[] | undefined;
  readonly tokenFile: string | undefined;
  readonly logLevel: LogLevel | undefined;
  readonly webConfigFile: string | undefined;
  /** Absolute. */
  readonly paths: Partial<SourcePaths>;
}

export const EXPORTER_USAGE = `Usage: pihealth exporter [options]

Samples this machine and serves its metrics. Options win over the configuration file.

  --config FILE           configuration (default /etc/pihealth/exporter.yml, where it exists)
  --listen-address ADDR   address:port, :port or address (default 0.0.0.0:8732)
  --state FOLDER          state folder (default /var/lib/pihealth-exporter)
  --master ADDR           master to report to, such as http://pi1:8730; may be given several times
  --token-file FILE       the fleet token
  --web-config-file FILE  TLS and basic authentication, as the Prometheus exporter-toolkit reads it
  --path.procfs FOLDER    /proc of the watched machine (default /proc)
  --path.sysfs FOLDER     /sys of the watched machine (default /sys)
  --path.rootfs FOLDER    / of the watched machine (default /)
  --log-level LEVEL       error, warn, info or debug (default info)
  --help                  this text
`;

const OPTIONS = {
  help: { type: "boolean", short: "h", default: false },
  config: { type: "string" },
  "listen-address": { type: "string" },
  state: { type: "string" },
  master: { type: "string", multiple: true },
  "token-file": { type: "string" },
  "web-config-file": { type: "string" },
  "path.procfs": { type: "string" },
  "path.sysfs": { type: "string" },
  "path.rootfs": { type: "string" },
  "log-level": { type: "string" },
} as const;

/** @throws {UsageError} when an option is unknown or its value is not acceptable */
export function parseExporterArguments(argv: readonly string[]): ExporterArguments {
  const values = readOptions(argv, OPTIONS, EXPORTER_USAGE);
  const listenAddress = values["listen-address"];
  return {
    help: values.help,
    config: values.config,
    listen: listenAddress === undefined ? undefined : parseListenAddress(listenAddress),
    stateFolder: values.state,
    masters: values.master?.map(parseMasterUrl),
    tokenFile: values["token-file"],
    logLevel: parseLogLevel(values["log-level"], EXPORTER_USAGE),
    webConfigFile: values["web-config-file"],
    paths: {
      ...givenPath("procfs", values["path.procfs"]),
      ...givenPath("sysfs", values["path.sysfs"]),
      ...givenPath("rootfs", values["path.rootfs"]),
    },
  };
}

const givenPath = (key: keyof SourcePaths, folder: string | undefined): Partial<SourcePaths> =>
  folder === undefined ? {} : { [key]: resolveSourcePath(folder) };

/** The configuration, with the options of the command line in place of its keys. */
export function withArguments(config: ExporterConfig, given: ExporterArguments): ExporterConfig {
  const { listen, uplink } = config;
  return Object.freeze({
    ...config,
    listen: {
      address: given.listen?.address ?? listen.address,
      port: given.listen?.port ?? listen.port,
    },
    stateFolder: given.stateFolder ?? config.stateFolder,
    uplink: {
      ...uplink,
      masters: given.masters ?? uplink.masters,
      tokenFile: given.tokenFile ?? uplink.tokenFile,
    },
    logLevel: given.logLevel ?? config.logLevel,
    webConfigFile: given.webConfigFile ?? config.webConfigFile,
    paths: { ...config.paths, ...given.paths },
  });
}

/** `1.2.3.4:8732`, `[::1]:8732`, `:8732`, `1.2.3.4` or `[::1]`. */
export function parseListenAddress(text: string): {
  address: string | undefined;
  port: number | undefined;
} {
  const match = /^(?:\[([^[\]]*)\]|([^:[\]]*))(?::(\d{1,5}))?$/.exec(text);
  const address = match?.[1] ?? match?.[2];
  const port = match?.[3] === undefined ? undefined : Number(match[3]);
  if (match === null || text === "" || (port ?? 0) > 65_535) {
    throw new UsageError(
      `Cannot listen on "${text}": it is not an address, it must be like 0.0.0.0:8732 or [::]:8732`,
      EXPORTER_USAGE,
    );
  }
  return { address: address === "" ? undefined : address, port };
}
