import { itemAt } from "../../../exporter/shared/model/get-or-throw.js";
import type { TimeRange } from "../../../exporter/shared/model/time-range.js";
import type { ReadFile } from "../../../exporter/shared/platform/files.js";
import type { BlockDirectory } from "../codec/block-directory.js";
import { requireChecksum } from "../codec/block-frame.js";
import type { GroupColumns } from "../codec/group-reader.js";
import { type SliceBytes, SliceReader } from "../codec/slice-reader.js";
import type { SlicedSection, SlicedSections } from "../codec/stamped-slices.js";
import { readStampedGroup } from "../codec/stamped-sections.js";
import { isDamage } from "../model/damage.js";
import type { Pace } from "../model/querier.js";
import { NO_SAMPLES, type SeriesSamples } from "../model/stamped.js";

/** Longest single read of a block, unless one slice is longer. */
const BATCH_BYTES = 512 * 1024;
/** Up to this size, a gap between two wanted slices is read along with them. */
const GAP_BYTES = 16 * 1024;
/** Cost of opening a slice, in values looked at. */
const WORK_PER_SLICE = 512;

export interface StampedRead {
  readonly range: TimeRange;
  readonly pace: Pace;
  /** Called for each damaged part, whose samples are left out then. */
  readonly onDamage?: ((error: unknown) => void) | undefined;
}

/** An open block of stamped samples, and the caches of its reader. */
export interface OpenedBlock {
  readonly file: ReadFile;
  readonly directory: BlockDirectory;
  /** Reads a group of version 4. */
  readonly group: (number: number) => Promise<GroupColumns>;
  /** Verified bytes of a slice of version 5. */
  readonly knownSlice: (slice: number) => Uint8Array | undefined;
  readonly keepSlice: (slice: number, bytes: Uint8Array) => void;
}

/**
 * Reads series of a block of stamped samples: only the slices of time in the range, and only the wanted
 * series of them.
 *
 * @param wanted numbers of series, ascending
 * @returns one per wanted series; those with equal times may share them
 * @throws {MalformedBytesError} for a damaged part when there is no `onDamage`, and what `pace` throws
 */
export async function readStampedSeries(
  block: OpenedBlock,
  wanted: ArrayLike<number>,
  read: StampedRead,
): Promise<SeriesSamples[]> {
  const found = new Array<SeriesSamples>(wanted.length).fill(NO_SAMPLES);
  const indexOf = new Int32Array(block.directory.series.length).fill(-1);
  for (const [index, series] of Uint32Array.from(wanted).entries()) indexOf[series] = index;
  const { sliced } = block.directory;
  if (sliced === undefined) await readGroups(block, indexOf, found, read);
  else await readSlices(block, sliced, planOf(sliced, indexOf, read.range), found, read);
  return found;
}

/** Reads version 4: each wanted series takes a decoded column of the whole block. */
async function readGroups(
  { directory, group }: OpenedBlock,
  indexOf: Int32Array,
  found: SeriesSamples[],
  { range, pace, onDamage }: StampedRead,
): Promise<void> {
  for (const [number, section] of (directory.stamped ?? []).entries()) {
    if (section.fromMs >= range.untilMs || section.lastMs < range.fromMs) continue;
    const places = placesIn(section.series, indexOf);
    if (places.length === 0) continue;
    const { rows } = itemAt(directory.groups, number);
    pace.hold(2 * rows * places.length * Float64Array.BYTES_PER_ELEMENT);
    try {
      const samples = readStampedGroup(section, await group(number), places, range);
      for (const [at, place] of places.entries())
        found[indexOf[section.series[place] as number] as number] = itemAt(samples, at);
    } catch (error) {
      if (onDamage === undefined || !isDamage(error)) throw error;
      onDamage(error);
    }
    if (pace.isDue(2 * rows * places.length)) await pace.pause();
  }
}

/** What is wanted of a section. */
interface WantedSection {
  readonly section: SlicedSection;
  /** Of the wanted series among those of the section. */
  readonly places: readonly number[];
  /** Index of each among all wanted series. */
  readonly indexes: readonly number[];
  /** Slices in the range. */
  readonly slices: readonly number[];
}

function planOf(
  { sections, fromMs, lastMs }: SlicedSections,
  indexOf: Int32Array,
  range: TimeRange,
): WantedSection[] {
  const plan: WantedSection[] = [];
  for (const section of sections) {
    const places = placesIn(section.series, indexOf);
    if (places.length === 0) continue;
    const slices: number[] = [];
    for (let slice = section.fromSlice; slice < section.untilSlice; slice++) {
      const isInRange =
        (fromMs[slice] as number) < range.untilMs && (lastMs[slice] as number) >= range.fromMs;
      if (isInRange) slices.push(slice);
    }
    if (slices.length === 0) continue;
    const indexes = places.map((place) => indexOf[section.series[place] as number] as number);
    plan.push({ section, places, indexes, slices });
  }
  return plan;
}

function placesIn(series: Uint32Array, indexOf: Int32Array): number[] {
  const places: number[] = [];
  for (let place = 0; place < series.length; place++)
    if ((indexOf[series[place] as number] as number) >= 0) places.push(place);
  return places;
}

async function readSlices(
  block: OpenedBlock,
  sliced: SlicedSections,
  plan: readonly WantedSection[],
  found: SeriesSamples[],
  { range, pace, onDamage }: StampedRead,
): Promise<void> {
  const source = new SliceSource(
    block,
    sliced,
    Uint32Array.from(plan.flatMap(({ slices }) => slices)),
  );
  const reader = new SliceReader(range);
  for (const { section, places, indexes, slices } of plan) {
    const share = places.length / section.series.length;
    let samples = 0;
    for (const slice of slices) samples += share * (sliced.samples[slice] as number);
    pace.hold(Math.ceil(2 * samples) * Float64Array.BYTES_PER_ELEMENT);
    const parts: SliceBytes[] = [];
    for (const slice of slices) {
      try {
        parts.push({ bytes: await source.read(slice), samples: sliced.samples[slice] as number });
      } catch (error) {
        if (onDamage === undefined || !isDamage(error)) throw error;
        onDamage(error);
      }
    }
    try {
      const ofSection = reader.read(parts, section.series.length, places);
      for (const [at, index] of indexes.entries()) found[index] = itemAt(ofSection, at);
    } catch (error) {
      if (onDamage === undefined || !isDamage(error)) throw error;
      onDamage(error);
    }
    if (pace.isDue(2 * samples + WORK_PER_SLICE * slices.length)) await pace.pause();
  }
}

/** Reads the wanted slices in their order. One read covers many that are neighbors. */
class SliceSource {
  /** Bytes that were read ahead. */
  private readonly ahead = new Map<number, Uint8Array>();
  private next = 0;

  constructor(
    private readonly block: OpenedBlock,
    private readonly sliced: SlicedSections,
    private readonly wanted: Uint32Array,
  ) {}

  /**
   * Called for each wanted slice in turn.
   *
   * @throws {MalformedBytesError} when its checksum is wrong
   */
  async read(slice: number): Promise<Uint8Array> {
    const { block, sliced, ahead } = this;
    const at = this.next++;
    const known = block.knownSlice(slice);
    if (known !== undefined) return known;
    if (!ahead.has(slice)) await this.readFrom(at);
    const bytes = ahead.get(slice);
    ahead.delete(slice);
    if (bytes === undefined) throw new RangeError("Cannot read block: a slice was not wanted");
    requireChecksum(bytes, sliced.checksums[slice] as number, "slice of samples");
    // A copy: a view would keep all that was read with it.
    const own = bytes.slice();
    block.keepSlice(slice, own);
    return own;
  }

  private async readFrom(at: number): Promise<void> {
    const { block, sliced, wanted, ahead } = this;
    const fromBytes = sliced.offsetBytes[wanted[at] as number] as number;
    let untilBytes = fromBytes;
    let end = at;
    for (; end < wanted.length; end++) {
      const slice = wanted[end] as number;
      const offset = sliced.offsetBytes[slice] as number;
      const until = offset + (sliced.lengthBytes[slice] as number);
      const isNear = offset - untilBytes <= GAP_BYTES && until - fromBytes <= BATCH_BYTES;
      if (end > at && !isNear) break;
      untilBytes = until;
    }
    const bytes = await block.file.read(fromBytes, untilBytes - fromBytes);
    for (const slice of wanted.slice(at, end)) {
      const offset = (sliced.offsetBytes[slice] as number) - fromBytes;
      ahead.set(slice, bytes.subarray(offset, offset + (sliced.lengthBytes[slice] as number)));
    }
  }
}
