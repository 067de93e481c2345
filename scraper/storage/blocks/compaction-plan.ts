import type { BlockDirectory, BlockSection } from "../codec/block-directory.js";
import type { StoredBlock } from "./block-store.js";

/**
 * A section with fewer rows is joined with the next. Each section has heads of its own, and its models
 * start fresh.
 */
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
 * Decides which sections of some blocks become one section of the merged block. A section that stays
 * alone is copied; several are merged and coded again.
 *
 * @param sources by precedence: of two samples at one instant, the first source's one stays
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

/** Timestamps of a section; a view. */
export function timestampsOf({ source, section }: SectionPart): Float64Array {
  return source.directory.timestamps.subarray(section.firstRow, section.firstRow + section.rows);
}

const fromMsOf = (part: SectionPart): number => timestampsOf(part)[0] ?? 0;
const lastMsOf = (part: SectionPart): number => timestampsOf(part).at(-1) ?? 0;
const rowsOf = (parts: readonly SectionPart[]): number =>
  parts.reduce((sum, { section }) => sum + section.rows, 0);
