import type { JsonFields } from "../../../exporter/shared/codec/json-fields.js";
import { BadInputError } from "../../../exporter/shared/model/errors.js";
import type { Files } from "../../../exporter/shared/platform/files.js";
import type { DirectImport } from "../../backfill/direct-import.js";
import type { ImportPlace, ImportResult } from "../../backfill/sample-import.js";
import { readSampleFile, storeSampleFile } from "./import-file.js";
import { type ImportBatch, readHistoryFolder } from "./import-history.js";
import { type MasterAddress, postText } from "./master-client.js";

/** Characters of small texts that are sent together. */
const MAX_TEXT_CHARACTERS = 1_000_000;

/** Stores a text; resolves when it is durable. */
export type StoreText = (place: ImportPlace, text: string) => Promise<ImportResult>;

export interface ImportParts {
  readonly files: Files;
  readonly store: StoreText;
  /** Stores files of samples straight in blocks; undefined when they go to a running scraper. */
  readonly direct?: DirectImport | undefined;
  /** Receives the number of samples so far, for a terminal. */
  readonly showProgress: (samples: number) => void;
  /** Receives a line about data that is left out. */
  readonly writeNote: (note: string) => void;
}

/** Stores through the API of the running scraper. */
export function storeInMaster(master: MasterAddress): StoreText {
  return async ({ instance, job, host, nodeId, isFinished }, text) => {
    const named = {
      instance,
      job,
      host,
      node_id: nodeId,
      labels: isFinished === true ? "finished" : undefined,
    };
    const parameters = Object.entries(named).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    );
    return decodeImportResult(
      await postText(master, "/api/v1/admin/import", Object.fromEntries(parameters), text),
    );
  };
}

function decodeImportResult(fields: JsonFields): ImportResult {
  return {
    instance: fields.text("instance"),
    job: fields.text("job"),
    host: fields.text("host"),
    samples: fields.integer("samples"),
    tooOld: fields.integer("tooOld"),
    damagedLines: fields.integer("damagedLines"),
  };
}

/**
 * `pihealth import`: stores the samples of files and of copied histories.
 *
 * @returns a line with the number of samples and their target
 * @throws {BadInputError} naming file and line; the samples before are stored, and a second import
 * does not store them twice
 */
export async function importSamples(
  paths: readonly string[],
  place: ImportPlace,
  parts: ImportParts,
): Promise<string> {
  const totals = { samples: 0, tooOld: 0, damagedLines: 0 };
  const places = new Set<string>();
  for (const path of paths) {
    for await (const result of storedParts(path, place, parts)) {
      totals.samples += result.samples;
      totals.tooOld += result.tooOld;
      totals.damagedLines += result.damagedLines ?? 0;
      for (const { instance, job, host } of result.places) places.add(`${instance} ${job} ${host}`);
      parts.showProgress(totals.samples);
    }
  }
  if (totals.tooOld > 0)
    parts.writeNote(`${totals.tooOld} samples older than the retention are left out`);
  if (totals.damagedLines > 0)
    parts.writeNote(`${totals.damagedLines} lines that are no samples are left out`);
  const [first = ""] = places;
  const [instance, job, host] = first.split(" ");
  const whose =
    places.size === 1
      ? `instance "${instance}", job "${job}", in hosts/${host}`
      : `${places.size} targets`;
  return `${totals.samples} samples imported for ${whose}`;
}

interface StoredPart extends Pick<ImportResult, "samples" | "tooOld"> {
  readonly damagedLines?: number;
  readonly places: Iterable<Pick<ImportResult, "instance" | "job" | "host">>;
}

async function* storedParts(
  path: string,
  place: ImportPlace,
  { files, store, direct, writeNote }: ImportParts,
): AsyncGenerator<StoredPart> {
  const facts = await files.facts(path);
  if (facts === undefined)
    throw new BadInputError(
      `Cannot import "${path}": nothing is there, it must be a file or a folder`,
    );
  if (!facts.isFolder && direct !== undefined) {
    yield* storeSampleFile(path, place, { files, direct });
    return;
  }
  const batches = facts.isFolder
    ? readHistoryFolder(path, place, files, { writeNote })
    : readSampleFile(path, place, files);
  for await (const { place: of, text } of joined(batches)) {
    const result = await store(of, text);
    yield { ...result, places: [result] };
  }
}

/** Joins small batches of one place. */
async function* joined(batches: AsyncGenerator<ImportBatch>): AsyncGenerator<ImportBatch> {
  let waiting: ImportBatch | undefined;
  for await (const { place, text } of batches) {
    const isSame =
      waiting !== undefined &&
      waiting.place === place &&
      waiting.text.length + text.length <= MAX_TEXT_CHARACTERS;
    if (waiting !== undefined && isSame) {
      waiting = { place, text: waiting.text + text };
      continue;
    }
    if (waiting !== undefined) yield waiting;
    waiting = { place, text };
  }
  if (waiting !== undefined) yield waiting;
}
