import { itemAt } from "../../../exporter/shared/model/get-or-throw.js";
import { absentColumn, fillAbsent } from "../model/piece.js";
import type { SectionContent } from "./block-codec.js";
import type { BlockDirectory, BlockSection } from "./block-directory.js";
import { GROUP_COLUMNS } from "./block-frame.js";
import { GroupEncoder } from "./group-encoder.js";
import type { GroupColumns } from "./group-reader.js";
import { NEVER_PAUSE, type Pace } from "../model/querier.js";

/** Opens a group by its number; undefined for a damaged group whose columns are to be left out. */
export type GroupSource = (number: number) => Promise<GroupColumns | undefined>;

/**
 * Reads columns over all rows of a block.
 *
 * @param wanted numbers of series, ascending
 * @param pace lets other work run between two columns
 * @returns columns in the order of `wanted`, ABSENT where a section lacks a series or its group
 */
export async function readColumns(
  directory: BlockDirectory,
  wanted: ArrayLike<number>,
  groups: GroupSource,
  pace: Pace = NEVER_PAUSE,
): Promise<Float64Array[]> {
  const rows = directory.timestamps.length;
  const [only, ...others] = directory.sections;
  if (only !== undefined && others.length === 0) {
    const parts = await readSection(only, wanted, groups, pace);
    return parts.map((values) => values ?? absentColumn(rows));
  }
  const found: Float64Array[] = [];
  for (let index = 0; index < wanted.length; index++) {
    found.push(new Float64Array(rows));
    if (pace.isDue(rows)) await pace.pause();
  }
  for (const section of directory.sections) {
    const parts = await readSection(section, wanted, groups, pace);
    for (const [index, values] of found.entries()) {
      const part = parts[index];
      if (part !== undefined) values.set(part, section.firstRow);
      else fillAbsent(values.subarray(section.firstRow, section.firstRow + section.rows));
      if (pace.isDue(section.rows)) await pace.pause();
    }
  }
  return found;
}

/**
 * Reads columns of one section.
 *
 * @param wanted numbers of series, ascending
 * @param pace lets other work run between two columns
 * @returns columns in the order of `wanted`, undefined where the section lacks a series or its group
 */
export async function readSection(
  section: BlockSection,
  wanted: ArrayLike<number>,
  groups: GroupSource,
  pace: Pace = NEVER_PAUSE,
): Promise<(Float64Array | undefined)[]> {
  const found = new Array<Float64Array | undefined>(wanted.length).fill(undefined);
  const byGroup = new Map<number, { indices: number[]; columns: number[] }>();
  for (const [index, series] of Array.from(wanted).entries()) {
    const column = section.columnOf === undefined ? series : (section.columnOf[series] as number);
    if (column < 0) continue;
    const number = Math.floor(column / GROUP_COLUMNS);
    let inGroup = byGroup.get(number);
    if (inGroup === undefined) byGroup.set(number, (inGroup = { indices: [], columns: [] }));
    inGroup.indices.push(index);
    inGroup.columns.push(column - number * GROUP_COLUMNS);
  }
  for (const [number, { indices, columns }] of byGroup) {
    const group = await groups(section.firstGroup + number);
    if (group === undefined) continue;
    // Reading a file has ended the slice of this query: others may be at work in this turn.
    if (pace.isDue(columns.length * section.rows)) await pace.pause();
    let at = 0;
    for (const values of group.read(columns)) {
      found[itemAt(indices, at++)] = values;
      if (pace.isDue(section.rows)) await pace.pause();
    }
  }
  return found;
}

/**
 * A section whose columns are coded while it is written.
 *
 * @param valuesOf values of the columns `[from, until)`; called in order, once for each group
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
