/**
 * The real scraper on a clock with the pace of a rig.
 *
 * Usage: node paced-scraper.js PACE-FILE [options of the scraper]
 */
import { realFiles } from "../../exporter/shared/platform/real-files.js";
import { sendHttp } from "../../exporter/shared/platform/http/http-client.js";
import { createLogger } from "../../exporter/shared/platform/logger.js";
import { resolveHost } from "../../exporter/shared/platform/resolve-host.js";
import { startScraper } from "../../scraper/app/app.js";
import { parseScraperArguments, withArguments } from "../../scraper/program/arguments.js";
import { loadScraperConfig } from "../../scraper/config/config.js";
import { PacedClock } from "./paced-clock.js";

const [paceFile = "", ...argv] = process.argv.slice(2);
const clock = new PacedClock(paceFile, false);
const given = parseScraperArguments(argv);
const loadConfig = async () =>
  withArguments(await loadScraperConfig(given.config ?? "", realFiles), given);
const config = await loadConfig();
await startScraper(config, {
  clock,
  files: realFiles,
  sendHttp,
  resolveHost,
  loadConfig,
  log: createLogger({
    level: config.log.level,
    wallMs: () => clock.wallMs(),
    write: (line) => process.stderr.write(`${line}\n`),
    journald: false,
  }),
  version: "0.0.0",
  random: Math.random,
  workingFolder: process.cwd(),
});
