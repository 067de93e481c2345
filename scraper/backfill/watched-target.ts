import type { Target } from "../fleet/target.js";
import type { TargetGaps } from "./target-gaps.js";

/** A target with its gaps. */
export interface WatchedTarget {
  target: Target;
  readonly gaps: TargetGaps;
  /** True when nothing was ever stored of it: then all its history is wanted. */
  isNew: boolean;
  /** What its history lacks before this time nobody can have wanted. */
  knownSinceMs: number;
}

/** Equal exactly for targets that write the same series. */
export const targetKey = ({ host, labels }: Pick<Target, "host" | "labels">): string =>
  `${host} ${labels.key}`;
