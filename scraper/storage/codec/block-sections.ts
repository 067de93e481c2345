import { bitsOf, setAbsentAt } from "../../../exporter/shared/model/special-values.js";
import {
  type BlockDirectory,
  type BlockSection,
  GROUP_COLUMNS,
  type SectionContent,
} from "./block-codec.js";
import { type GroupColumns, GroupEncoder } from "./group-codec.js";

/** @returns undefined for a group that cannot be read and may be left out */
export type GroupSource = (number: number) => Promise<GroupColumns | undefined>;

/**
 * Reads columns over all rows of a block.
 *
 * @param wanted numbers of series, ascending
 * @returns ABSENT where a section lacks the series, or its group is left out
 */
export async function readColumns(
  directory: BlockDirectory,
  wanted: ArrayLike<number>,
  groups: GroupSource,
): Promise<Float64Array[]> {
  const rows = directory.timestamps.length;
  const found: Float64Array[] = Array.from(wanted, () => new Float64Array(rows));
  for (const section of directory.sections) {
    const parts = await readSection(section, wanted, groups);
    parts.forEach((part, index) => {
      const values = found[index] as Float64Array;
      if (part !== undefined && part.length === rows) found[index] = part;
      else if (part !== undefined) values.set(part, section.firstRow);
      else clear(values.subarray(section.firstRow, section.firstRow + section.rows));
    });
  }
  return found;
}

/** @returns undefined where the section lacks the series, or its group is left out */
export async function readSection(
  section: BlockSection,
  wanted: ArrayLike<number>,
  groups: GroupSource,
): Promise<(Float64Array | undefined)[]> {
  const found = new Array<Float64Array | undefined>(wanted.length).fill(undefined);
  const byGroup = new Map<number, { indices: number[]; columns: number[] }>();
  for (let index = 0; index < wanted.length; index++) {
    const series = wanted[index] as number;
    const column = section.columnOf === undefined ? series : (section.columnOf[series] as number);
    if (column < 0) continue;
    const number = Math.floor(column / GROUP_COLUMNS);
    let asked = byGroup.get(number);
    if (asked === undefined) byGroup.set(number, (asked = { indices: [], columns: [] }));
    asked.indices.push(index);
    asked.columns.push(column - number * GROUP_COLUMNS);
  }
  for (const [number, { indices, columns }] of byGroup) {
    const group = await groups(section.firstGroup + number);
    group?.read(columns).forEach((values, at) => (found[indices[at] as number] = values));
  }
  return found;
}

/**
 * A section of rows that are coded now.
 *
 * @param valuesOf values of the columns `[from, until)`, asked for once each and in order
 */
export function codedSection(
  timestamps: Float64Array,
  columns: Uint32Array,
  valuesOf: (from: number, until: number) => Promise<readonly Float64Array[]>,
): SectionContent {
  return {
    timestamps,
    columns,
    async *groups() {
      const encoder = new GroupEncoder();
      for (let from = 0; from < columns.length; from += GROUP_COLUMNS) {
        const until = Math.min(from + GROUP_COLUMNS, columns.length);
        yield encoder.encode(await valuesOf(from, until));
      }
    },
  };
}

function clear(values: Float64Array): void {
  const bits = bitsOf(values);
  for (let row = 0; row < values.length; row++) setAbsentAt(bits, row);
}
