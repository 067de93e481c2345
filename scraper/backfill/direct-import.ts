import type { WrittenLabels } from "../../exporter/shared/codec/exposition/exposition-parser-labels.js";
import { PihealthError } from "../../exporter/shared/model/errors.js";
import { Labels } from "../../exporter/shared/model/labels.js";
import { hostFolder } from "../fleet/host-folder.js";
import { type SeriesContext, SeriesContexts } from "../scrape/series-context.js";
import type { BlockImport } from "../storage/blocks/block-import.js";
import type { SeriesSamples } from "../storage/model/stamped.js";
import { type FlatSamples, sortBySeries } from "../storage/model/stamped-sort.js";
import { findDestination, type ImportPlace, type ImportResult } from "./sample-import.js";

/** Samples that are held before they go to blocks: 20 bytes each, and 16 while they are sorted. */
const MAX_HELD_SAMPLES = 1 << 21;
/** Series that are held; a file may have new ones on every line. */
const MAX_HELD_SERIES = 200_000;
/** Samples that memory is taken for at once. */
const SAMPLES_OF_PART = 131_072;

/** Samples that scraping would refuse. They are counted as samples, and not stored. */
const REFUSED = -1;

export interface DirectImportParts {
  readonly blocks: BlockImport;
  readonly oldestAllowedMs: () => number;
}

interface Destination extends Pick<ImportResult, "instance" | "job" | "host"> {
  readonly folder: string;
  readonly target: Labels;
  readonly context: SeriesContext;
}

/** Series that go to one table, by the key of their labels. */
interface HeldTable {
  readonly folder: string;
  readonly target: Labels;
  readonly columns: Map<string, number>;
}

/**
 * Stores the samples of files straight in blocks, with the labels that scraping would have given them.
 *
 * The reader of a file calls `seriesOf` for each series and `add` for each sample, and `flush` when
 * `isFull` and at the end.
 */
export class DirectImport {
  private readonly contexts = new SeriesContexts();
  private readonly destinations = new Map<string, Destination>();
  private readonly tables = new Map<string, HeldTable>();
  /** Labels of each column, without target labels. */
  private labels: Labels[] = [];
  /** Samples in the order of the file; all parts are full except `last`. */
  private parts: HeldSamples[] = [];
  private last: HeldSamples = NO_ROOM;
  private added = 0;
  private tooOld = 0;
  private oldestMs: number;

  private readonly blocks: BlockImport;
  private readonly oldestAllowedMs: () => number;

  constructor({ blocks, oldestAllowedMs }: DirectImportParts) {
    this.blocks = blocks;
    this.oldestAllowedMs = oldestAllowedMs;
    this.oldestMs = oldestAllowedMs();
  }

  /** True when `flush` is due. Numbers of series are not valid any more after it. */
  get isFull(): boolean {
    return (
      this.parts.length * SAMPLES_OF_PART > MAX_HELD_SAMPLES ||
      this.labels.length >= MAX_HELD_SERIES
    );
  }

  /**
   * @returns the number of a series for `add`
   * @throws {BadInputError} when the place does not name exactly one target
   */
  seriesOf(place: ImportPlace, written: WrittenLabels): number {
    const { folder, target, context } = this.destinationOf(place);
    const final = finish(context, written);
    if (final === undefined) return REFUSED;
    const labels = final.isForeign ? Labels.EMPTY : target;
    const key = `${folder}\n${labels.key}`;
    let table = this.tables.get(key);
    if (table === undefined)
      this.tables.set(key, (table = { folder, target: labels, columns: new Map() }));
    let column = table.columns.get(final.labels.key);
    if (column === undefined) {
      column = this.labels.push(final.labels) - 1;
      table.columns.set(final.labels.key, column);
    }
    return column;
  }

  add(series: number, timestampMs: number, value: number): void {
    this.added++;
    if (timestampMs < this.oldestMs) {
      this.tooOld++;
      return;
    }
    if (series === REFUSED) return;
    if (this.last.count === this.last.columns.length) this.beginPart();
    const { last } = this;
    last.columns[last.count] = series;
    last.timestamps[last.count] = timestampMs;
    last.values[last.count++] = value;
  }

  /**
   * Writes the samples to blocks.
   *
   * @returns the number of samples since the last call, for the targets so far
   * @throws the system's error when the disk refuses
   */
  async flush(): Promise<DirectImportResult> {
    const { labels } = this;
    const sorted = sortBySeries(this.parts, labels.length);
    this.parts = [];
    this.last = NO_ROOM;
    for (const { folder, target, columns: ofTable } of this.tables.values())
      await this.blocks.write(
        { folder, labels: target },
        [...ofTable.values()].flatMap((column) => labeled(labels[column], sorted[column])),
      );
    const result = {
      samples: this.added - this.tooOld,
      tooOld: this.tooOld,
      places: [...this.destinations.values()],
    };
    this.tables.clear();
    this.labels = [];
    this.added = this.tooOld = 0;
    this.oldestMs = this.oldestAllowedMs();
    return result;
  }

  private destinationOf(place: ImportPlace): Destination {
    const { instance = "", job = "", host = "", isFinished = false } = place;
    const key = [instance, job, host, isFinished].join("\n");
    const known = this.destinations.get(key);
    if (known !== undefined) return known;
    // Only a running scraper knows its targets.
    const found = findDestination(place, { targets: () => [], hosts: () => [] });
    const target = { ...found, id: "", url: "", port: 0, discoveredLabels: found.labels };
    const destination: Destination = {
      folder: hostFolder(found.host),
      target: found.labels,
      context: this.contexts.of(target),
      instance: found.labels.get("instance"),
      job: found.labels.get("job"),
      host: found.host,
    };
    this.destinations.set(key, destination);
    return destination;
  }

  private beginPart(): void {
    this.last = {
      columns: new Uint32Array(SAMPLES_OF_PART),
      timestamps: new Float64Array(SAMPLES_OF_PART),
      values: new Float64Array(SAMPLES_OF_PART),
      count: 0,
    };
    this.parts.push(this.last);
  }
}

interface HeldSamples extends FlatSamples {
  count: number;
}

const NO_ROOM: HeldSamples = {
  columns: new Uint32Array(0),
  timestamps: new Float64Array(0),
  values: new Float64Array(0),
  count: 0,
};

export interface DirectImportResult extends Pick<ImportResult, "samples" | "tooOld"> {
  readonly places: readonly Pick<ImportResult, "instance" | "job" | "host">[];
}

function finish(
  context: SeriesContext,
  written: WrittenLabels,
): ReturnType<SeriesContext["finish"]> {
  try {
    return context.finish(written);
  } catch (error) {
    if (error instanceof PihealthError) return undefined;
    throw error;
  }
}

function labeled(
  labels: Labels | undefined,
  samples: SeriesSamples | undefined,
): (SeriesSamples & { readonly labels: Labels })[] {
  return labels === undefined || samples === undefined || samples.timestamps.length === 0
    ? []
    : [{ labels, ...samples }];
}
