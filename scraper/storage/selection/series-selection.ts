import { BadInputError } from "../../../exporter/shared/model/errors.js";
import { itemAt } from "../../../exporter/shared/model/get-or-throw.js";
import type { Labels } from "../../../exporter/shared/model/labels.js";
import { type LabelMatcher, wantedName } from "../model/label-matcher.js";
import type { InternedLayout, LayoutRegistry } from "../model/layout-registry.js";
import type { Pace } from "../model/querier.js";
import { namedColumnsOf } from "./named-columns.js";
import type { RememberedMatchers, SelectedColumns } from "./selection-memory.js";

/** Each matcher has one bit of a 32-bit number. */
const MAX_MATCHERS = 30;
/** The work of looking at one label set, in values for the pace. */
const WORK_PER_LABEL_SET = 8;
const UNKNOWN = 0;
const NEVER = 0xffffffff;
const NO_COLUMNS = new Uint32Array(0);

/**
 * Finds the columns that satisfy all matchers of a query.
 *
 * The matchers are evaluated once per label set of the fleet, and each layout is searched once per
 * outcome of the matchers on target labels: the cost does not grow with the number of equal hosts.
 *
 * `columns` and `columnsAmong` must be called in one turn of the event loop, for all layouts there
 * are. `prepare` does most of their work before, in slices.
 */
export class SeriesSelection {
  /** Per label set: 1 + the matchers that the target must satisfy, because the label is missing. */
  private neededOf = new Uint32Array(0);
  /** Numbers of label sets in `neededOf` are valid until the next sweep of the registry. */
  private sweep = -1;

  /** The metric name that all wanted series have. */
  private readonly name: string | undefined;
  private readonly workPerLabelSet: number;

  /** @throws {BadInputError} when there are too many matchers */
  constructor(
    private readonly matchers: readonly LabelMatcher[],
    private readonly registry: LayoutRegistry,
    private readonly remembered: RememberedMatchers,
  ) {
    if (matchers.length > MAX_MATCHERS) {
      throw new BadInputError(
        `Cannot select series: there are ${matchers.length} matchers, at most ${MAX_MATCHERS} are allowed`,
      );
    }
    this.name = wantedName(matchers);
    this.workPerLabelSet = matchers.reduce((sum, { work }) => sum + work, WORK_PER_LABEL_SET);
  }

  /** The matchers that the labels of a target satisfy, one bit each. */
  satisfiedBy(target: Labels): number {
    const known = this.remembered.satisfiedBy.get(target);
    if (known !== undefined) return known;
    let satisfied = 0;
    for (const [index, matcher] of this.matchers.entries())
      if (matcher.matches(target.get(matcher.name))) satisfied |= 1 << index;
    this.remembered.satisfiedBy.set(target, satisfied);
    return satisfied;
  }

  /**
   * False when no series of a table can match: some matcher fails on the target, and no series has a
   * label of that name.
   *
   * @param ownNames names of the labels that series of the table have
   * @param satisfied as `satisfiedBy` returned it for the target of the table
   */
  canMatch(ownNames: ReadonlySet<string>, satisfied: number): boolean {
    for (const [index, { name }] of this.matchers.entries()) {
      const isMet = (satisfied & (1 << index)) !== 0;
      if (!isMet && !ownNames.has(name)) return false;
    }
    return true;
  }

  /**
   * Finds the matching columns of a layout in slices, so that `columns` need not.
   *
   * @throws what `pace` throws
   */
  async prepare(layout: InternedLayout, satisfied: number, pace: Pace): Promise<void> {
    if (this.remembered.columns.get(layout)?.has(satisfied) === true) return;
    const { name } = this;
    const named = name === undefined ? undefined : namedColumnsOf(layout);
    if (name !== undefined && named !== undefined) {
      await this.prepareNamed(layout, named.with(name), satisfied, pace);
      return;
    }
    const { seriesIds, series } = layout;
    const found = new Uint32Array(seriesIds.length);
    const { sweepCount } = this.registry;
    let count = 0;
    for (let column = 0; column < seriesIds.length; column++) {
      const own = itemAt(series, column);
      // After a sweep, the numbers of an old layout may have other label sets.
      const needed =
        this.registry.sweepCount === sweepCount
          ? this.needed(seriesIds[column] as number, own)
          : this.evaluate(own);
      if (isSatisfied(needed, satisfied)) found[count++] = column;
      if (pace.isDue(this.workPerLabelSet)) await pace.pause();
    }
    const columns = found.slice(0, count);
    const labels: Labels[] = [];
    for (const column of columns) {
      labels.push(itemAt(series, column));
      if (pace.isDue(1)) await pace.pause();
    }
    this.remember(layout, satisfied, () => ({ columns, labels }));
  }

  /** As `columns`, if they are known. */
  known(layout: object, satisfied: number): SelectedColumns | undefined {
    return this.remembered.columns.get(layout)?.get(satisfied);
  }

  /** As `columns`, for a window of one table; found again when it has other columns. */
  columnsOfWindow(
    window: { readonly columnCount: number; readonly clears: number },
    find: () => SelectedColumns,
  ): SelectedColumns {
    const { columnCount, clears } = window;
    const known = this.remembered.windows.get(window);
    if (known?.columnCount === columnCount && known.clears === clears) return known.selected;
    const selected = find();
    this.remembered.windows.set(window, { columnCount, clears, selected });
    return selected;
  }

  /** As `prepare`, with the columns that may have the wanted metric name. */
  private async prepareNamed(
    layout: InternedLayout,
    candidates: Iterable<number>,
    satisfied: number,
    pace: Pace,
  ): Promise<void> {
    const columns: number[] = [];
    const labels: Labels[] = [];
    for (const column of candidates) {
      const own = itemAt(layout.series, column);
      if (isSatisfied(this.evaluate(own), satisfied)) {
        columns.push(column);
        labels.push(own);
      }
      if (pace.isDue(this.workPerLabelSet)) await pace.pause();
    }
    this.remember(layout, satisfied, () => ({ columns: Uint32Array.from(columns), labels }));
  }

  /** Matching columns of a layout, in a table whose target satisfies `satisfied`. */
  columns(layout: InternedLayout, satisfied: number): SelectedColumns {
    return this.remember(layout, satisfied, () => {
      const columns = this.columnsAmong(layout.seriesIds, satisfied);
      return { columns, labels: labelsAt(layout.series, columns) };
    });
  }

  /** As `columns`, for series that form no layout; finds only their positions. */
  columnsAmong(seriesIds: Uint32Array, satisfied: number): Uint32Array {
    return ascending(seriesIds.length, (column) =>
      isSatisfied(this.neededById(seriesIds[column] as number), satisfied),
    );
  }

  /** As `columns`, for the series of a block, which have no numbers in the registry. */
  columnsOfBlock(series: readonly Labels[], satisfied: number): SelectedColumns {
    return this.remember(series, satisfied, () => {
      const needed = Uint32Array.from(series, (labels) => this.evaluate(labels));
      const columns = ascending(series.length, (column) =>
        isSatisfied(needed[column] as number, satisfied),
      );
      return { columns, labels: labelsAt(series, columns) };
    });
  }

  private remember(
    layout: object,
    satisfied: number,
    find: () => SelectedColumns,
  ): SelectedColumns {
    let bySatisfied = this.remembered.columns.get(layout);
    if (bySatisfied === undefined) {
      bySatisfied = new Map<number, SelectedColumns>();
      this.remembered.columns.set(layout, bySatisfied);
    }
    let selected = bySatisfied.get(satisfied);
    if (selected === undefined) bySatisfied.set(satisfied, (selected = find()));
    return selected;
  }

  private neededById(id: number): number {
    return this.needed(id, undefined);
  }

  /** @param labels of this number when it was given; undefined for those it has now */
  private needed(id: number, labels: Labels | undefined): number {
    const { registry } = this;
    if (this.sweep !== registry.sweepCount) {
      this.sweep = registry.sweepCount;
      this.neededOf = new Uint32Array(registry.idLimit);
    } else if (id >= this.neededOf.length) {
      const grown = new Uint32Array(Math.max(id + 1, registry.idLimit));
      grown.set(this.neededOf);
      this.neededOf = grown;
    }
    const known = this.neededOf[id] as number;
    if (known !== UNKNOWN) return known;
    const needed = this.evaluate(labels ?? registry.labels(id));
    this.neededOf[id] = needed;
    return needed;
  }

  private evaluate(labels: Labels): number {
    let needed = 0;
    let bit = 1;
    for (const matcher of this.matchers) {
      const value = labels.get(matcher.name);
      if (value === "") needed |= bit;
      else if (!matcher.matches(value)) return NEVER;
      bit <<= 1;
    }
    return needed + 1;
  }
}

const isSatisfied = (needed: number, satisfied: number): boolean =>
  needed !== NEVER && ((needed - 1) & ~satisfied) === 0;

function labelsAt(series: readonly Labels[], columns: Uint32Array): readonly Labels[] {
  return Array.from(columns, (column) => itemAt(series, column));
}

function ascending(count: number, isWanted: (column: number) => boolean): Uint32Array {
  let found = 0;
  let columns = NO_COLUMNS;
  for (let column = 0; column < count; column++) {
    if (!isWanted(column)) continue;
    if (columns.length === 0) columns = new Uint32Array(count);
    columns[found++] = column;
  }
  return found === 0 ? NO_COLUMNS : columns.slice(0, found);
}
