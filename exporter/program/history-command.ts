/**
 * `pihealth history`: the history that the exporter keeps on this machine, for people or as
 * OpenMetrics.
 */
import path from "node:path";
import { COLLECTORS } from "../collectors/registry.js";
import { loadExporterConfig } from "../config/config.js";
import { exportOpenMetrics } from "../history/open-metrics-export.js";
import { familyLines } from "../history/history-lines.js";
import { StoredHistory } from "../history/stored-history.js";
import { HISTORY_FOLDER } from "../app/history-wiring.js";
import { metricsCatalogue } from "../app/metrics-catalogue.js";
import { parseDurationMs } from "../shared/model/duration.js";
import { BadInputError, messageOf } from "../shared/model/errors.js";
import { FAMILIES, type Family } from "../shared/model/family.js";
import type { Clock } from "../shared/platform/clock.js";
import type { Files } from "../shared/platform/files.js";
import { createSources } from "../sources/sources.js";

export interface HistoryCommandParts {
  readonly clock: Clock;
  readonly files: Files;
  /** Resolves when the text is written. */
  readonly write: (text: string) => Promise<void>;
  /** Receives remarks, which are not part of the answer. */
  readonly writeNote: (line: string) => void;
}

export interface HistoryOptions {
  /** Such as `2h`; undefined: one hour for people, everything for an export. */
  readonly since?: string | undefined;
  readonly config?: string | undefined;
  /** State folder, instead of the configured one. */
  readonly state?: string | undefined;
}

const DEFAULT_SINCE = "1h";

/**
 * Prints the lines of one family, or of all families with the name of the family first.
 *
 * @throws {BadInputError} when there is no such family or no history
 */
export async function printHistory(
  name: string | undefined,
  options: HistoryOptions,
  parts: HistoryCommandParts,
): Promise<void> {
  const families = familiesOf(name);
  const since = options.since ?? DEFAULT_SINCE;
  const sinceMs = parts.clock.wallMs() - parseDurationMs(since);
  const { history } = await openStored(options, parts);
  let lines = 0;
  for await (const { family, line } of familyLines(history, { families, sinceMs })) {
    lines++;
    await parts.write(families.length > 1 ? `${family.padEnd(11)}${line}\n` : `${line}\n`);
  }
  if (lines === 0) parts.writeNote(`The history has no samples of the last ${since}`);
}

/**
 * Writes the history as OpenMetrics.
 *
 * @throws {BadInputError} when there is no history
 */
export async function exportHistory(
  options: HistoryOptions,
  parts: HistoryCommandParts,
): Promise<void> {
  const { clock, files, write, writeNote } = parts;
  const sinceMs = options.since === undefined ? 0 : clock.wallMs() - parseDurationMs(options.since);
  const { history, collectorSettings } = await openStored(options, parts);
  const catalogue = metricsCatalogue(createSources({ clock, files }), collectorSettings);
  const metrics = catalogue.flatMap((section) => section.metrics);
  const samples = await exportOpenMetrics(history, { sinceMs, metrics, write });
  writeNote(`${samples} samples exported`);
}

function familiesOf(name: string | undefined): readonly Family[] {
  if (name === undefined || name === "all") return FAMILIES;
  const families = FAMILIES.filter((family) => family === name);
  if (families.length === 1) return families;
  throw new BadInputError(
    `Cannot print history of "${name}": it is not a family, it must be one of ${FAMILIES.join(", ")}`,
  );
}

async function openStored(
  { config: configFile, state }: HistoryOptions,
  { files }: HistoryCommandParts,
): Promise<{
  history: StoredHistory;
  collectorSettings: Parameters<typeof metricsCatalogue>[1];
}> {
  const config = await loadExporterConfig(configFile, files, COLLECTORS);
  const folder = path.join(path.resolve(state ?? config.stateFolder), HISTORY_FOLDER);
  try {
    await files.list(folder);
  } catch (error) {
    throw new BadInputError(`Cannot read history in "${folder}": ${messageOf(error)}`, {
      cause: error,
    });
  }
  const { backupFolder } = config.history;
  const hasBackup = backupFolder !== undefined && (await files.facts(backupFolder)) !== undefined;
  const folders = hasBackup ? [folder, backupFolder] : [folder];
  return {
    history: new StoredHistory(files, folders),
    collectorSettings: config.collectorSettings,
  };
}
