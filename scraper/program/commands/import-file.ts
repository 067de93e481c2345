import { ExpositionError } from "../../../exporter/shared/codec/exposition/exposition-parser-error.js";
import type { ExpositionFormat } from "../../../exporter/shared/codec/exposition/exposition-parser-labels.js";
import {
  ENTRY,
  ExpositionReader,
} from "../../../exporter/shared/codec/exposition/exposition-parser-reader.js";
import { BadInputError } from "../../../exporter/shared/model/errors.js";
import { formatFloat } from "../../../exporter/shared/model/float-format.js";
import { METRIC_NAME, quoteLabelValue } from "../../../exporter/shared/model/labels.js";
import type { Labels } from "../../../exporter/shared/model/labels.js";
import type { Files, ReadFile } from "../../../exporter/shared/platform/files.js";
import type { ImportPlace } from "../../backfill/sample-import.js";
import type { ImportBatch } from "./import-history.js";

/** Bytes read at once; a line may be longer. */
const PIECE_BYTES = 1_048_576;
const MAX_LINE_BYTES = 1_048_576;
/** Samples that are sorted by time together: files list them series by series. */
const MAX_HELD_SAMPLES = 200_000;
const FEWEST_SAMPLES_PER_ROW = 2;
const MAX_KNOWN_SERIES = 100_000;
/** Less than the scraper accepts as a body. */
const MAX_TEXT_CHARACTERS = 1_000_000;
const END_OF_OPENMETRICS = /(^|\n)# EOF\n?$/;
/** A line of `promtool tsdb dump`. */
const DUMPED_LINE = /^\{__name__="([a-zA-Z_:][a-zA-Z0-9_:]*)"(?:, )?(.*)\} (\S+) (-?\d+)$/gm;

interface HeldSample {
  readonly series: string;
  readonly value: number;
  readonly timestampMs: number;
}

/**
 * Reads OpenMetrics, the text format, or the output of `promtool tsdb dump`. Each sample needs a
 * timestamp. Series with `instance` and `job` keep their labels; other series belong to `place`.
 *
 * @throws {BadInputError} naming file and line of the first error
 */
export async function* readSampleFile(
  filePath: string,
  place: ImportPlace,
  files: Files,
): AsyncGenerator<ImportBatch, void> {
  const file = await files.openRead(filePath);
  try {
    const format = await formatOf(file);
    const held = new Map<string, { place: ImportPlace; samples: HeldSample[] }>();
    const known = new Map<string, FileSeries>();
    let count = 0;
    for await (const { lines, firstLine } of linesOf(file, filePath)) {
      for (const { series, value, timestampMs } of samplesOf(lines, format, {
        filePath,
        firstLine,
        place,
        known,
      })) {
        const key = `${series.place.instance ?? ""}\n${series.place.job ?? ""}`;
        const group = held.get(key) ?? { place: series.place, samples: [] };
        held.set(key, group);
        group.samples.push({ series: series.text, value, timestampMs });
        if (++count < MAX_HELD_SAMPLES) continue;
        yield* batchesOf(held.values());
        held.clear();
        count = 0;
      }
    }
    yield* batchesOf(held.values());
  } finally {
    await file.close();
  }
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

/** Only OpenMetrics ends with `# EOF`. */
async function formatOf(file: ReadFile): Promise<ExpositionFormat> {
  const tail = Buffer.from(await file.read(Math.max(0, file.sizeBytes - 16), 16)).toString(
    "latin1",
  );
  return END_OF_OPENMETRICS.test(tail) ? "openmetrics" : "text";
}

/** Yields pieces of the file that end with a whole line. */
async function* linesOf(
  file: ReadFile,
  filePath: string,
): AsyncGenerator<{ lines: Buffer; firstLine: number }> {
  let rest = Buffer.alloc(0);
  let firstLine = 1;
  for (let at = 0; at < file.sizeBytes;) {
    const piece = await file.read(at, PIECE_BYTES);
    if (piece.length === 0) break;
    at += piece.length;
    const whole = Buffer.concat([rest, piece]);
    const end = at >= file.sizeBytes ? whole.length : whole.lastIndexOf(10) + 1;
    const lines = whole.subarray(0, end);
    rest = Buffer.from(whole.subarray(end));
    if (rest.length > MAX_LINE_BYTES)
      throw new BadInputError(`Cannot import "${filePath}:${firstLine}": the line is too long`);
    if (lines.length === 0) continue;
    yield { lines, firstLine };
    for (let feed = lines.indexOf(10); feed >= 0; feed = lines.indexOf(10, feed + 1)) firstLine++;
  }
}

interface FileSeries {
  readonly place: ImportPlace;
  /** Name and labels in the text format. */
  readonly text: string;
}

interface FileSample {
  readonly series: FileSeries;
  readonly value: number;
  readonly timestampMs: number;
}

interface PieceParts {
  readonly filePath: string;
  readonly firstLine: number;
  readonly place: ImportPlace;
  /** Series seen before, by the bytes before their value. */
  readonly known: Map<string, FileSeries>;
}

function* samplesOf(
  lines: Buffer,
  format: ExpositionFormat,
  { filePath, firstLine, place, known }: PieceParts,
): Generator<FileSample> {
  const text = lines.toString("utf8").replace(DUMPED_LINE, "$1{$2} $3 $4");
  const whole = text.endsWith("\n") ? text : `${text}\n`;
  const body = Buffer.from(
    format === "text" || whole.endsWith("# EOF\n") ? whole : `${whole}# EOF\n`,
  );
  const reader = new ExpositionReader(body, format);
  try {
    for (let kind = reader.next(); kind !== ENTRY.end; kind = reader.next()) {
      if (kind !== ENTRY.sample) continue;
      if (reader.timestampMs === undefined) throw new NoTimestamp(reader.lineStart);
      const written = body.toString("latin1", reader.lineStart, reader.valueStart);
      const series = known.get(written) ?? seriesOf(reader.labels().labels, place);
      if (known.size >= MAX_KNOWN_SERIES) known.clear();
      known.set(written, series);
      const timestampMs =
        format === "text" ? reader.timestampMs : millisecondsAt(body, reader.valueEnd + 1);
      yield { series, value: reader.value, timestampMs };
    }
  } catch (error) {
    if (error instanceof NoTimestamp) {
      const line = firstLine + body.toString("latin1", 0, error.offset).split("\n").length - 1;
      throw new BadInputError(
        `Cannot import "${filePath}:${line}": the sample has no timestamp, every one must have one`,
      );
    }
    if (!(error instanceof ExpositionError)) throw error;
    throw new BadInputError(
      `Cannot import "${filePath}:${firstLine + error.line - 1}": ${error.detail}`,
      { cause: error },
    );
  }
}

class NoTimestamp extends Error {
  constructor(readonly offset: number) {
    super("no timestamp");
  }
}

/**
 * Rounds, because the reader truncates as Prometheus does: 0.001 s has no exact binary fraction.
 */
function millisecondsAt(body: Buffer, at: number): number {
  return Math.round(Number.parseFloat(body.toString("latin1", at, at + 32)) * 1000);
}

function seriesOf(labels: Labels, place: ImportPlace): FileSeries {
  const [instance, job] = [labels.get("instance"), labels.get("job")];
  const isFinished = instance !== "" && job !== "";
  const own = isFinished
    ? labels.without(METRIC_NAME, "instance", "job")
    : labels.without(METRIC_NAME);
  const pairs = own.pairs.map(([name, value]) => `${name}=${quoteLabelValue(value)}`);
  const text = pairs.length === 0 ? labels.name : `${labels.name}{${pairs.join(",")}}`;
  return { text, place: isFinished ? { ...place, instance, job, isFinished } : place };
}
