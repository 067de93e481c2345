const FIRST_DELAY_MS = 5_000;
const LONGEST_DELAY_MS = 600_000;
const JITTER = 0.2;

/**
 * How long to wait after `failures` failed attempts in a row: 5 s, 10 s, 20 s … 10 min, each up to
 * a fifth shorter or longer, so that many masters do not come back to one server together.
 *
 * @param random from 0 to 1
 */
export function retryDelayMs(failures: number, random: () => number): number {
  const delayMs = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(failures - 1, 20));
  return Math.round(delayMs * (1 - JITTER + 2 * JITTER * random()));
}
