import { promisify } from "node:util";
import { deflateRaw } from "node:zlib";
import { ByteWriter } from "../../../exporter/shared/journal/byte-writer.js";
import { bitsOf } from "../../../exporter/shared/model/special-values.js";
import { ExceptionEncoder } from "./column-exceptions.js";
import { ReferableColumns } from "./column-references.js";
import { COLUMN_KINDS, WITH_EXCEPTIONS } from "./group-reader.js";
import { NO_SCALE, scaleToWhole } from "./number-scale.js";
import { StepEncoder } from "./step-codec.js";
import { commonUnit, firstStepOf, shapeBitsOf, type StepPlan, StepPlanner } from "./step-modes.js";
import { encodeXor } from "./xor-codec.js";

const deflate = promisify(deflateRaw);
const DEFLATE_LEVEL = 9;
/** Bits that a reference must save, because it makes reading slower. */
const REFERENCE_PRICE_BITS = 64;

/** Whole numbers to be coded: those of a column, or their differences from another column. */
interface CodedNumbers {
  readonly numbers: Float64Array;
  readonly plan: StepPlan;
  /** As in the file: 0 for none, else twice the distance of the other column, plus 1 for sign -1. */
  readonly reference: number;
  /** Number of columns that must be read before this one. */
  readonly depth: number;
}

/** Writes groups of columns. One encoder serves any number of groups. */
export class GroupEncoder {
  private readonly heads = new ByteWriter(16_384);
  private readonly bodies = new ByteWriter(16_384);
  private readonly scratch = new ByteWriter(4096);
  private readonly steps = new StepEncoder(this.bodies);
  private readonly planner = new StepPlanner();
  private readonly exceptions = new ExceptionEncoder();
  private readonly referable = new ReferableColumns();

  /** @returns the bytes of a group, from which `GroupReader` reads any column */
  async encode(columns: readonly Float64Array[]): Promise<Uint8Array> {
    this.heads.length = 0;
    this.bodies.length = 0;
    this.referable.clear();
    columns.forEach((values, column) => this.encodeColumn(values, column));
    const heads = await deflate(this.heads.written(), { level: DEFLATE_LEVEL });
    const group = new ByteWriter(heads.length + this.bodies.length + 8);
    group.varint(heads.length);
    group.raw(heads);
    group.raw(this.bodies.written());
    return group.written();
  }

  private encodeColumn(values: Float64Array, column: number): void {
    const { heads } = this;
    const numbers = new Float64Array(values.length);
    const hasExceptions = this.exceptions.take(values, numbers);
    const whole = new Float64Array(values.length);
    const isConstant = areAllEqual(numbers);
    const scale = isConstant ? NO_SCALE : scaleToWhole(numbers, whole);
    const { constant, doubles, whole: wholeKind } = COLUMN_KINDS;
    const kind = isConstant ? constant : scale === NO_SCALE ? doubles : wholeKind;
    heads.u8(kind | (hasExceptions ? WITH_EXCEPTIONS : 0));
    if (hasExceptions) this.exceptions.encode(heads);
    if (kind === constant) heads.f64(numbers[0] ?? 0);
    else if (kind === doubles) this.encodeDoubles(numbers);
    else this.encodeWhole(whole, scale, column);
  }

  private encodeDoubles(numbers: Float64Array): void {
    this.scratch.length = 0;
    encodeXor(bitsOf(numbers), this.scratch);
    this.heads.varint(this.scratch.length);
    this.heads.raw(this.scratch.written());
  }

  private encodeWhole(whole: Float64Array, scale: number, column: number): void {
    const { heads, bodies } = this;
    const { numbers, plan, reference, depth } = this.cheapest(whole, scale, column);
    this.referable.add({ column, scale, whole, depth });
    heads.u8(plan.mode | (scale << 2));
    heads.varint(reference);
    heads.signedVarint(numbers[0] as number);
    heads.varint(plan.unit);
    if (plan.unit === 0) return;
    const before = bodies.length;
    const steps = this.planner.stepsOf(numbers, plan.mode, plan.unit);
    this.steps.encode(steps, firstStepOf(plan.mode), shapeBitsOf(plan.mode));
    heads.varint(bodies.length - before);
  }

  private cheapest(whole: Float64Array, scale: number, column: number): CodedNumbers {
    const alone = { numbers: whole, plan: this.planner.plan(whole), reference: 0, depth: 0 };
    const found = this.referable.find(whole, scale);
    if (found === undefined) return alone;
    const { column: other, sign } = found;
    const rest = whole.map((value, row) => value - sign * (other.whole[row] as number));
    const plan = this.planOfRest(rest);
    const isCheaper =
      rest.every(Number.isSafeInteger) && plan.bits + REFERENCE_PRICE_BITS < alone.plan.bits;
    if (!isCheaper) return alone;
    const reference = 2 * (column - other.column) + (sign < 0 ? 1 : 0);
    return { numbers: rest, plan, reference, depth: other.depth + 1 };
  }

  private planOfRest(rest: Float64Array): StepPlan {
    const isConstant = commonUnit(rest, rest[0] as number) === 0;
    return isConstant ? { mode: 0, unit: 0, bits: 0 } : this.planner.plan(rest);
  }
}

function areAllEqual(numbers: Float64Array): boolean {
  for (let row = 1; row < numbers.length; row++) if (numbers[row] !== numbers[0]) return false;
  return true;
}
