import type { Labels } from "../../exporter/shared/model/labels.js";
import type { TimeRange } from "../../exporter/shared/model/time-range.js";

/**
 * Why samples are missing.
 *
 * - `master_down`: this program did not run, or did not know the target.
 * - `link_down`: scrapes failed.
 *
 * The other causes are found when the history cannot fill a range:
 *
 * - `node_off`: the Pi was off.
 * - `exporter_down`: the Pi ran without the exporter.
 * - `spool_overrun`: the history begins later.
 * - `clock_untrusted`: the samples have a clock that cannot be corrected.
 */
export const GAP_CAUSES = [
  "node_off",
  "exporter_down",
  "link_down",
  "master_down",
  "spool_overrun",
  "clock_untrusted",
] as const;
export type GapCause = (typeof GAP_CAUSES)[number];

/** `open`: may still be filled. `filling`: its history is being fetched. */
export type GapState = "open" | "filling" | "filled" | "lost";

/** A range without scraped samples. */
export interface Gap extends TimeRange {
  readonly cause: GapCause;
  readonly state: GapState;
}

/** A range of a target that has just been filled. */
export interface FilledGap extends TimeRange {
  /** Labels of the target. */
  readonly labels: Labels;
  /** Why the samples were missing. */
  readonly cause: "master_down" | "link_down";
  /** True for a range before the target was first known. */
  readonly isFirstSight: boolean;
}

/** A gap with its target. `untilMs` is undefined while the gap lasts. */
export interface HostGap {
  readonly host: string;
  readonly instance: string;
  readonly job: string;
  readonly fromMs: number;
  readonly untilMs: number | undefined;
  readonly cause: GapCause;
  readonly state: GapState;
}
