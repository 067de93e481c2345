import { lengthOf, MAX_SHAPE_BITS } from "./step-codec.js";

/** How the whole numbers of a column become steps. The number is the code in the file. */
export const STEP_MODES = {
  /** Differences from the first number. */
  plain: 0,
  /** Differences from the number before. */
  delta: 1,
  /** Differences between those differences. */
  deltaOfDelta: 2,
  /** The numbers themselves. */
  absolute: 3,
} as const;
export type StepMode = (typeof STEP_MODES)[keyof typeof STEP_MODES];

/** The mode that makes the cheapest steps, their common divisor, and roughly how many bits they take. */
export interface StepPlan {
  readonly mode: StepMode;
  readonly unit: number;
  readonly bits: number;
}

/** @param code two bits of a file */
export function stepModeOf(code: number): StepMode {
  switch (code) {
    case STEP_MODES.plain:
    case STEP_MODES.delta:
    case STEP_MODES.deltaOfDelta:
      return code;
    default:
      return STEP_MODES.absolute;
  }
}

/** Levels resemble each other in their leading digits, changes in their size. */
export const shapeBitsOf = (mode: StepMode): number =>
  mode === STEP_MODES.absolute ? MAX_SHAPE_BITS : 1;
/** Index of the first step. The first number stands for the row before it. */
export const firstStepOf = (mode: StepMode): number => (mode === STEP_MODES.absolute ? 0 : 1);

/** Bits it takes the models to learn one more kind of step. */
const BITS_PER_KIND = 5;
const KINDS = 64 << MAX_SHAPE_BITS;
const SHAPE_MASK = (1 << MAX_SHAPE_BITS) - 1;

/** Finds the mode that makes the cheapest steps. One planner serves any number of columns. */
export class StepPlanner {
  private readonly counts = new Uint32Array(KINDS);
  private steps = new Float64Array(0);

  /** @param whole whole numbers, not all equal */
  plan(whole: Float64Array): StepPlan {
    const unit = commonUnit(whole, whole[0] as number);
    let best: StepPlan = { mode: STEP_MODES.plain, unit, bits: Infinity };
    for (const mode of Object.values(STEP_MODES)) {
      const ownUnit = mode === STEP_MODES.absolute ? commonUnit(whole, 0) : unit;
      const bits = this.bitsOf(this.stepsOf(whole, mode, ownUnit), mode);
      if (bits < best.bits) best = { mode, unit: ownUnit, bits };
    }
    return best;
  }

  /** The steps of a column; valid until the next call. */
  stepsOf(whole: Float64Array, mode: StepMode, unit: number): Float64Array {
    if (this.steps.length < whole.length) this.steps = new Float64Array(whole.length);
    const steps = this.steps.subarray(0, whole.length);
    const first = whole[0] as number;
    let before = first;
    let deltaBefore = 0;
    steps[0] = 0;
    for (let row = firstStepOf(mode); row < whole.length; row++) {
      const value = whole[row] as number;
      const delta = value - before;
      if (mode === STEP_MODES.delta) steps[row] = delta / unit;
      else if (mode === STEP_MODES.deltaOfDelta) steps[row] = (delta - deltaBefore) / unit;
      else steps[row] = (mode === STEP_MODES.absolute ? value : value - first) / unit;
      before = value;
      deltaBefore = delta;
    }
    return steps;
  }

  private bitsOf(steps: Float64Array, mode: StepMode): number {
    const { counts } = this;
    counts.fill(0);
    const shapeBits = shapeBitsOf(mode);
    let bits = 0;
    for (let row = firstStepOf(mode); row < steps.length; row++) {
      const magnitude = Math.abs(steps[row] as number);
      const length = lengthOf(magnitude);
      const plain = Math.max(0, length - 1 - shapeBits);
      const kind = (length << MAX_SHAPE_BITS) + (Math.floor(magnitude / 2 ** plain) & SHAPE_MASK);
      counts[kind] = (counts[kind] as number) + 1;
      bits += plain + (length === 0 || mode === STEP_MODES.absolute ? 0 : 1);
    }
    for (const count of counts) {
      if (count > 0) bits += BITS_PER_KIND + count * Math.log2(steps.length / count);
    }
    return bits;
  }
}

/** Turns steps, in place, back into the numbers that `stepsOf` made them of. */
export function undoSteps(
  steps: Float64Array,
  { mode, unit, first }: { mode: StepMode; unit: number; first: number },
): void {
  let value = first;
  let delta = 0;
  if (mode !== STEP_MODES.absolute) steps[0] = first;
  for (let row = firstStepOf(mode); row < steps.length; row++) {
    const step = (steps[row] as number) * unit;
    if (mode === STEP_MODES.absolute) value = step;
    else if (mode === STEP_MODES.plain) value = first + step;
    else {
      delta = mode === STEP_MODES.delta ? step : delta + step;
      value += delta;
    }
    steps[row] = value;
  }
}

/** The greatest common divisor of all differences from `base`; 0 when all numbers are equal to it. */
export function commonUnit(whole: Float64Array, base: number): number {
  let unit = 0;
  for (let row = 0; row < whole.length && unit !== 1; row++) {
    let rest = Math.abs((whole[row] as number) - base);
    if (unit === 0) unit = rest;
    else while (rest !== 0) [unit, rest] = [rest, unit % rest];
  }
  return unit;
}
