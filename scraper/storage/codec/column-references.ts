import { lengthOf } from "./step-codec.js";

/** Longest chain of references: a read of one column decodes at most this many others. */
const MAX_DEPTH = 4;
/** A reference is a candidate when the bits it leaves are estimated below this share. */
const WORTHWHILE = 0.9;

/** A column of a group that other columns may refer to. */
export interface ReferableColumn {
  readonly column: number;
  readonly scale: number;
  readonly whole: Float64Array;
  /** Number of columns that must be read before this one. */
  readonly depth: number;
}

export interface FoundReference {
  readonly column: ReferableColumn;
  /** 1 or -1: the factor of the numbers of `column`. */
  readonly sign: number;
}

/**
 * The columns of a group that others can refer to. Exporters report one fact several times: a sum and
 * its parts, free and used space, one number under two names.
 */
export class ReferableColumns {
  private columns: ReferableColumn[] = [];

  clear(): void {
    this.columns = [];
  }

  add(column: ReferableColumn): void {
    this.columns.push(column);
  }

  /** @returns the column whose difference from `whole` is cheapest, if it is much cheaper than `whole` */
  find(whole: Float64Array, scale: number): FoundReference | undefined {
    let best = WORTHWHILE * changeBits(whole, undefined, 0, Infinity);
    let found: FoundReference | undefined;
    for (const column of this.columns) {
      if (column.scale !== scale || column.depth >= MAX_DEPTH) continue;
      for (const sign of [1, -1]) {
        const bits = changeBits(whole, column.whole, sign, best);
        if (bits >= best) continue;
        best = bits;
        found = { column, sign };
      }
    }
    return found;
  }
}

/** Bits of the changes from row to row, or more than `limit`. Flat: runs for every pair of columns. */
function changeBits(
  whole: Float64Array,
  reference: Float64Array | undefined,
  sign: number,
  limit: number,
): number {
  let bits = 0;
  let before = (whole[0] as number) - sign * (reference?.[0] ?? 0);
  for (let row = 1; row < whole.length && bits < limit; row++) {
    const value =
      (whole[row] as number) - (reference === undefined ? 0 : sign * (reference[row] as number));
    const change = value < before ? before - value : value - before;
    bits += change < 4_294_967_296 ? 32 - Math.clz32(change) : lengthOf(change);
    before = value;
  }
  return bits;
}
