import { BadInputError } from "../../../exporter/shared/model/errors.js";
import { type LabelPair, Labels } from "../../../exporter/shared/model/labels.js";
import type { LabelMatcher } from "../model/label-matcher.js";
import type { LayoutRegistry } from "../model/layout-registry.js";
import type { Layout } from "../model/sample-writer.js";
import type { RememberedMatchers, SelectedColumns } from "./selection-memory.js";

/** One bit of a 32-bit number per matcher. */
const MAX_MATCHERS = 30;
const UNKNOWN = 0;
const NEVER = 0xffffffff;
const NO_COLUMNS = new Uint32Array(0);

/**
 * Finds the columns that satisfy matchers. Each label set of the fleet is looked at once, each
 * layout once per outcome of the matchers on target labels: the cost does not grow with the number
 * of equal hosts.
 *
 * Label sets are known by their numbers in the registry: use it before giving up control, not
 * after.
 */
export class SeriesSelection {
  /**
   * For each label set: 1 + the matchers that its target must satisfy because it lacks the label.
   */
  private neededOf: Uint32Array | undefined;

  /** @throws {BadInputError} when there are too many matchers */
  constructor(
    private readonly matchers: readonly LabelMatcher[],
    private readonly registry: LayoutRegistry,
    private readonly remembered: RememberedMatchers,
  ) {
    if (matchers.length > MAX_MATCHERS) {
      throw new BadInputError(
        `Cannot select series: ${matchers.length} matchers are given, at most ${MAX_MATCHERS} can be`,
      );
    }
  }

  /** The matchers that a target's labels satisfy, one bit each. */
  satisfiedBy(target: Labels): number {
    const known = this.remembered.satisfiedBy.get(target);
    if (known !== undefined) return known;
    let satisfied = 0;
    this.matchers.forEach((matcher, index) => {
      if (matcher.matches(target.get(matcher.name))) satisfied |= 1 << index;
    });
    this.remembered.satisfiedBy.set(target, satisfied);
    return satisfied;
  }

  /**
   * False when surely no series with only these labels of its own matches in a table whose target
   * satisfies `satisfied`: some matcher fails on the target, and no series has a label to meet it.
   */
  canMatch(ownNames: ReadonlySet<string>, satisfied: number): boolean {
    for (let index = 0; index < this.matchers.length; index++) {
      const isMet = (satisfied & (1 << index)) !== 0;
      if (!isMet && !ownNames.has((this.matchers[index] as LabelMatcher).name)) return false;
    }
    return true;
  }

  /** Columns of interned series that match in a table whose target satisfies `satisfied`. */
  columns(
    layout: Layout & { readonly seriesIds: Uint32Array },
    satisfied: number,
  ): SelectedColumns {
    return this.remember(layout, satisfied, () => {
      const columns = this.columnsAmong(layout.seriesIds, satisfied);
      return { columns, labels: Array.from(columns, (column) => layout.series[column] as Labels) };
    });
  }

  /** As `columns`, for series that are no layout of their own; only their numbers are found. */
  columnsAmong(seriesIds: Uint32Array, satisfied: number): Uint32Array {
    return ascending(seriesIds.length, (column) =>
      isSatisfied(this.needed(seriesIds[column] as number), satisfied),
    );
  }

  /** As `columns`, for label sets without numbers: those of a block. */
  columnsOfBlock(series: readonly Labels[], satisfied: number): SelectedColumns {
    return this.remember(series, satisfied, () => {
      const matches = (column: number): boolean =>
        isSatisfied(this.evaluate(series[column] as Labels), satisfied);
      const columns = ascending(series.length, matches);
      return { columns, labels: Array.from(columns, (column) => series[column] as Labels) };
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

  private needed(id: number): number {
    this.neededOf ??= new Uint32Array(this.registry.idLimit);
    const known = this.neededOf[id] as number;
    if (known !== UNKNOWN) return known;
    const needed = this.evaluate(this.registry.labels(id));
    this.neededOf[id] = needed;
    return needed;
  }

  private evaluate(labels: Labels): number {
    let needed = 0;
    for (let index = 0; index < this.matchers.length; index++) {
      const matcher = this.matchers[index] as LabelMatcher;
      const value = labels.get(matcher.name);
      if (value === "") needed |= 1 << index;
      else if (!matcher.matches(value)) return NEVER;
    }
    return needed + 1;
  }
}

const isSatisfied = (needed: number, satisfied: number): boolean =>
  needed !== NEVER && ((needed - 1) & ~satisfied) === 0;

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

/** The labels of a series: those of its layout, and those of its target that it lacks. */
export function withTargetLabels(own: Labels, target: Labels): Labels {
  if (target.pairs.length === 0) return own;
  const pairs: LabelPair[] = [];
  let ownAt = 0;
  let targetAt = 0;
  while (ownAt < own.pairs.length && targetAt < target.pairs.length) {
    const ownPair = own.pairs[ownAt] as LabelPair;
    const targetPair = target.pairs[targetAt] as LabelPair;
    if (targetPair[0] < ownPair[0]) {
      pairs.push(targetPair);
      targetAt++;
    } else {
      pairs.push(ownPair);
      ownAt++;
      if (targetPair[0] === ownPair[0]) targetAt++;
    }
  }
  for (; ownAt < own.pairs.length; ownAt++) pairs.push(own.pairs[ownAt] as LabelPair);
  for (; targetAt < target.pairs.length; targetAt++)
    pairs.push(target.pairs[targetAt] as LabelPair);
  return Labels.ofSorted(pairs);
}
