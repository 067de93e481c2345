import { itemAt } from "./get-or-throw.js";
import { BadInputError } from "./errors.js";

const UNITS_MS = {
  y: 31_536_000_000,
  w: 604_800_000,
  d: 86_400_000,
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
};
/** Prometheus keeps durations as nanoseconds in 64 bits. */
const LONGEST_DURATION_MS = 2 ** 63 / 1e6;
const DURATION = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/;

/**
 * Reads a Prometheus duration: integers with units y w d h m s ms, largest first, or a bare `0`.
 *
 * @returns milliseconds
 * @throws {BadInputError} when the text is anything else
 */
export function parseDurationMs(text: string): number {
  if (text === "0") return 0;
  const match = DURATION.exec(text);
  if (match === null || text === "") {
    throw new BadInputError(
      `Cannot read duration "${text}": it must be integers with units, such as 15s, 5m or 1h30m`,
    );
  }
  const units = Object.values(UNITS_MS);
  const durationMs = match
    .slice(1)
    .reduce((total, digits, index) => total + Number(digits ?? 0) * itemAt(units, index), 0);
  if (durationMs > LONGEST_DURATION_MS) {
    throw new BadInputError(`Cannot read duration "${text}": it must be at most 292y`);
  }
  return durationMs;
}

/**
 * Formats milliseconds as Prometheus does: `1h30m`, `15s`, `0s`. Years, weeks and days only where
 * exact.
 */
export function formatDurationMs(milliseconds: number): string {
  if (milliseconds === 0) return "0s";
  let rest = Math.abs(milliseconds);
  let text = "";
  for (const [unit, unitMs] of Object.entries(UNITS_MS)) {
    const exactOnly = unit === "y" || unit === "w" || unit === "d";
    if (exactOnly && rest % unitMs !== 0) continue;
    const count = Math.floor(rest / unitMs);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * unitMs;
  }
  return milliseconds < 0 ? `-${text}` : text;
}
