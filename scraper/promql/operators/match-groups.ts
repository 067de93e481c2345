import { Labels, quoteLabelValue } from "../../../exporter/shared/model/labels.js";
import type { VectorMatching } from "../language/ast.js";
import { METADATA_LABELS } from "../evaluation/metadata-labels.js";
import { QueryExecutionError } from "../language/query-errors.js";
import type { VectorBlock } from "../evaluation/vector-block.js";

export interface MatchContext {
  readonly matching: VectorMatching;
  readonly many: VectorBlock;
  readonly manyGroups: Int32Array;
  readonly one: VectorBlock;
  readonly oneGroups: Int32Array;
  readonly groupCount: number;
}

const NO_ROWS: readonly number[] = [];

/**
 * The side of a matching that has at most one sample per match group and step. Several series may share a group as
 * long as they are never present together.
 */
export class OneSide {
  private readonly rowsOfGroup: (number[] | undefined)[];
  private readonly rowAtOfGroup: (Int32Array | undefined)[];
  private readonly absentEverywhere: Int32Array;

  /** @throws {QueryExecutionError} when two series of a group are present at a step at which anything could match */
  constructor(
    private readonly context: MatchContext,
    { isFilled }: { isFilled: boolean },
  ) {
    const { one, oneGroups, groupCount } = context;
    this.rowsOfGroup = new Array<number[] | undefined>(groupCount);
    this.rowAtOfGroup = new Array<Int32Array | undefined>(groupCount);
    this.absentEverywhere = new Int32Array(one.steps).fill(-1);
    const matters = isFilled ? undefined : presentSteps(context.many);
    for (const [row, group] of oneGroups.entries()) {
      const rows = (this.rowsOfGroup[group] ??= []);
      rows.push(row);
      this.place(row, (this.rowAtOfGroup[group] ??= this.absentEverywhere.slice()), matters);
    }
  }

  private place(row: number, rowAt: Int32Array, matters: Uint8Array | undefined): void {
    const { one } = this.context;
    for (let step = 0; step < one.steps; step++) {
      if (one.present[row * one.steps + step] === 0) continue;
      const other = rowAt[step] as number;
      if (other >= 0 && matters?.[step] !== 0) throw this.duplicateError(other, row);
      rowAt[step] = row;
    }
  }

  /** Rows of the one side that a row of the many side may meet. */
  rowsFor(manyRow: number): readonly number[] {
    return this.rowsOfGroup[this.context.manyGroups[manyRow] as number] ?? NO_ROWS;
  }

  /** Which row of the one side a row of the many side meets at each step; -1 for none. */
  rowAt(manyRow: number): Int32Array {
    return this.rowAtOfGroup[this.context.manyGroups[manyRow] as number] ?? this.absentEverywhere;
  }

  /** How many rows combining can give. */
  countPairs(isOneFilled: boolean): number {
    let pairs = 0;
    for (let row = 0; row < this.context.many.labels.length; row++) {
      pairs += this.rowsFor(row).length + (isOneFilled ? 1 : 0);
    }
    return pairs;
  }

  /** For every match group, 1 at each step at which the many side has a sample of it. */
  matchedSteps(): (oneRow: number) => Uint8Array {
    const { many, manyGroups, oneGroups } = this.context;
    const nothing = new Uint8Array(many.steps);
    const matched = new Map<number, Uint8Array>();
    for (const [row, group] of manyGroups.entries()) {
      const steps = matched.get(group) ?? nothing.slice();
      for (let step = 0; step < many.steps; step++)
        if (many.present[row * many.steps + step] === 1) steps[step] = 1;
      matched.set(group, steps);
    }
    return (oneRow) => matched.get(oneGroups[oneRow] as number) ?? nothing;
  }

  /**
   * In a one-to-one matching the other side has to be unique too.
   *
   * @throws {QueryExecutionError} when it is not
   */
  checkManySide(isOneFilled: boolean): void {
    const { matching, many, manyGroups, groupCount } = this.context;
    if (matching.cardinality !== "one-to-one") return;
    const firstOfGroup = new Int32Array(groupCount).fill(-1);
    const takenOfGroup = new Map<number, Uint8Array>();
    for (const [row, group] of manyGroups.entries()) {
      const first = firstOfGroup[group] as number;
      if (first < 0) {
        firstOfGroup[group] = row;
        continue;
      }
      let taken = takenOfGroup.get(group);
      if (taken === undefined) takenOfGroup.set(group, (taken = presentStepsOf(many, first)));
      const rowAt = this.rowAt(row);
      for (let step = 0; step < many.steps; step++) {
        if (many.present[row * many.steps + step] === 0) continue;
        if (taken[step] === 1 && (isOneFilled || (rowAt[step] as number) >= 0)) {
          const remedy = "many-to-one matching must be explicit (group_left/group_right)";
          throw new QueryExecutionError(`multiple matches for labels: ${remedy}`);
        }
        taken[step] = 1;
      }
    }
  }

  private duplicateError(firstRow: number, secondRow: number): QueryExecutionError {
    const { one, matching } = this.context;
    const [first, second] = [one.labels[firstRow] as Labels, one.labels[secondRow] as Labels].sort(
      Labels.compare,
    );
    const side = matching.cardinality === "one-to-many" ? "left" : "right";
    const group = bracedLabels(matchLabels(first as Labels, matching));
    const pair = `[${bracedLabels(first as Labels)}, ${bracedLabels(second as Labels)}]`;
    return new QueryExecutionError(
      `found duplicate series for the match group ${group} on the ${side} hand-side of the operation: ${pair};` +
        "many-to-many matching not allowed: matching labels must be unique on one side",
    );
  }
}

/** The labels by which a series finds partners. */
export function matchLabels(labels: Labels, { on, labels: names }: VectorMatching): Labels {
  return on ? labels.only(names) : labels.without(...names, ...METADATA_LABELS);
}

/** Prometheus prints label sets in messages with the name among the labels. */
const bracedLabels = ({ pairs }: Labels): string =>
  `{${pairs.map(([name, value]) => `${name}=${quoteLabelValue(value)}`).join(", ")}}`;

function presentSteps({ steps, labels, present }: VectorBlock): Uint8Array {
  const anyPresent = new Uint8Array(steps);
  for (let row = 0; row < labels.length; row++) {
    for (let step = 0; step < steps; step++)
      if (present[row * steps + step] === 1) anyPresent[step] = 1;
  }
  return anyPresent;
}

const presentStepsOf = ({ steps, present }: VectorBlock, row: number): Uint8Array =>
  present.slice(row * steps, (row + 1) * steps);
