import { promisify } from "node:util";
import { deflateRaw, inflateRaw } from "node:zlib";
import { ByteReader, MalformedBytesError } from "../../../exporter/shared/journal/byte-reader.js";
import { ByteWriter } from "../../../exporter/shared/journal/byte-writer.js";
import { messageOf } from "../../../exporter/shared/model/errors.js";
import { bitsOf } from "../../../exporter/shared/model/special-values.js";
import { decodeExceptions, ExceptionEncoder } from "./column-exceptions.js";
import { ReferableColumns } from "./column-references.js";
import { NO_SCALE, scaleToWhole, unscale } from "./number-scale.js";
import { StepDecoder, StepEncoder } from "./step-codec.js";
import {
  commonUnit,
  firstStepOf,
  shapeBitsOf,
  type StepMode,
  StepPlanner,
  undoSteps,
} from "./step-modes.js";
import { decodeXor, encodeXor } from "./xor-codec.js";

const deflate = promisify(deflateRaw);
const inflate = promisify(inflateRaw);

/** What the numbers of a column are. See block.format.md, "Group". */
const CONSTANT = 1;
const WHOLE = 2;
const DOUBLES = 3;
const WITH_EXCEPTIONS = 0x80;
const DEFLATE_LEVEL = 9;
/** Bound on what one group inflates to. */
const MAX_INFLATED_BYTES = 1 << 30;
/** What the head of a column costs in memory, roughly; for the bound of the cache. */
const COLUMN_BYTES = 120;
/** A reference must save this many bits: it makes reading slower. */
const REFERENCE_PRICE_BITS = 64;

export interface GroupSize {
  readonly columns: number;
  readonly rows: number;
}

/** Columns of one group, ready to be decoded. */
export interface GroupColumns {
  /** Memory held, roughly. */
  readonly sizeBytes: number;
  /**
   * @param wanted column numbers
   * @throws {MalformedBytesError} when the bytes make no sense
   */
  read(wanted: readonly number[]): Float64Array[];
}

/** Writes groups of columns. One serves any number of groups. */
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
    const kind = isConstant ? CONSTANT : scale === NO_SCALE ? DOUBLES : WHOLE;
    heads.u8(kind | (hasExceptions ? WITH_EXCEPTIONS : 0));
    if (hasExceptions) this.exceptions.encode(heads);
    if (kind === CONSTANT) heads.f64(numbers[0] ?? 0);
    else if (kind === DOUBLES) this.encodeDoubles(numbers);
    else this.encodeWhole(whole, scale, column);
  }

  private encodeDoubles(numbers: Float64Array): void {
    this.scratch.length = 0;
    encodeXor(bitsOf(numbers), this.scratch);
    this.heads.varint(this.scratch.length);
    this.heads.raw(this.scratch.written());
  }

  private encodeWhole(whole: Float64Array, scale: number, column: number): void {
    let coded = whole;
    let plan = this.planner.plan(whole);
    let reference = 0;
    let depth = 0;
    const found = this.referable.find(whole, scale);
    if (found !== undefined) {
      const { column: other, sign } = found;
      const rest = whole.map((value, row) => value - sign * (other.whole[row] as number));
      const restPlan = planOf(rest, this.planner);
      if (rest.every(Number.isSafeInteger) && restPlan.bits + REFERENCE_PRICE_BITS < plan.bits) {
        [coded, plan] = [rest, restPlan];
        reference = 2 * (column - other.column) + (sign < 0 ? 1 : 0);
        depth = other.depth + 1;
      }
    }
    this.referable.add({ column, scale, whole, depth });
    const { heads, bodies } = this;
    heads.u8(plan.mode | (scale << 2));
    heads.varint(reference);
    heads.signedVarint(coded[0] as number);
    heads.varint(plan.unit);
    if (plan.unit === 0) return;
    const before = bodies.length;
    const steps = this.planner.stepsOf(coded, plan.mode, plan.unit);
    this.steps.encode(steps, firstStepOf(plan.mode), shapeBitsOf(plan.mode));
    heads.varint(bodies.length - before);
  }
}

type Column = (
  | { readonly kind: typeof CONSTANT; readonly value: number }
  | { readonly kind: typeof DOUBLES; readonly at: number }
  | ({ readonly kind: typeof WHOLE } & WholeColumn)
) & { readonly exceptionsAt: number };

interface WholeColumn {
  readonly mode: StepMode;
  readonly scale: number;
  /** Column number of what this one stands on, -1 for none. */
  readonly reference: number;
  readonly sign: number;
  readonly first: number;
  readonly unit: number;
  readonly start: number;
  readonly end: number;
}

/** Reads columns of one group. */
export class GroupReader implements GroupColumns {
  private readonly columns: Column[] = [];
  private readonly decoder = new StepDecoder();

  private constructor(
    private readonly bytes: Uint8Array,
    private readonly heads: Uint8Array,
    private readonly rows: number,
  ) {}

  /** @throws {MalformedBytesError} when the bytes make no sense */
  static async open(bytes: Uint8Array, size: GroupSize): Promise<GroupReader> {
    const reader = new ByteReader(bytes);
    const deflated = reader.raw(reader.count(bytes.length));
    const heads = await inflateOrFail(deflated);
    const group = new GroupReader(bytes, heads, size.rows);
    group.readHeads(size.columns, reader.offset);
    return group;
  }

  get sizeBytes(): number {
    return this.bytes.length + this.heads.length + this.columns.length * COLUMN_BYTES;
  }

  read(wanted: readonly number[]): Float64Array[] {
    const wholes = new Map<number, Float64Array>();
    return wanted.map((number) => this.readColumn(number, wholes));
  }

  private readColumn(number: number, wholes: Map<number, Float64Array>): Float64Array {
    const column = this.columns[number] as Column;
    const values = new Float64Array(this.rows);
    if (column.kind === CONSTANT) values.fill(column.value);
    else if (column.kind === DOUBLES)
      decodeXor(new ByteReader(this.heads, column.at), bitsOf(values));
    else {
      const whole = this.wholeOf(number, wholes);
      for (let row = 0; row < whole.length; row++)
        values[row] = unscale(whole[row] as number, column.scale);
    }
    if (column.exceptionsAt >= 0)
      decodeExceptions(new ByteReader(this.heads, column.exceptionsAt), values);
    return values;
  }

  private wholeOf(number: number, wholes: Map<number, Float64Array>): Float64Array {
    const known = wholes.get(number);
    if (known !== undefined) return known;
    const column = this.columns[number];
    if (column?.kind !== WHOLE)
      throw new MalformedBytesError("Cannot read block: a column refers to one without numbers");
    const { mode, reference, sign } = column;
    const whole = new Float64Array(this.rows);
    if (column.unit === 0) whole.fill(column.first);
    else {
      const model = { from: firstStepOf(mode), shapeBits: shapeBitsOf(mode) };
      this.decoder.decode(this.bytes, column, whole, model);
      undoSteps(whole, column);
    }
    if (reference >= 0) {
      const other = this.wholeOf(reference, wholes);
      for (let row = 0; row < whole.length; row++)
        whole[row] = (whole[row] as number) + sign * (other[row] as number);
    }
    wholes.set(number, whole);
    return whole;
  }

  private readHeads(count: number, bodiesAt: number): void {
    const head = new ByteReader(this.heads);
    const scratch = new Float64Array(this.rows);
    let bodyAt = bodiesAt;
    for (let number = 0; number < count; number++) {
      const kindAndFlag = head.u8();
      const hasExceptions = (kindAndFlag & WITH_EXCEPTIONS) !== 0;
      const exceptionsAt = hasExceptions ? head.offset : -1;
      if (hasExceptions) decodeExceptions(head, scratch);
      const column = this.readHead(head, { kind: kindAndFlag & ~WITH_EXCEPTIONS, number, bodyAt });
      if (column.kind === WHOLE) bodyAt = column.end;
      this.columns.push({ ...column, exceptionsAt });
    }
    if (bodyAt !== this.bytes.length || !head.isAtEnd)
      throw new MalformedBytesError("Cannot read block: columns do not end where they should");
  }

  private readHead(
    head: ByteReader,
    { kind, number, bodyAt }: { kind: number; number: number; bodyAt: number },
  ): Column {
    const exceptionsAt = -1;
    if (kind === CONSTANT) return { kind, value: head.f64(), exceptionsAt };
    if (kind === DOUBLES) {
      const length = head.count(head.end - head.offset);
      const at = head.offset;
      head.raw(length);
      return { kind, at, exceptionsAt };
    }
    if (kind === WHOLE) return { kind, exceptionsAt, ...this.readWholeHead(head, number, bodyAt) };
    throw new MalformedBytesError(`Cannot read block: column kind ${kind} is unknown`);
  }

  private readWholeHead(head: ByteReader, number: number, bodyAt: number): WholeColumn {
    const modeAndScale = head.u8();
    const scale = modeAndScale >> 2;
    const distance = head.count(2 * number + 1);
    const first = head.signedVarint();
    const unit = head.varint();
    const length = unit === 0 ? 0 : head.count(this.bytes.length - bodyAt);
    if (distance === 1)
      throw new MalformedBytesError("Cannot read block: a column refers to itself");
    return {
      mode: (modeAndScale & 3) as StepMode,
      scale,
      reference: distance === 0 ? -1 : number - (distance >> 1),
      sign: (distance & 1) === 0 ? 1 : -1,
      first,
      unit,
      start: bodyAt,
      end: bodyAt + length,
    };
  }
}

function planOf(whole: Float64Array, planner: StepPlanner): ReturnType<StepPlanner["plan"]> {
  const isConstant = commonUnit(whole, whole[0] as number) === 0;
  return isConstant ? { mode: 0, unit: 0, bits: 0 } : planner.plan(whole);
}

function areAllEqual(numbers: Float64Array): boolean {
  for (let row = 1; row < numbers.length; row++) if (numbers[row] !== numbers[0]) return false;
  return true;
}

/** @throws {MalformedBytesError} when the bytes do not inflate */
export async function inflateOrFail(bytes: Uint8Array): Promise<Uint8Array> {
  try {
    return await inflate(bytes, { maxOutputLength: MAX_INFLATED_BYTES });
  } catch (error) {
    throw new MalformedBytesError(
      `Cannot read block: what was deflated does not inflate, ${messageOf(error)}`,
      { cause: error },
    );
  }
}
