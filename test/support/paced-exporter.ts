/**
 * The real exporter on a clock with the pace of a rig.
 *
 * Usage: node paced-exporter.js PACE-FILE BOOT-FILE [options of the exporter]
 */
import { readFileSync } from "node:fs";
import { startExporter } from "../../exporter/app/app.js";
import { parseExporterArguments, withArguments } from "../../exporter/program/arguments.js";
import { COLLECTORS } from "../../exporter/collectors/registry.js";
import { loadExporterConfig } from "../../exporter/config/config.js";
import { resolveHost } from "../../exporter/shared/platform/resolve-host.js";
import { realFiles } from "../../exporter/shared/platform/real-files.js";
import { JsonFields } from "../../exporter/shared/codec/json-fields.js";
import { createLogger } from "../../exporter/shared/platform/logger.js";
import { createLazyHttp } from "../../exporter/uplink/lazy-http.js";
import { PacedClock } from "./paced-clock.js";

/** Content of the boot file: this boot of the simulated machine. */
export interface RigBoot {
  readonly bootId: string;
  /** Time of the rig at which the machine was switched on. */
  readonly zeroMs: number;
}

const [paceFile = "", bootFile = "", ...argv] = process.argv.slice(2);
const clock = new PacedClock(paceFile, true);
const boot = JsonFields.parse(readFileSync(bootFile, "utf8"), "boot file");
const [bootId, zeroMs] = [boot.text("bootId"), boot.number("zeroMs")];
const given = parseExporterArguments(argv);
const config = withArguments(await loadExporterConfig(given.config, realFiles, COLLECTORS), given);
await startExporter(config, {
  clock,
  files: realFiles,
  sendHttp: createLazyHttp({
    caFile: undefined,
    listenAddress: config.listen.address,
    files: realFiles,
  }),
  resolveHost,
  log: createLogger({
    level: config.logLevel,
    wallMs: () => clock.trueMs(),
    write: (line) => process.stderr.write(`${line}\n`),
    journald: false,
  }),
  hostname: "rig",
  version: "0.0.0",
  random: Math.random,
  boot: { bootId, bootMs: () => clock.trueMs() - zeroMs },
});
