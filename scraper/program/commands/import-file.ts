import type { WrittenLabels } from "../../../exporter/shared/codec/exposition/exposition-parser-labels.js";
import { formatFloat } from "../../../exporter/shared/model/float-format.js";
import {
  type Labels,
  METRIC_NAME,
  quoteLabelValue,
} from "../../../exporter/shared/model/labels.js";
import type { Files } from "../../../exporter/shared/platform/files.js";
import type { DirectImport, DirectImportResult } from "../../backfill/direct-import.js";
import type { ImportPlace } from "../../backfill/sample-import.js";
import type { ImportBatch } from "./import-history.js";
import { SampleFile } from "./import-lines.js";

/** Samples that are sorted by time together: files list them series by series. */
const MAX_HELD_SAMPLES = 200_000;
const FEWEST_SAMPLES_PER_ROW = 2;
/** Less than the scraper accepts as a body. */
const MAX_TEXT_CHARACTERS = 1_000_000;

interface TextSeries {
  readonly place: ImportPlace;
  /** Name and labels in the text format. */
  readonly text: string;
}

interface HeldSample {
  readonly series: string;
  readonly value: number;
  readonly timestampMs: number;
}

/**
 * Reads a file of samples as texts for a running scraper. Series with `instance` and `job` keep their
 * labels; other series belong to `place`.
 *
 * @throws {BadInputError} naming file and line of the first error
 */
export async function* readSampleFile(
  filePath: string,
  place: ImportPlace,
  files: Files,
): AsyncGenerator<ImportBatch, void> {
  const held = new Map<string, { place: ImportPlace; samples: HeldSample[] }>();
  let count = 0;
  const file = await SampleFile.open<TextSeries>(filePath, files, {
    seriesOf: ({ labels }) => textSeriesOf(labels, place),
    onSample: (series, timestampMs, value) => {
      const key = `${series.place.instance ?? ""}\n${series.place.job ?? ""}`;
      const group = held.get(key) ?? { place: series.place, samples: [] };
      held.set(key, group);
      group.samples.push({ series: series.text, value, timestampMs });
      count++;
    },
  });
  try {
    const pieces = file.pieces();
    while ((await pieces.next()).done !== true) {
      if (count < MAX_HELD_SAMPLES) continue;
      yield* batchesOf(held.values());
      held.clear();
      count = 0;
    }
    yield* batchesOf(held.values());
  } finally {
    await file.close();
  }
}

/**
 * Stores a file of samples in blocks; yields the result for each part that is stored. The samples before an
 * error are stored.
 *
 * @throws {BadInputError} naming file and line of the first error
 */
export async function* storeSampleFile(
  filePath: string,
  place: ImportPlace,
  { files, direct }: { readonly files: Files; readonly direct: DirectImport },
): AsyncGenerator<DirectImportResult, void> {
  const file = await SampleFile.open<number>(filePath, files, {
    seriesOf: ({ labels }: WrittenLabels) => {
      const own = placed(labels, place);
      return direct.seriesOf(own.place, { labels: own.labels, emptyNames: [] });
    },
    onSample: (series, timestampMs, value) => direct.add(series, timestampMs, value),
  });
  let failure: { readonly error: unknown } | undefined;
  try {
    const pieces = file.pieces();
    while ((await pieces.next()).done !== true) {
      if (!direct.isFull) continue;
      yield await direct.flush();
      file.forget();
    }
  } catch (error) {
    failure = { error };
  } finally {
    await file.close();
  }
  yield await direct.flush();
  if (failure !== undefined) throw failure.error;
}

function* batchesOf(
  groups: Iterable<{ place: ImportPlace; samples: HeldSample[] }>,
): Generator<ImportBatch> {
  for (const { place, samples } of groups) {
    // Samples with one timestamp become one row of the storage. Where most have their own, they stay in
    // the order of the file, which lists them series by series.
    const timestamps = new Set(samples.map(({ timestampMs }) => timestampMs)).size;
    if (timestamps * FEWEST_SAMPLES_PER_ROW <= samples.length)
      samples.sort((left, right) => left.timestampMs - right.timestampMs);
    let text = "";
    for (const { series, value, timestampMs } of samples) {
      text += `${series} ${formatFloat(value)} ${timestampMs}\n`;
      if (text.length < MAX_TEXT_CHARACTERS) continue;
      yield { place, text };
      text = "";
    }
    if (text !== "") yield { place, text };
  }
}

/** The labels of a series without those of its target, and the target. */
function placed(labels: Labels, place: ImportPlace): { place: ImportPlace; labels: Labels } {
  const [instance, job] = [labels.get("instance"), labels.get("job")];
  return instance === "" || job === ""
    ? { place, labels }
    : {
        place: { ...place, instance, job, isFinished: true },
        labels: labels.without("instance", "job"),
      };
}

function textSeriesOf(labels: Labels, place: ImportPlace): TextSeries {
  const own = placed(labels, place);
  const pairs = own.labels
    .without(METRIC_NAME)
    .pairs.map(([name, value]) => `${name}=${quoteLabelValue(value)}`);
  const text = pairs.length === 0 ? labels.name : `${labels.name}{${pairs.join(",")}}`;
  return { text, place: own.place };
}
