import { ByteReader, MalformedBytesError } from "../../../exporter/shared/journal/byte-reader.js";
import { decodeColumn } from "./column-codec.js";
import { type GroupColumns, type GroupSize, inflateOrFail } from "./group-reader.js";

/** Reads groups of blocks of version 1, which are no longer written. See block.format.md, "Version". */
export class GroupReaderV1 implements GroupColumns {
  private constructor(
    private readonly inflated: Uint8Array,
    private readonly base: number,
    /** End of each column, counted from `base`. */
    private readonly ends: Uint32Array,
    private readonly rows: number,
  ) {}

  /** @throws {MalformedBytesError} when the bytes make no sense */
  static async open(bytes: Uint8Array, size: GroupSize): Promise<GroupReaderV1> {
    const inflated = await inflateOrFail(bytes);
    const reader = new ByteReader(inflated);
    const ends = new Uint32Array(size.columns);
    let end = 0;
    for (let column = 0; column < size.columns; column++) ends[column] = end += reader.varint();
    const base = reader.offset;
    if (base + end !== inflated.length)
      throw new MalformedBytesError(
        "Cannot read block: its columns do not end at the end of their group",
      );
    return new GroupReaderV1(inflated, base, ends, size.rows);
  }

  get sizeBytes(): number {
    return this.inflated.length;
  }

  *read(wanted: readonly number[]): Generator<Float64Array> {
    for (const column of wanted) {
      const values = new Float64Array(this.rows);
      const start = this.base + (column === 0 ? 0 : (this.ends[column - 1] as number));
      const end = this.base + (this.ends[column] as number);
      decodeColumn(new ByteReader(this.inflated, start, end), values);
      yield values;
    }
  }
}
