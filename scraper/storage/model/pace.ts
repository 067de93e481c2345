/**
 * How a long read lets other work run and learns that nobody waits for it any more: PromQL's pacer, seen from here.
 * Loops report their work: `if (pace.isDue(values)) await pace.pause();`
 */
export interface Pace {
  /** @param values how many values have been looked at since the last call */
  isDue(values: number): boolean;
  /**
   * Lets other work run.
   *
   * @throws what ends the query: its time is over, or nobody waits for it
   */
  pause(): Promise<void>;
}

/** For reads that nobody ends and that are short. */
export const UNHURRIED: Pace = { isDue: () => false, pause: () => Promise.resolve() };
