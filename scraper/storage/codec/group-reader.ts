import { promisify } from "node:util";
import { inflateRaw } from "node:zlib";
import { ByteReader, MalformedBytesError } from "../../../exporter/shared/journal/byte-reader.js";
import { messageOf } from "../../../exporter/shared/model/errors.js";
import { itemAt } from "../../../exporter/shared/model/get-or-throw.js";
import { bitsOf } from "../../../exporter/shared/model/special-values.js";
import { decodeExceptions } from "./column-exceptions.js";
import { unscale } from "./number-scale.js";
import { StepDecoder } from "./step-codec.js";
import { firstStepOf, shapeBitsOf, type StepMode, stepModeOf, undoSteps } from "./step-modes.js";
import { decodeXor } from "./xor-codec.js";

const inflate = promisify(inflateRaw);
/** Largest size that deflated bytes may inflate to. */
const MAX_INFLATED_BYTES = 1 << 30;

/** How the numbers of a column are coded. See block.format.md, "Group". */
export const COLUMN_KINDS = { constant: 1, whole: 2, doubles: 3 } as const;
const { constant: CONSTANT, whole: WHOLE, doubles: DOUBLES } = COLUMN_KINDS;
/** Flag of the kind when some rows hold no ordinary number. */
export const WITH_EXCEPTIONS = 0x80;
/** Rough memory of a decoded head, for the limit of the cache. */
const HEAD_BYTES = 120;

export interface GroupSize {
  readonly columns: number;
  readonly rows: number;
}

/** Columns of one group, ready to be decoded. */
export interface GroupColumns {
  /** Memory held, roughly. */
  readonly sizeBytes: number;
  /**
   * Decodes one column at each step.
   *
   * @param wanted numbers of columns in the group
   * @throws {MalformedBytesError} when the bytes make no sense
   */
  read(wanted: readonly number[]): Iterable<Float64Array>;
}

type Column = (
  | { readonly kind: typeof CONSTANT; readonly value: number }
  | { readonly kind: typeof DOUBLES; readonly at: number }
  | ({ readonly kind: typeof WHOLE } & WholeColumn)
) & { readonly exceptionsAt: number };

interface WholeColumn {
  readonly mode: StepMode;
  readonly scale: number;
  /** Number of the column whose numbers are added to these, -1 for none. */
  readonly reference: number;
  /** 1 or -1: the factor of the other column. */
  readonly sign: number;
  readonly first: number;
  /** 0 when all numbers are equal. */
  readonly unit: number;
  /** Place of the coded steps in the group. */
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
    return this.bytes.length + this.heads.length + this.columns.length * HEAD_BYTES;
  }

  *read(wanted: readonly number[]): Generator<Float64Array> {
    const wholes = new Map<number, Float64Array>();
    for (const number of wanted) yield this.readColumn(number, wholes);
  }

  private readColumn(number: number, wholes: Map<number, Float64Array>): Float64Array {
    const column = itemAt(this.columns, number);
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
      throw new MalformedBytesError(
        "Cannot read block: a column refers to one that has no whole numbers",
      );
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
      throw new MalformedBytesError(
        "Cannot read block: its columns do not end at the end of their group",
      );
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
      mode: stepModeOf(modeAndScale & 3),
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

/** @throws {MalformedBytesError} when the bytes do not inflate */
export async function inflateOrFail(bytes: Uint8Array): Promise<Uint8Array> {
  try {
    return await inflate(bytes, { maxOutputLength: MAX_INFLATED_BYTES });
  } catch (error) {
    throw new MalformedBytesError(
      `Cannot read block: its bytes do not inflate, ${messageOf(error)}`,
      { cause: error },
    );
  }
}
