import type { Labels } from "../../exporter/shared/model/labels.js";
import type { TimeRange } from "../../exporter/shared/model/time-range.js";

/**
 * Why samples are missing.
 *
 * `master_down`: this program did not run, or did not know the target. `link_down`: scrapes failed. Of what the history
 * could not fill: `node_off`, the Pi was off; `exporter_down`, it ran without the exporter; `spool_overrun`, its history
 * begins later; `clock_untrusted`, it was recorded under a clock that nothing tells how to correct.
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

/** A range without samples of scrapes. */
export interface Gap extends TimeRange {
  readonly cause: GapCause;
  readonly state: GapState;
}

/** A part of a target's gap that was filled just now. */
export interface FilledGap extends TimeRange {
  /** Of the target. */
  readonly labels: Labels;
  /** Why it was missing. */
  readonly cause: "master_down" | "link_down";
  /** The target was not known before. */
  readonly isFirstSight: boolean;
}

/** A gap with whose it is. `untilMs` is undefined while it goes on. */
export interface HostGap {
  readonly host: string;
  readonly instance: string;
  readonly job: string;
  readonly fromMs: number;
  readonly untilMs: number | undefined;
  readonly cause: GapCause;
  readonly state: GapState;
}
