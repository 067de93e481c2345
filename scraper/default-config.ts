import { renderYaml } from "../exporter/shared/config/render-yaml.js";
import { DEFAULT_EXPORTER_PORT } from "./discovery/scrape-job-config.js";

export interface DefaultConfigOptions {
  readonly dataFolder: string;
  /** Rule files of the installation, such as `/opt/pihealth/rules/*.yml`. */
  readonly rulePatterns: readonly string[];
  readonly exporterPort?: number;
  readonly tokenFile?: string;
  readonly listenAddress?: string;
  readonly port?: number;
}

/** The configuration of a scraper that was given none: it watches the exporter of its own machine. */
export function defaultConfigText(options: DefaultConfigOptions): string {
  const { dataFolder, rulePatterns, tokenFile, listenAddress = "127.0.0.1", port } = options;
  return renderYaml({
    scrape_configs: [
      {
        job_name: "pi",
        range_sd_configs: [{ hosts: ["127.0.0.1"], port: options.exporterPort ?? DEFAULT_EXPORTER_PORT }],
      },
    ],
    rule_files: rulePatterns,
    storage: { path: dataFolder },
    // Who tries it out looks for the logs soon.
    host_logs: { max_wait: "30s" },
    ...(tokenFile === undefined ? {} : { fleet: { token_file: tokenFile } }),
    // The exporter may start a moment later than the scraper: it is looked for again soon.
    discovery: { retry_first: "5s", retry_last: "1m" },
    web: { listen_address: listenAddress, ...(port === undefined ? {} : { port }) },
  });
}
