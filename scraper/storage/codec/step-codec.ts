import { MalformedBytesError } from "../../../exporter/shared/journal/byte-reader.js";
import type { ByteWriter } from "../../../exporter/shared/journal/byte-writer.js";
import { BitModels, RangeDecoder, RangeEncoder } from "./range-coder.js";

/** Longest magnitude: steps are whole and exact as doubles. */
const MAX_LENGTH = 53;
const LENGTH_BITS = 6;
/** Most bits after the highest bit of a magnitude that have a model. */
export const MAX_SHAPE_BITS = 2;

// Numbers of the first model of each kind.
const ZERO_AFTER = 0; // two models: the step before was zero, or was not
const SIGN_AFTER = 2; // three models: the sign of the step before, -1 to 1, plus 1
const LENGTHS = 5; // a tree of LENGTH_BITS levels
const SHAPES = LENGTHS + (1 << LENGTH_BITS);
const MODELS = SHAPES + ((MAX_LENGTH + 1) << MAX_SHAPE_BITS);

/** Number of bits of a magnitude; 0 for 0. */
export function lengthOf(magnitude: number): number {
  if (magnitude < 2 ** 32) return 32 - Math.clz32(magnitude);
  return 64 - Math.clz32(Math.floor(magnitude / 2 ** 32));
}

/** Writes whole numbers with models that adapt to them. See block.format.md, "Steps". */
export class StepEncoder {
  private readonly models = new BitModels(MODELS);
  private readonly coder: RangeEncoder;

  constructor(writer: ByteWriter) {
    this.coder = new RangeEncoder(writer);
  }

  /** Appends the steps from index `from` on. Flat: runs for every sample of a block. */
  encode(steps: Float64Array, from: number, shapeBits: number): void {
    const { models, coder } = this;
    models.reset();
    coder.begin();
    let signBefore = 0;
    for (let row = from; row < steps.length; row++) {
      const step = steps[row] as number;
      coder.bit(models, ZERO_AFTER + (signBefore === 0 ? 0 : 1), step === 0 ? 0 : 1);
      if (step === 0) {
        signBefore = 0;
        continue;
      }
      coder.bit(models, SIGN_AFTER + signBefore + 1, step < 0 ? 1 : 0);
      signBefore = step < 0 ? -1 : 1;
      const magnitude = Math.abs(step);
      const length = lengthOf(magnitude);
      this.tree(LENGTHS, length, LENGTH_BITS);
      const rest = length - 1;
      const shaped = rest < shapeBits ? rest : shapeBits;
      const plain = rest - shaped;
      const low = magnitude % 2 ** plain;
      const shape = Math.floor((magnitude % 2 ** rest) / 2 ** plain);
      this.tree(SHAPES + (length << MAX_SHAPE_BITS), shape, shaped);
      coder.plain(low, plain);
    }
    coder.end();
  }

  private tree(models: number, value: number, bits: number): void {
    let node = 1;
    for (let level = bits - 1; level >= 0; level--) {
      const bit = (value >>> level) & 1;
      this.coder.bit(this.models, models + node, bit);
      node = 2 * node + bit;
    }
  }
}

/** Reads the steps that `StepEncoder` wrote. */
export class StepDecoder {
  private readonly models = new BitModels(MODELS);

  /**
   * Fills `steps` from index `from` on.
   *
   * @throws {MalformedBytesError} when the bytes make no sense
   */
  decode(
    bytes: Uint8Array,
    range: { readonly start: number; readonly end: number },
    steps: Float64Array,
    { from, shapeBits }: { readonly from: number; readonly shapeBits: number },
  ): void {
    const { models } = this;
    models.reset();
    const coder = new RangeDecoder(bytes, range.start, range.end);
    let signBefore = 0;
    for (let row = from; row < steps.length; row++) {
      if (coder.bit(models, ZERO_AFTER + (signBefore === 0 ? 0 : 1)) === 0) {
        steps[row] = 0;
        signBefore = 0;
        continue;
      }
      signBefore = coder.bit(models, SIGN_AFTER + signBefore + 1) === 1 ? -1 : 1;
      const length = treeOf(coder, models, LENGTHS, LENGTH_BITS);
      if (length === 0 || length > MAX_LENGTH)
        throw new MalformedBytesError(`Cannot read a column: a step has ${length} bits`);
      const rest = length - 1;
      const shaped = rest < shapeBits ? rest : shapeBits;
      const shape = treeOf(coder, models, SHAPES + (length << MAX_SHAPE_BITS), shaped);
      const plain = rest - shaped;
      const magnitude = (2 ** shaped + shape) * 2 ** plain + coder.plain(plain);
      steps[row] = signBefore * magnitude;
    }
  }
}

function treeOf(coder: RangeDecoder, models: BitModels, first: number, bits: number): number {
  let node = 1;
  for (let level = 0; level < bits; level++) node = 2 * node + coder.bit(models, first + node);
  return node - (1 << bits);
}
