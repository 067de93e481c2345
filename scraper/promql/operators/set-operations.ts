import type { VectorMatching } from "../language/ast.js";
import type { Pacer } from "../evaluation/pacer.js";
import type { SetOperator } from "../language/tokens.js";
import { copyPaced, mergeSameLabels, type VectorBlock } from "../evaluation/vector-block.js";
import { Signatures } from "./vector-signatures.js";

/**
 * `and`, `or` and `unless`: keeps samples depending on whether the other side has one in the same
 * match group and step.
 */
export async function combineSets(
  operator: SetOperator,
  left: VectorBlock,
  right: VectorBlock,
  matching: VectorMatching,
  pacer: Pacer,
): Promise<VectorBlock> {
  const signatures = new Signatures(matching);
  const leftGroups = await signatures.numberRows(left, pacer);
  const rightGroups = await signatures.numberRows(right, pacer);
  if (operator === "or") {
    const others = await presentGroups(left, leftGroups, signatures.count, pacer);
    return mergeSameLabels(
      await concatenate(left, await filterRows(right, rightGroups, others, 0, pacer), pacer),
      pacer,
    );
  }
  const others = await presentGroups(right, rightGroups, signatures.count, pacer);
  return filterRows(left, leftGroups, others, operator === "and" ? 1 : 0, pacer);
}

/** Returns 1 at `group * steps + step` where any row of the group has a sample. */
async function presentGroups(
  { steps, present }: VectorBlock,
  groups: Int32Array,
  count: number,
  pacer: Pacer,
): Promise<Uint8Array> {
  const presence = new Uint8Array(count * steps);
  for (let row = 0; row < groups.length; row++) {
    const group = groups[row] as number;
    for (let step = 0; step < steps; step++) {
      if (present[row * steps + step] === 1) presence[group * steps + step] = 1;
    }
    if (pacer.isDue(steps)) await pacer.pause();
  }
  return presence;
}

async function filterRows(
  block: VectorBlock,
  groups: Int32Array,
  presence: Uint8Array,
  wanted: 0 | 1,
  pacer: Pacer,
): Promise<VectorBlock> {
  const { steps } = block;
  const present = block.present.slice();
  for (let row = 0; row < groups.length; row++) {
    const group = groups[row] as number;
    for (let step = 0; step < steps; step++) {
      if (presence[group * steps + step] !== wanted) present[row * steps + step] = 0;
    }
    if (pacer.isDue(steps)) await pacer.pause();
  }
  return { ...block, present };
}

async function concatenate(
  left: VectorBlock,
  right: VectorBlock,
  pacer: Pacer,
): Promise<VectorBlock> {
  const values = new Float64Array(left.values.length + right.values.length);
  const present = new Uint8Array(values.length);
  await copyPaced(left.values, pacer, values);
  await copyPaced(right.values, pacer, values.subarray(left.values.length));
  present.set(left.present);
  present.set(right.present, left.present.length);
  return {
    steps: left.steps,
    labels: left.labels.concat(right.labels),
    values,
    present,
    nameDropped: concatenateFlags(left, right),
  };
}

function concatenateFlags(left: VectorBlock, right: VectorBlock): Uint8Array | undefined {
  if (left.nameDropped === undefined && right.nameDropped === undefined) return undefined;
  const flags = new Uint8Array(left.labels.length + right.labels.length);
  if (left.nameDropped !== undefined) flags.set(left.nameDropped);
  if (right.nameDropped !== undefined) flags.set(right.nameDropped, left.labels.length);
  return flags;
}
