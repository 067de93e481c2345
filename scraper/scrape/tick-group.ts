/** Targets with the same nominal time, which a step of the wall clock has not come between. */
export interface TickGroup<Target> {
  readonly nominalMs: number;
  /** Monotonic. */
  readonly dueMs: number;
  /** Those that have left, or were added again since, are here until the group is due. */
  readonly targets: Target[];
}
