import { BadInputError } from "../../exporter/shared/model/errors.js";
import { Labels } from "../../exporter/shared/model/labels.js";
import type { KnownHost } from "../fleet/known-host.js";
import { hostFolder } from "../fleet/host-folder.js";
import { NO_RELABELING } from "../fleet/relabeling.js";
import { DEFAULT_SCRAPE_SETTINGS, type Target } from "../fleet/target.js";
import { SeriesContexts } from "../scrape/series-context.js";
import type { SampleWriter } from "../storage/model/sample-writer.js";
import { HistoryRows } from "./history-rows.js";
import { GroupReader } from "./sample-groups.js";

/** The target of imported samples, as far as the caller names it. */
export interface ImportPlace {
  readonly instance?: string | undefined;
  readonly job?: string | undefined;
  /** Address whose folder receives the samples. */
  readonly host?: string | undefined;
  readonly nodeId?: string | undefined;
  /**
   * True when the samples have the labels of stored series, which stay as they are. Otherwise
   * labels are changed as by a scrape.
   */
  readonly isFinished?: boolean;
}

export interface ImportResult {
  readonly samples: number;
  /** Samples older than the retention; they are not stored. */
  readonly tooOld: number;
  /** Lines that are not samples. */
  readonly damagedLines: number;
  readonly instance: string;
  readonly job: string;
  readonly host: string;
}

export interface SampleImportParts {
  readonly writer: SampleWriter;
  readonly targets: () => readonly Pick<Target, "host" | "port" | "labels" | "settings">[];
  readonly hosts: () => readonly KnownHost[];
}

type Destination = Pick<Target, "host" | "labels" | "settings">;

/** Stores samples from a file with the labels that scraping would have given them. */
export class SampleImport {
  private readonly contexts = new SeriesContexts();

  constructor(private readonly parts: SampleImportParts) {}

  /**
   * Stores samples. Of two samples with the same series and time the first one stays, so a
   * repetition changes nothing.
   *
   * @param text lines of the text format with timestamps in milliseconds; fast when lines of one
   * time are together
   * @returns the result once all samples are durable
   * @throws {BadInputError} when the place does not name exactly one target
   * @throws the system's error when the disk refuses
   */
  async take(place: ImportPlace, text: string): Promise<ImportResult> {
    const { writer } = this.parts;
    const destination = findDestination(place, this.parts);
    const { host, labels } = destination;
    const target = { ...destination, id: "", url: "", port: 0, discoveredLabels: labels };
    const rows = new HistoryRows(writer, target, hostFolder(host), this.contexts.of(target));
    const reader = new GroupReader();
    reader.read(`\n${text}`, (samples) => rows.add(samples.timestampMs, samples));
    const samples = await rows.flushByShape();
    await writer.commit();
    const { damagedLines } = reader;
    const { tooOldSamples: tooOld } = rows;
    return {
      samples: samples - tooOld,
      tooOld,
      damagedLines,
      instance: labels.get("instance"),
      job: labels.get("job"),
      host,
    };
  }
}

/**
 * Finds the target of imported samples.
 *
 * @throws {BadInputError} when the place does not name exactly one
 */
export function findDestination(
  place: ImportPlace,
  parts: Pick<SampleImportParts, "targets" | "hosts">,
): Destination {
  const found = targetsAt(place, parts);
  const [first] = found;
  const { instance, job } = place;
  if (found.length === 1 && first !== undefined)
    return place.isFinished === true ? finished(first) : first;
  if (instance !== undefined && job !== undefined)
    return unknownTarget({ ...place, instance, job });
  const detail =
    found.length === 0 ? "it names no target of the scraper" : `it names ${found.length} targets`;
  throw new BadInputError(
    `Cannot import samples of ${describe(place)}: ${detail}, --instance and --job must be given`,
  );
}

function targetsAt(
  { instance, job, host, nodeId }: ImportPlace,
  { targets, hosts }: Pick<SampleImportParts, "targets" | "hosts">,
): Destination[] {
  const nodes = nodeId === undefined ? [] : hosts().filter(({ node }) => node?.nodeId === nodeId);
  if (instance === undefined && host === undefined && nodes.length === 0) return [];
  return targets().filter(({ labels, host: address, port }) => {
    if (
      instance === undefined &&
      host === undefined &&
      !nodes.some((node) => node.address === address && node.port === port)
    ) {
      return false;
    }
    return (
      (instance === undefined || labels.get("instance") === instance) &&
      (job === undefined || labels.get("job") === job) &&
      (host === undefined || address === host)
    );
  });
}

function unknownTarget({
  instance,
  job,
  host,
  isFinished,
}: ImportPlace & { instance: string; job: string }): Destination {
  const labels = Labels.of({ instance, job });
  const address = host ?? instance.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
  const plain = { host: address, labels, settings: DEFAULT_SCRAPE_SETTINGS };
  return isFinished === true ? finished(plain) : plain;
}

/** The labels of finished samples already include the labels of the target. */
function finished({ host, labels, settings }: Destination): Destination {
  return {
    host,
    labels,
    settings: { ...settings, honorLabels: true, metricRelabeling: NO_RELABELING },
  };
}

function describe({ instance, job, host, nodeId }: ImportPlace): string {
  const parts = Object.entries({ instance, job, host, node: nodeId }).filter(
    ([, value]) => value !== undefined,
  );
  return parts.length === 0
    ? "no target"
    : parts.map(([name, value]) => `${name} "${value}"`).join(", ");
}
