/**
 * `pihealth get`: the current facts of a family as lines for people. They come from the exporter of
 * this or another machine, or, where no exporter runs here, from the collectors.
 */
import { NoDataError } from "../collectors/collector.js";
import { COLLECTORS } from "../collectors/registry.js";
import {
  DEFAULT_EXPORTER_PORT,
  loadExporterConfig,
  type ExporterConfig,
} from "../config/config.js";
import { collect } from "../sampling/sampling-loop.js";
import { parseExposition } from "../shared/codec/exposition/exposition-parser.js";
import { BadInputError, messageOf, PihealthError } from "../shared/model/errors.js";
import { FAMILIES, type Family } from "../shared/model/family.js";
import {
  FAMILY_DESCRIPTIONS,
  formatFamilyLines,
  type FamilyReading,
} from "../shared/model/human-lines.js";
import type { Sample } from "../shared/model/metric.js";
import { namedValue, SampleReading } from "../shared/model/sample-reading.js";
import type { Clock } from "../shared/platform/clock.js";
import type { Files } from "../shared/platform/files.js";
import type { SendHttp } from "../shared/platform/http/http-client.js";
import { createSources } from "../sources/sources.js";

export interface GetCommandParts {
  readonly clock: Clock;
  readonly files: Files;
  readonly sendHttp: SendHttp;
  readonly writeLine: (line: string) => void;
  /** Receives remarks, which are not part of the answer. */
  readonly writeNote: (line: string) => void;
}

export interface GetOptions {
  /** `host`, `host:port`, `[ipv6]:port` or a URL; undefined: this machine. */
  readonly host?: string | undefined;
  readonly config?: string | undefined;
}

const FETCH_LIMITS = { timeoutMs: 10_000, maxBodyBytes: 16_777_216 };
/** An exporter on this machine answers at once or does not run. */
const LOCAL_TIMEOUT_MS = 2000;
const OURS = "pihealth_exporter_build_info";
/** Families whose collectors fill fields in the line of another family. */
const ALSO_NEEDED: Partial<Record<Family, readonly Family[]>> = {
  system: ["memory", "cpu", "disk"],
};

export function listFamilies(writeLine: (line: string) => void): void {
  for (const family of FAMILIES) {
    const { summary, fields } = FAMILY_DESCRIPTIONS[family];
    writeLine(`${family.padEnd(11)}${summary}`);
    writeLine(`${" ".repeat(11)}${fields.join("  ")}`);
  }
  writeLine(`${"all".padEnd(11)}All of them, each line after the name of its family`);
}

/**
 * @param name a family, or `all`
 * @throws {BadInputError} when there is no such family or the host gives no metrics
 */
export async function getFamily(
  name: string,
  options: GetOptions,
  parts: GetCommandParts,
): Promise<void> {
  const families = name === "all" ? FAMILIES : FAMILIES.filter((family) => family === name);
  if (families.length === 0) {
    throw new BadInputError(
      `Cannot get "${name}": it is not a family, it must be one of ${FAMILIES.join(", ")}, all`,
    );
  }
  const reading =
    options.host === undefined
      ? await readHere(families, options, parts)
      : await readHost(options.host, parts);
  for (const family of families) {
    const lines = formatFamilyLines(family, asOfLastRun(family, reading));
    for (const line of lines)
      parts.writeLine(name === "all" ? `${family.padEnd(11)}${line}` : line);
    if (lines.length === 0 && name !== "all")
      parts.writeNote(`There is nothing to print about ${family}`);
  }
}

/** The reading with the time of its sampling, when the exporter exposes it. */
function asOfLastRun(family: Family, reading: FamilyReading): FamilyReading {
  const seconds = reading.value("pihealth_collector_last_success_timestamp_seconds", {
    collector: family,
  });
  if (seconds === undefined) return reading;
  return {
    timeMs: seconds * 1000,
    value: (metric, labels) => reading.value(metric, labels),
    series: (metric) => reading.series(metric),
  };
}

async function readHost(host: string, parts: GetCommandParts): Promise<FamilyReading> {
  const url = metricsUrl(host);
  try {
    return await fetchReading(url, FETCH_LIMITS, parts);
  } catch (error) {
    throw new BadInputError(`Cannot get metrics of "${host}": ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** Asks the exporter on this machine, or samples once when no exporter runs. */
async function readHere(
  families: readonly Family[],
  { config: configFile }: GetOptions,
  parts: GetCommandParts,
): Promise<FamilyReading> {
  const config = await loadExporterConfig(configFile, parts.files, COLLECTORS);
  const { address, port } = config.listen;
  const host = address === "0.0.0.0" || address === "::" ? "127.0.0.1" : address;
  const url = metricsUrl(`${host.includes(":") ? `[${host}]` : host}:${port}`);
  try {
    const reading = await fetchReading(
      url,
      { ...FETCH_LIMITS, timeoutMs: LOCAL_TIMEOUT_MS },
      parts,
    );
    if (reading.value(OURS) !== undefined) return reading;
  } catch (error) {
    // A PihealthError: no pihealth exporter answers.
    if (!(error instanceof PihealthError)) throw error;
  }
  return sampleOnce(families, config, parts);
}

/** @param host `pi4`, `pi4:8732`, `[::1]:8732` or a URL, whose path replaces `/metrics` */
export function metricsUrl(host: string): string {
  const isUrl = /^https?:\/\//.test(host);
  const hasPort = /:\d+$/.test(host.replace(/^\[[^\]]*\]/, ""));
  const text = isUrl ? host : `http://${host}${hasPort ? "" : `:${DEFAULT_EXPORTER_PORT}`}`;
  if (!URL.canParse(text)) {
    throw new BadInputError(
      `Cannot ask "${host}": it is not a host, it must be like pi4 or http://pi4:8732/metrics`,
    );
  }
  const url = new URL(text);
  if (url.pathname === "/") url.pathname = "/metrics";
  return url.href;
}

async function fetchReading(
  url: string,
  limits: typeof FETCH_LIMITS,
  parts: GetCommandParts,
): Promise<FamilyReading> {
  const response = await parts.sendHttp({ url, ...limits });
  if (response.status !== 200) {
    throw new BadInputError(
      `Cannot fetch "${url}": it answers status ${response.status}, it must be 200`,
    );
  }
  const { samples } = parseExposition(response.body, response.headers["content-type"]);
  return new SampleReading(parts.clock.wallMs(), samples.map(namedValue));
}

async function sampleOnce(
  families: readonly Family[],
  config: ExporterConfig,
  parts: GetCommandParts,
): Promise<FamilyReading> {
  const { clock, files } = parts;
  const needed = new Set(families.flatMap((family) => [family, ...(ALSO_NEEDED[family] ?? [])]));
  const sources = createSources({ clock, files, paths: config.paths });
  const entries = COLLECTORS.filter(({ family }) => family !== undefined && needed.has(family));
  const sampled = entries.map(async ({ name, create }): Promise<Sample[]> => {
    const deadline = new AbortController();
    try {
      return await collect(create(sources, config.collectorSettings), deadline.signal);
    } catch (error) {
      if (!(error instanceof NoDataError))
        parts.writeNote(`Cannot sample ${name}: ${messageOf(error)}`);
      return [];
    }
  });
  const samples = (await Promise.all(sampled)).flat();
  const values = samples.map(({ metric, labels, value }) => ({
    name: metric.name,
    labels,
    value,
  }));
  return new SampleReading(clock.wallMs(), values);
}
