import { BadInputError } from "../../../exporter/shared/model/errors.js";
import { present } from "../../../exporter/shared/model/get-or-throw.js";
import { extendHash } from "../../../exporter/shared/model/hash.js";
import type { Labels } from "../../../exporter/shared/model/labels.js";
import type { TimeSlices } from "../../../exporter/shared/platform/time-slices.js";
import type { Layout } from "./sample-writer.js";

/** Most series of one layout. */
export const MAX_LAYOUT_SERIES = 250_000;

/** A layout of a registry. */
export interface InternedLayout extends Layout {
  /** Number of the label set of each column in the registry. */
  readonly seriesIds: Uint32Array;
}

/**
 * Label sets and layouts, each kept once for the whole fleet.
 *
 * Label sets have small numbers, which index arrays. A number is reused after its label set has been
 * forgotten. Numbers mean nothing outside this process.
 */
export class LayoutRegistry {
  private readonly idOfKey = new Map<string, number>();
  private readonly labelsOfId: (Labels | undefined)[] = [];
  private readonly freeIds: number[] = [];
  private readonly byHash = new Map<number, InternedLayout[]>();
  private nextLayoutId = 1;
  private sweeps = 0;
  private holders = 0;
  private readonly waitingForRelease: (() => void)[] = [];
  private count = 0;
  private scratch = new Int32Array(0);

  /** Number of label sets. */
  get seriesCount(): number {
    return this.idOfKey.size;
  }

  /** Grows when numbers of label sets become free for others. */
  get sweepCount(): number {
    return this.sweeps;
  }

  /** Numbers of label sets are below this. */
  get idLimit(): number {
    return this.labelsOfId.length;
  }

  get layoutCount(): number {
    return this.count;
  }

  /** @throws {BadInputError} when there are too many series or one occurs twice */
  intern(series: readonly Labels[]): InternedLayout {
    checkCount(series);
    const seriesIds = new Uint32Array(series.length);
    let column = 0;
    for (const labels of series) seriesIds[column++] = this.internLabels(labels);
    return this.internDistinct(seriesIds);
  }

  /**
   * As `intern`, in slices. The caller holds the registry until the layout is used.
   *
   * @throws {BadInputError}
   */
  async internInSlices(series: readonly Labels[], slices: TimeSlices): Promise<InternedLayout> {
    checkCount(series);
    const seriesIds = new Uint32Array(series.length);
    let column = 0;
    for (const labels of series) {
      seriesIds[column++] = this.internLabels(labels);
      if (slices.areDue) await slices.pause();
    }
    return this.internDistinct(seriesIds);
  }

  /**
   * Keeps every layout and label set until the returned function is called, for work that takes
   * several turns of the event loop.
   */
  hold(): () => void {
    this.holders++;
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      if (--this.holders > 0) return;
      for (const work of this.waitingForRelease.splice(0)) work();
    };
  }

  /** Runs the work when nobody holds the registry: at once, or in the turn in which the last holder ends. */
  whenReleased(work: () => void): void {
    if (this.holders === 0) work();
    else if (this.waitingForRelease.length === 0) this.waitingForRelease.push(work);
  }

  private internDistinct(seriesIds: Uint32Array): InternedLayout {
    const known = this.find(seriesIds);
    if (known !== undefined) return known;
    this.rejectDuplicates(seriesIds);
    return this.add(seriesIds);
  }

  /** @param seriesIds numbers of this registry, each at most once; kept, not copied */
  internIds(seriesIds: Uint32Array): InternedLayout {
    return this.find(seriesIds) ?? this.add(seriesIds);
  }

  internLabels(labels: Labels): number {
    const known = this.idOfKey.get(labels.key);
    if (known !== undefined) return known;
    const id = this.freeIds.pop() ?? this.labelsOfId.length;
    this.labelsOfId[id] = labels;
    this.idOfKey.set(labels.key, id);
    return id;
  }

  labels(seriesId: number): Labels {
    return present(this.labelsOfId[seriesId], "label set of a series");
  }

  /**
   * Lends an array with one entry per label set, all -1, to translate columns of one layout to another
   * without a map.
   *
   * @param use returns the label sets whose entries it has changed
   */
  withScratch(use: (scratch: Int32Array) => Uint32Array): void {
    if (this.scratch.length < this.idLimit)
      this.scratch = new Int32Array(Math.ceil(this.idLimit * 1.5)).fill(-1);
    const { scratch } = this;
    for (const id of use(scratch)) scratch[id] = -1;
  }

  /**
   * Forgets all layouts except `used`, and all label sets that are in none of these and no list.
   *
   * @returns the numbers of the forgotten label sets
   */
  keepOnly(used: ReadonlySet<Layout>, usedIdLists: Iterable<Uint32Array>): number[] {
    const forgotten: number[] = [];
    this.sweeps++;
    const usedIds = new Uint8Array(this.idLimit);
    for (const ids of usedIdLists) for (const id of ids) usedIds[id] = 1;
    this.count = 0;
    for (const [hash, layouts] of this.byHash) {
      const kept = layouts.filter((layout) => used.has(layout));
      if (kept.length === 0) this.byHash.delete(hash);
      else this.byHash.set(hash, kept);
      this.count += kept.length;
      for (const { seriesIds } of kept) for (const id of seriesIds) usedIds[id] = 1;
    }
    for (let id = 0; id < usedIds.length; id++) {
      const labels = this.labelsOfId[id];
      if (labels === undefined || usedIds[id] === 1) continue;
      this.idOfKey.delete(labels.key);
      this.labelsOfId[id] = undefined;
      this.freeIds.push(id);
      forgotten.push(id);
    }
    return forgotten;
  }

  /** The layout itself if it is still known, else an equal one: a caller may hold a forgotten layout. */
  current(layout: Layout): InternedLayout {
    return this.has(layout) ? layout : this.intern(layout.series);
  }

  private has(layout: Layout): layout is InternedLayout {
    if (!("seriesIds" in layout) || !(layout.seriesIds instanceof Uint32Array)) return false;
    const sameHash: readonly Layout[] = this.byHash.get(hashOf(layout.seriesIds)) ?? [];
    return sameHash.includes(layout);
  }

  private find(seriesIds: Uint32Array): InternedLayout | undefined {
    return this.byHash
      .get(hashOf(seriesIds))
      ?.find((layout) => areEqual(layout.seriesIds, seriesIds));
  }

  private add(seriesIds: Uint32Array): InternedLayout {
    const series: Labels[] = [];
    for (const id of seriesIds) series.push(this.labels(id));
    const layout = Object.freeze({ id: this.nextLayoutId++, series, seriesIds });
    const hash = hashOf(seriesIds);
    const sameHash = this.byHash.get(hash);
    if (sameHash === undefined) this.byHash.set(hash, [layout]);
    else sameHash.push(layout);
    this.count++;
    return layout;
  }

  private rejectDuplicates(seriesIds: Uint32Array): void {
    const seen = new Uint8Array(this.idLimit);
    for (const id of seriesIds) {
      if (seen[id] === 1) {
        throw new BadInputError(
          `Cannot store a layout: series ${this.labels(id).toString()} occurs twice, each must occur once`,
        );
      }
      seen[id] = 1;
    }
  }
}

function checkCount(series: readonly Labels[]): void {
  if (series.length > MAX_LAYOUT_SERIES) {
    throw new BadInputError(
      `Cannot store ${series.length} series of one target: at most ${MAX_LAYOUT_SERIES} are allowed`,
    );
  }
}

function hashOf(seriesIds: Uint32Array): number {
  let hash = seriesIds.length;
  for (const id of seriesIds) hash = extendHash(hash, id);
  return hash;
}

function areEqual(left: Uint32Array, right: Uint32Array): boolean {
  if (left.length !== right.length) return false;
  for (let index = 0; index < left.length; index++) if (left[index] !== right[index]) return false;
  return true;
}
