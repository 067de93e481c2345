import { BadInputError } from "../../../exporter/shared/model/errors.js";
import { extendHash } from "../../../exporter/shared/model/hash.js";
import type { Labels } from "../../../exporter/shared/model/labels.js";
import type { Layout } from "./sample-writer.js";

/** Series one layout may have. */
export const MAX_LAYOUT_SERIES = 250_000;

/** A layout that knows the number of each of its label sets in the registry. */
export interface InternedLayout extends Layout {
  /** `seriesIds[column]` names the label set of that column in the registry. */
  readonly seriesIds: Uint32Array;
}

/**
 * Label sets and layouts, each kept once for the whole fleet.
 *
 * Numbers of label sets are small and used again when a label set is forgotten: they index arrays.
 * They mean nothing outside this process.
 */
export class LayoutRegistry {
  private readonly idOfKey = new Map<string, number>();
  private readonly labelsOfId: (Labels | undefined)[] = [];
  private readonly freeIds: number[] = [];
  private readonly byHash = new Map<number, InternedLayout[]>();
  private nextLayoutId = 1;
  private count = 0;
  private scratch = new Int32Array(0);

  /** Label sets known; ids are below `idLimit`. */
  get seriesCount(): number {
    return this.idOfKey.size;
  }

  get idLimit(): number {
    return this.labelsOfId.length;
  }

  get layoutCount(): number {
    return this.count;
  }

  /** @throws {BadInputError} when there are too many series or one occurs twice */
  intern(series: readonly Labels[]): InternedLayout {
    if (series.length > MAX_LAYOUT_SERIES) {
      throw new BadInputError(
        `Cannot store ${series.length} series of one target: at most ${MAX_LAYOUT_SERIES} can be`,
      );
    }
    const seriesIds = new Uint32Array(series.length);
    for (let column = 0; column < series.length; column++)
      seriesIds[column] = this.internLabels(series[column] as Labels);
    const known = this.find(seriesIds);
    if (known !== undefined) return known;
    this.rejectDuplicates(seriesIds);
    return this.add(seriesIds);
  }

  /** @param seriesIds numbers of this registry, each once; kept, not copied */
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
    return this.labelsOfId[seriesId] as Labels;
  }

  /**
   * Runs `use` with one number per label set, all -1, and makes them -1 again for the `touched`
   * label sets it returns. For translating columns of one layout into another without a map.
   */
  withScratch(use: (scratch: Int32Array) => Uint32Array): void {
    if (this.scratch.length < this.idLimit)
      this.scratch = new Int32Array(Math.ceil(this.idLimit * 1.5)).fill(-1);
    const { scratch } = this;
    for (const id of use(scratch)) scratch[id] = -1;
  }

  /**
   * Forgets every layout but `used`, and every label set that neither those nor `usedIdLists` have.
   */
  keepOnly(used: ReadonlySet<Layout>, usedIdLists: Iterable<Uint32Array>): void {
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
    }
  }

  /**
   * The layout itself if it is still known, else an equal one: a caller may hold one that was
   * forgotten.
   */
  current(layout: Layout): InternedLayout {
    const interned = layout as InternedLayout;
    const known =
      "seriesIds" in layout &&
      this.byHash.get(hashOf(interned.seriesIds))?.includes(interned) === true;
    return known ? interned : this.intern(layout.series);
  }

  private find(seriesIds: Uint32Array): InternedLayout | undefined {
    return this.byHash
      .get(hashOf(seriesIds))
      ?.find((layout) => areEqual(layout.seriesIds, seriesIds));
  }

  private add(seriesIds: Uint32Array): InternedLayout {
    const series = Array.from(seriesIds, (id) => this.labels(id));
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
          `Cannot store a layout: series ${this.labels(id).toString()} is there twice, once it may be`,
        );
      }
      seen[id] = 1;
    }
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
