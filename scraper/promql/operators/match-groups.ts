import { itemAt } from "../../../exporter/shared/model/get-or-throw.js";
import { Labels, quoteLabelValue } from "../../../exporter/shared/model/labels.js";
import type { VectorMatching } from "../language/ast.js";
import { METADATA_LABELS } from "../evaluation/label-keys.js";
import type { Evaluation } from "../evaluation/evaluation.js";
import type { Pacer } from "../evaluation/pacer.js";
import { QueryExecutionError } from "../language/query-errors.js";
import type { VectorBlock } from "../evaluation/vector-block.js";

/**
 * The two sides of a vector operation. In a one-to-one matching, the left side is the "many" side.
 */
export interface MatchContext {
  readonly matching: VectorMatching;
  readonly many: VectorBlock;
  readonly manyGroups: Int32Array;
  readonly one: VectorBlock;
  readonly oneGroups: Int32Array;
  readonly groupCount: number;
}

const NO_ROWS: readonly number[] = [];
/** The work of one row besides its steps, in values for the pacer. */
const WORK_PER_ROW = 32;

/**
 * The side of a matching with at most one sample per match group and step. Several series may be in
 * one group as long as no two of them have a sample at the same step.
 */
export class OneSide {
  private readonly rowsOfGroup: (number[] | undefined)[];
  private readonly rowAtOfGroup: (Int32Array | undefined)[];
  private readonly absentEverywhere: Int32Array;

  private constructor(
    private readonly context: MatchContext,
    private readonly pacer: Pacer,
  ) {
    const { one, groupCount } = context;
    this.rowsOfGroup = new Array<number[] | undefined>(groupCount);
    this.rowAtOfGroup = new Array<Int32Array | undefined>(groupCount);
    this.absentEverywhere = new Int32Array(one.steps).fill(-1);
  }

  /**
   * @throws {QueryExecutionError} when two series of a group have a sample at a step where anything
   * can match
   */
  static async create(
    context: MatchContext,
    { isFilled }: { isFilled: boolean },
    { pacer, budget }: Pick<Evaluation, "pacer" | "budget">,
  ): Promise<OneSide> {
    const side = new OneSide(context, pacer);
    const { one, oneGroups } = context;
    const checkedSteps = isFilled ? undefined : await presentSteps(context.many, pacer);
    budget.take(one.values.length); // A group has a number for each of its steps.
    for (const [row, group] of oneGroups.entries()) {
      const rows = (side.rowsOfGroup[group] ??= []);
      rows.push(row);
      side.place(row, (side.rowAtOfGroup[group] ??= side.absentEverywhere.slice()), checkedSteps);
      if (pacer.isDue(one.steps + WORK_PER_ROW)) await pacer.pause();
    }
    return side;
  }

  /**
   * @param checkedSteps 1 at the steps where a second series is an error; undefined for all steps
   */
  private place(row: number, rowAt: Int32Array, checkedSteps: Uint8Array | undefined): void {
    const { one } = this.context;
    for (let step = 0; step < one.steps; step++) {
      if (one.present[row * one.steps + step] === 0) continue;
      const other = rowAt[step] as number;
      if (other >= 0 && checkedSteps?.[step] !== 0) throw this.duplicateError(other, row);
      rowAt[step] = row;
    }
  }

  /** The rows of the "one" side in the match group of a row of the "many" side. */
  rowsFor(manyRow: number): readonly number[] {
    return this.rowsOfGroup[this.context.manyGroups[manyRow] as number] ?? NO_ROWS;
  }

  /** The row of the "one" side that matches a row of the "many" side at each step; -1 for none. */
  rowAt(manyRow: number): Int32Array {
    return this.rowAtOfGroup[this.context.manyGroups[manyRow] as number] ?? this.absentEverywhere;
  }

  /** The most rows that the result can have, apart from filled rows of the "one" side. */
  async countPairs(isOneFilled: boolean): Promise<number> {
    let pairs = 0;
    for (let row = 0; row < this.context.many.labels.length; row++) {
      pairs += this.rowsFor(row).length + (isOneFilled ? 1 : 0);
      if (this.pacer.isDue(1)) await this.pacer.pause();
    }
    return pairs;
  }

  /**
   * Returns 1 at each step where the "many" side has a sample in the match group of a row of the
   * "one" side.
   */
  async matchedSteps(): Promise<(oneRow: number) => Uint8Array> {
    const { many, manyGroups, oneGroups } = this.context;
    const nothing = new Uint8Array(many.steps);
    const matched = new Map<number, Uint8Array>();
    for (const [row, group] of manyGroups.entries()) {
      const steps = matched.get(group) ?? nothing.slice();
      for (let step = 0; step < many.steps; step++)
        if (many.present[row * many.steps + step] === 1) steps[step] = 1;
      matched.set(group, steps);
      if (this.pacer.isDue(many.steps + WORK_PER_ROW)) await this.pacer.pause();
    }
    return (oneRow) => matched.get(oneGroups[oneRow] as number) ?? nothing;
  }

  /**
   * In a one-to-one matching the other side has to be unique too.
   *
   * @throws {QueryExecutionError} when it is not
   */
  async checkManySide(isOneFilled: boolean): Promise<void> {
    const { matching, many, manyGroups, groupCount } = this.context;
    if (matching.cardinality !== "one-to-one") return;
    const firstOfGroup = new Int32Array(groupCount).fill(-1);
    const takenOfGroup = new Map<number, Uint8Array>();
    for (const [row, group] of manyGroups.entries()) {
      if (this.pacer.isDue(many.steps)) await this.pacer.pause();
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
    const labels = itemAt(one.labels, firstRow);
    const sorted = [labels, itemAt(one.labels, secondRow)].sort(Labels.compare);
    const side = matching.cardinality === "one-to-many" ? "left" : "right";
    const group = bracedLabels(matchLabels(labels, matching));
    const pair = `[${sorted.map(bracedLabels).join(", ")}]`;
    return new QueryExecutionError(
      `found duplicate series for the match group ${group} on the ${side} hand-side of the operation: ${pair};` +
        "many-to-many matching not allowed: matching labels must be unique on one side",
    );
  }
}

/** The labels by which a series is matched. */
export function matchLabels(labels: Labels, { on, labels: names }: VectorMatching): Labels {
  return on ? labels.only(names) : labels.without(...names, ...METADATA_LABELS);
}

/** A label set as Prometheus' messages print it, with the metric name as one of the labels. */
const bracedLabels = ({ pairs }: Labels): string =>
  `{${pairs.map(([name, value]) => `${name}=${quoteLabelValue(value)}`).join(", ")}}`;

async function presentSteps(
  { steps, labels, present }: VectorBlock,
  pacer: Pacer,
): Promise<Uint8Array> {
  const anyPresent = new Uint8Array(steps);
  for (let row = 0; row < labels.length; row++) {
    for (let step = 0; step < steps; step++)
      if (present[row * steps + step] === 1) anyPresent[step] = 1;
    if (pacer.isDue(steps)) await pacer.pause();
  }
  return anyPresent;
}

const presentStepsOf = ({ steps, present }: VectorBlock, row: number): Uint8Array =>
  present.slice(row * steps, (row + 1) * steps);
