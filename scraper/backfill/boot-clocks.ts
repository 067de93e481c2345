import type { MemberHeader } from "../../exporter/shared/codec/member-text.js";

/** A clock of a Pi that differs from ours by no more than this is taken as right. */
export const CLOCK_TOLERANCE_MS = 2000;
const MAX_BOOTS = 64;
/** No Pi has sampled before this: a clock that shows an earlier time was never set. */
const EARLIEST_PLAUSIBLE_MS = Date.UTC(2020, 0, 1);

/** Both clocks of a Pi at one instant. */
export type ClockPair = MemberHeader;

/**
 * The true time at which the monotonic clock of each boot was 0, as far as we have heard of the boot while it ran. What
 * was found once stays, so that a sample fetched twice comes to the same place.
 */
export class BootClocks {
  private readonly zeroMs: Map<string, number>;

  constructor(entries: readonly (readonly [bootId: string, zeroMs: number])[] = []) {
    this.zeroMs = new Map(entries);
  }

  get entries(): readonly (readonly [bootId: string, zeroMs: number])[] {
    return [...this.zeroMs];
  }

  /** @returns true when something was learned */
  learn({ bootId, monotonicMs }: Pick<ClockPair, "bootId" | "monotonicMs">, trueWallMs: number): boolean {
    const zeroMs = Math.round(trueWallMs - monotonicMs);
    const known = this.zeroMs.get(bootId);
    if (known !== undefined && Math.abs(known - zeroMs) <= CLOCK_TOLERANCE_MS) return false;
    this.zeroMs.delete(bootId);
    this.zeroMs.set(bootId, zeroMs);
    for (const oldest of this.zeroMs.keys()) {
      if (this.zeroMs.size <= MAX_BOOTS) break;
      this.zeroMs.delete(oldest);
    }
    return true;
  }

  /**
   * What to add to the timestamps of a member: 0 where its clock was right, undefined where nothing tells.
   *
   * @param after placed time of the sample before, and `before` the latest time possible, for a boot we know nothing of
   */
  correctionOf(header: ClockPair, { after, before }: { after: number; before: number }): number | undefined {
    const zeroMs = this.zeroMs.get(header.bootId);
    if (zeroMs !== undefined) {
      const correctionMs = zeroMs + header.monotonicMs - header.wallMs;
      return Math.abs(correctionMs) <= CLOCK_TOLERANCE_MS ? 0 : Math.round(correctionMs);
    }
    const earliest = Math.max(EARLIEST_PLAUSIBLE_MS, after - CLOCK_TOLERANCE_MS);
    return header.wallMs >= earliest && header.wallMs <= before + CLOCK_TOLERANCE_MS ? 0 : undefined;
  }
}
