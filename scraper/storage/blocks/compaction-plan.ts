import type { BlockDirectory, BlockSection } from "../codec/block-codec.js";
import type { StoredBlock } from "./block-store.js";

/** Sections with fewer rows are joined with the next: each has heads of its own and learns anew. */
const FEWEST_ROWS = 400;

/** A block to be merged. */
export interface Source {
  readonly block: StoredBlock;
  readonly directory: BlockDirectory;
  /** Number of each series, by its key. */
  readonly numbers: ReadonlyMap<string, number>;
}

export interface SectionPart {
  readonly source: Source;
  readonly section: BlockSection;
}

/**
 * Which sections of some blocks become one section of the merged block: one alone is copied as it
 * is, several are coded anew.
 *
 * @param sources in the order in which they count: of two samples at one instant the first stays
 * @returns in the order of time; the parts of each in the order of `sources`
 */
export function planSections(sources: readonly Source[]): SectionPart[][] {
  const parts = sources.flatMap((source) =>
    source.directory.sections.map((section) => ({ source, section })),
  );
  const inOrder = new Map(parts.map((part, index) => [part, index]));
  const byTime = [...parts].sort((left, right) => fromMsOf(left) - fromMsOf(right));
  const planned: SectionPart[][] = [];
  let untilMs = Number.NEGATIVE_INFINITY;
  for (const part of byTime) {
    const before = planned.at(-1);
    const isShort = before !== undefined && rowsOf(before) < FEWEST_ROWS;
    if (before !== undefined && (isShort || fromMsOf(part) <= untilMs)) before.push(part);
    else planned.push([part]);
    untilMs = Math.max(untilMs, lastMsOf(part));
  }
  for (const joined of planned)
    joined.sort((left, right) => (inOrder.get(left) ?? 0) - (inOrder.get(right) ?? 0));
  return planned;
}

/** Timestamps of a section. A view. */
export function timestampsOf({ source, section }: SectionPart): Float64Array {
  return source.directory.timestamps.subarray(section.firstRow, section.firstRow + section.rows);
}

const fromMsOf = (part: SectionPart): number => timestampsOf(part)[0] ?? 0;
const lastMsOf = (part: SectionPart): number => timestampsOf(part).at(-1) ?? 0;
const rowsOf = (parts: readonly SectionPart[]): number =>
  parts.reduce((sum, { section }) => sum + section.rows, 0);
