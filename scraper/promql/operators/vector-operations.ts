/**
 * Arithmetic and comparisons between two vectors. Two `VectorBlock`s of the same steps come in, one
 * goes out. Rows of the two sides are matched by their labels (vector-signatures.ts,
 * match-groups.ts), then combined step by step. `and`, `or` and `unless` are in set-operations.ts,
 * and operations with a scalar in scalar-operations.ts. Loops over rows pace the query; the result
 * is taken from its budget first.
 */
import { itemAt } from "../../../exporter/shared/model/get-or-throw.js";
import type { Labels } from "../../../exporter/shared/model/labels.js";
import type { BinaryOperation } from "../language/ast.js";
import type { Evaluation } from "../evaluation/evaluation.js";
import { matchLabels, OneSide, type MatchContext } from "./match-groups.js";
import { WORK_PER_KEY, withoutMetadata } from "../evaluation/label-keys.js";
import type { Pacer } from "../evaluation/pacer.js";
import { COMPARISON, arithmeticOf } from "./float-operators.js";
import { QueryExecutionError } from "../language/query-errors.js";
import { isComparison } from "../language/tokens.js";
import { BlockBuilder, mergeSameLabels, type VectorBlock } from "../evaluation/vector-block.js";
import { Signatures } from "./vector-signatures.js";

/** Combines the samples of two vectors that have the same matching labels. */
export async function combineVectors(
  node: BinaryOperation,
  left: VectorBlock,
  right: VectorBlock,
  evaluation: Evaluation,
): Promise<VectorBlock> {
  const { matching } = node;
  const oneIsLeft = matching.cardinality === "one-to-many";
  const [many, one] = oneIsLeft ? [right, left] : [left, right];
  // As in Prometheus, which swaps the sides of group_right but not the two values.
  const { fillLeft: fillMany, fillRight: fillOne } = matching;
  const signatures = new Signatures(matching);
  const manyGroups = await signatures.numberRows(many, evaluation.pacer);
  const oneGroups = await signatures.numberRows(one, evaluation.pacer);
  const context: MatchContext = {
    matching,
    many,
    manyGroups,
    one,
    oneGroups,
    groupCount: signatures.count,
  };
  const isFilled = fillOne !== undefined || fillMany !== undefined;
  const oneSide = await OneSide.create(context, { isFilled }, evaluation);
  await oneSide.checkManySide(fillOne !== undefined);
  const pairs = await oneSide.countPairs(fillOne !== undefined);
  const maxRows = pairs + (fillMany === undefined ? 0 : one.labels.length);
  evaluation.budget.take(maxRows * many.steps);
  const builder = new BlockBuilder(many.steps, maxRows);
  const writer = new PairWriter(
    node,
    context,
    builder,
    evaluation.features.has("promql-delayed-name-removal"),
  );
  for (let row = 0; row < many.labels.length; row++) {
    for (const oneRow of oneSide.rowsFor(row)) writer.writePair(row, oneRow, oneSide.rowAt(row));
    if (fillOne !== undefined) writer.writeUnmatchedMany(row, fillOne, oneSide.rowAt(row));
    if (evaluation.pacer.isDue(many.steps + WORK_PER_KEY)) await evaluation.pacer.pause();
  }
  if (fillMany !== undefined) {
    const matchedSteps = await oneSide.matchedSteps();
    for (let row = 0; row < one.labels.length; row++) {
      writer.writeUnmatchedOne(row, fillMany, matchedSteps(row));
      if (evaluation.pacer.isDue(one.steps + WORK_PER_KEY)) await evaluation.pacer.pause();
    }
  }
  return (await resultsAreUnique(node, context, evaluation.pacer))
    ? builder.build()
    : mergeSameLabels(builder.build(), evaluation.pacer);
}

/**
 * True when no two rows of the result can have the same labels: every match group has one row on
 * each side, and the result has the matching labels. A filled result is in its own row, with the
 * same labels as that of the pair.
 */
async function resultsAreUnique(
  { operator, matching }: BinaryOperation,
  context: MatchContext,
  pacer: Pacer,
): Promise<boolean> {
  if ((matching.fillLeft ?? matching.fillRight) !== undefined) return false;
  const { manyGroups, oneGroups, groupCount } = context;
  const hasOneRowPerGroup = async (groups: Int32Array): Promise<boolean> => {
    const isTaken = new Uint8Array(groupCount);
    for (const group of groups) {
      if (isTaken[group] === 1) return false;
      isTaken[group] = 1;
      if (pacer.isDue(1)) await pacer.pause();
    }
    return true;
  };
  if (matching.cardinality !== "one-to-one" || (isComparison(operator) && !matching.on))
    return false;
  return (
    groupCount > 0 && (await hasOneRowPerGroup(manyGroups)) && (await hasOneRowPerGroup(oneGroups))
  );
}

/** Writes the results of row pairs into a builder. */
class PairWriter {
  private readonly combine: (left: number, right: number) => number;
  private readonly keeps: (left: number, right: number) => boolean;
  private readonly isSwapped: boolean;
  private readonly labelsOfGroups = new Map<number, Map<string, number[]>>();

  constructor(
    private readonly node: BinaryOperation,
    private readonly context: MatchContext,
    private readonly builder: BlockBuilder,
    private readonly isNameRemovalDelayed: boolean,
  ) {
    const { operator, returnsBool } = node;
    this.isSwapped = node.matching.cardinality === "one-to-many";
    if (!isComparison(operator)) {
      this.combine = arithmeticOf(operator);
      this.keeps = () => true;
    } else {
      const holds = COMPARISON[operator];
      this.combine = returnsBool ? (left, right) => (holds(left, right) ? 1 : 0) : (left) => left;
      this.keeps = returnsBool ? () => true : holds;
    }
  }

  /** @param rowAt the matching row of the "one" side at each step, or -1 */
  writePair(manyRow: number, oneRow: number, rowAt: Int32Array): void {
    const { many, one } = this.context;
    const { steps } = many;
    const labels = this.resultLabels(itemAt(many.labels, manyRow), itemAt(one.labels, oneRow));
    if (this.context.matching.cardinality !== "one-to-one")
      this.checkUnique(manyRow, labels, rowAt);
    const { offset } = this.builder;
    for (let step = 0; step < steps; step++) {
      if (rowAt[step] !== oneRow || many.present[manyRow * steps + step] === 0) continue;
      const manyValue = many.values[manyRow * steps + step] as number;
      this.write(offset, step, manyValue, one.values[oneRow * steps + step] as number);
    }
    this.finish(labels);
  }

  /**
   * Writes the steps at which a row of the "many" side has no match, with `fill` as the other
   * value.
   */
  writeUnmatchedMany(manyRow: number, fill: number, rowAt: Int32Array): void {
    const { many, matching } = this.context;
    const { steps } = many;
    const manyLabels = itemAt(many.labels, manyRow);
    const { offset } = this.builder;
    for (let step = 0; step < steps; step++) {
      if ((rowAt[step] as number) >= 0 || many.present[manyRow * steps + step] === 0) continue;
      this.write(offset, step, many.values[manyRow * steps + step] as number, fill);
    }
    this.finish(this.resultLabels(manyLabels, matchLabels(manyLabels, matching)));
  }

  /**
   * Writes the steps at which a row of the "one" side has no match, with `fill` as the other value.
   *
   * @param matched 1 at the steps where the row has a match
   */
  writeUnmatchedOne(oneRow: number, fill: number, matched: Uint8Array): void {
    const { one, matching } = this.context;
    const { steps } = one;
    const oneLabels = itemAt(one.labels, oneRow);
    const { offset } = this.builder;
    for (let step = 0; step < steps; step++) {
      if (matched[step] === 1 || one.present[oneRow * steps + step] === 0) continue;
      this.write(offset, step, fill, one.values[oneRow * steps + step] as number);
    }
    this.finish(this.resultLabels(matchLabels(oneLabels, matching), oneLabels));
  }

  /** @param offset where the row starts in the builder; read once per row, not once per sample */
  private write(offset: number, step: number, manyValue: number, oneValue: number): void {
    const left = this.isSwapped ? oneValue : manyValue;
    const right = this.isSwapped ? manyValue : oneValue;
    if (!this.keeps(left, right)) return;
    this.builder.values[offset + step] = this.combine(left, right);
    this.builder.present[offset + step] = 1;
  }

  private finish(labels: Labels): void {
    this.builder.finishRow(labels, this.isNameRemovalDelayed && this.node.returnsBool ? 1 : 0);
  }

  private resultLabels(many: Labels, one: Labels): Labels {
    const { operator, returnsBool } = this.node;
    const { cardinality, on, labels, include } = this.context.matching;
    const dropsName = !isComparison(operator) || (returnsBool && !this.isNameRemovalDelayed);
    let result = dropsName ? withoutMetadata(many) : many;
    if (cardinality === "one-to-one" && on) result = result.only(labels);
    if (cardinality === "one-to-one" && !on && labels.length > 0)
      result = result.without(...labels);
    if (include.length === 0) return result;
    return result.with(Object.fromEntries(include.map((label) => [label, one.get(label)])));
  }

  /**
   * Two pairs of a match group must not have the same labels at one step, even if a comparison
   * filters them out.
   */
  private checkUnique(manyRow: number, labels: Labels, rowAt: Int32Array): void {
    const { many, manyGroups } = this.context;
    const group = manyGroups[manyRow] as number;
    let byKey = this.labelsOfGroups.get(group);
    if (byKey === undefined) this.labelsOfGroups.set(group, (byKey = new Map<string, number[]>()));
    const others = byKey.get(labels.key);
    if (others === undefined) {
      byKey.set(labels.key, [manyRow]);
      return;
    }
    const isTaken = (other: number, step: number): boolean =>
      other !== manyRow && many.present[other * many.steps + step] === 1;
    for (let step = 0; step < many.steps; step++) {
      if ((rowAt[step] as number) < 0 || many.present[manyRow * many.steps + step] === 0) continue;
      if (!others.some((other) => isTaken(other, step))) continue;
      throw new QueryExecutionError(
        "multiple matches for labels: grouping labels must ensure unique matches",
      );
    }
    others.push(manyRow);
  }
}
