import path from "node:path";
import { fileURLToPath } from "node:url";
import { renderYaml } from "../../exporter/shared/config/yaml-source.js";
import { DEFAULT_SCRAPER_PORT } from "./config-sections.js";
import { DEFAULT_EXPORTER_PORT } from "../discovery/scrape-job-config.js";

/** The rules that are installed together with the program. */
export const INSTALLED_RULES = path.resolve(
  path.dirname(fileURLToPath(import.meta.url)),
  "../../../rules/*.yml",
);

export interface DefaultConfigOptions {
  readonly dataFolder: string;
  /** Rule files of the installation, such as `/opt/pihealth/rules/*.yml`. */
  readonly rulePatterns: readonly string[];
  readonly exporterPort?: number;
  readonly tokenFile?: string;
  readonly listenAddress?: string;
  readonly port?: number;
}

/**
 * The configuration of a scraper without a file: it watches the exporter of its machine and itself.
 */
export function defaultConfigText(options: DefaultConfigOptions): string {
  const { dataFolder, rulePatterns, tokenFile, listenAddress = "127.0.0.1", port } = options;
  return renderYaml({
    scrape_configs: [
      {
        job_name: "pi",
        range_sd_configs: [
          { hosts: ["127.0.0.1"], port: options.exporterPort ?? DEFAULT_EXPORTER_PORT },
        ],
      },
      // For the dashboard of the scraper.
      {
        job_name: "pihealth",
        static_configs: [{ targets: [ownAddress(listenAddress, port ?? DEFAULT_SCRAPER_PORT)] }],
      },
    ],
    rule_files: rulePatterns,
    storage: { path: dataFolder },
    // A newcomer looks at the logs within a minute.
    host_logs: { max_wait: "30s" },
    ...(tokenFile === undefined ? {} : { fleet: { token_file: tokenFile } }),
    // The exporter may start a moment after the scraper, so it is probed again soon.
    discovery: { retry_first: "5s", retry_last: "1m" },
    web: { listen_address: listenAddress, ...(port === undefined ? {} : { port }) },
  });
}

/** Address at which a program with this listen address reaches itself. */
function ownAddress(listenAddress: string, port: number): string {
  if (listenAddress === "0.0.0.0") return `127.0.0.1:${port}`;
  if (listenAddress === "::") return `[::1]:${port}`;
  return listenAddress.includes(":") ? `[${listenAddress}]:${port}` : `${listenAddress}:${port}`;
}
