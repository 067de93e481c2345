import type { MemberHeader } from "../../exporter/shared/codec/history/member-text.js";

/** A Pi's clock that differs from ours by at most this counts as right. */
export const CLOCK_TOLERANCE_MS = 2000;
const MAX_BOOTS = 64;
/** Per boot. A clock that drifts by minutes gets one stretch for every two seconds of drift. */
export const MAX_STRETCHES = 128;
/** A clock that shows an earlier time was never set. */
const EARLIEST_PLAUSIBLE_MS = Date.UTC(2020, 0, 1);

/** Both clocks of a Pi at one instant. */
export type ClockPair = MemberHeader;

/**
 * A part of a boot, in times of its monotonic clock, both ends included. All observations of the
 * part agree on the true time at which that clock was 0 (`zeroMs`). Between two stretches the clock
 * drifted.
 */
export interface ClockStretch {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly zeroMs: number;
}

/** The stretches of one boot as the gaps file keeps them. */
export type BootClockEntry = readonly [bootId: string, stretches: readonly ClockStretch[]];

/** How to correct the timestamps of a member. */
export interface ClockCorrection {
  /** To be added to each timestamp; 0 where the clock counts as right. */
  readonly addMs: number;
  /**
   * How far the clock was behind, as far as that is certain; may differ from 0 where the clock
   * counts as right.
   */
  readonly errorMs: number;
}

/** How well the true time of a clock pair is known. */
interface Measurement {
  /** Largest error of the true time; undefined when the message may have been late by any time. */
  readonly uncertaintyMs: number | undefined;
}

const MESSAGE: Measurement = { uncertaintyMs: undefined };

/**
 * The true time at which the monotonic clock of each boot was 0, learned from messages while the
 * boot ran. Results never change afterwards, so a sample that is fetched twice gets the same
 * timestamp.
 */
export class BootClocks {
  private readonly boots: Map<string, ClockStretch[]>;
  /** The first of several messages in a row that were all late, or that show a drifting clock. */
  private readonly suspects = new Map<string, ClockStretch>();
  /** The latest measurement of the current boot. */
  private best:
    | { readonly bootId: string; readonly zeroMs: number; readonly uncertaintyMs: number }
    | undefined;

  constructor(entries: readonly BootClockEntry[] = []) {
    this.boots = new Map(entries.map(([bootId, stretches]) => [bootId, [...stretches]]));
  }

  get entries(): readonly BootClockEntry[] {
    return [...this.boots];
  }

  /**
   * Learns from a message that a Pi sent at a known true time.
   *
   * @returns true when the corrections of samples have changed
   */
  learn(
    { bootId, monotonicMs }: Pick<ClockPair, "bootId" | "monotonicMs">,
    trueWallMs: number,
    { uncertaintyMs }: Measurement = MESSAGE,
  ): boolean {
    const seen = {
      fromMs: monotonicMs,
      untilMs: monotonicMs,
      zeroMs: Math.round(trueWallMs - monotonicMs),
    };
    if (uncertaintyMs !== undefined) this.best = { bootId, zeroMs: seen.zeroMs, uncertaintyMs };
    const stretches = this.boots.get(bootId) ?? [];
    const last = stretches.at(-1);
    if (last === undefined) {
      this.boots.set(bootId, [seen]);
      this.forgetOldest();
      return true;
    }
    const laterMs = seen.zeroMs - last.zeroMs;
    if (Math.abs(laterMs) <= CLOCK_TOLERANCE_MS + (uncertaintyMs ?? 0)) {
      stretches[stretches.length - 1] = { ...last, untilMs: Math.max(last.untilMs, monotonicMs) };
      this.suspects.delete(bootId);
      return false;
    }
    // A message that took seconds looks like a drifted clock. Only a second message with the same
    // lag confirms the drift.
    const suspect = this.suspects.get(bootId);
    if (uncertaintyMs === undefined && laterMs > 0 && suspect === undefined) {
      this.suspects.set(bootId, seen);
      return false;
    }
    this.suspects.delete(bootId);
    // The last stretch has one message only, and this earlier zero shows that the message was late.
    if (laterMs < 0 && last.fromMs === last.untilMs) stretches.pop();
    const zeroMs = Math.min(
      seen.zeroMs,
      uncertaintyMs === undefined ? (suspect?.zeroMs ?? seen.zeroMs) : seen.zeroMs,
    );
    stretches.push({ ...seen, zeroMs });
    // The first stretch stays: it shows when the boot began.
    if (stretches.length > MAX_STRETCHES) stretches.splice(1, 1);
    return true;
  }

  /**
   * How to correct the timestamps of a member; undefined when its clock cannot be judged.
   *
   * @param after the corrected time of the previous sample; with `before`, the latest possible
   * time, it decides for an unknown boot
   */
  correctionOf(
    header: ClockPair,
    { after, before }: { after: number; before: number },
  ): ClockCorrection | undefined {
    const zeroMs = this.zeroOf(header);
    if (zeroMs !== undefined) {
      const errorMs = Math.round(zeroMs + header.monotonicMs - header.wallMs);
      if (Math.abs(errorMs) > CLOCK_TOLERANCE_MS) return { addMs: errorMs, errorMs };
      return { addMs: 0, errorMs: this.certainErrorOf(header) };
    }
    const earliest = Math.max(EARLIEST_PLAUSIBLE_MS, after - CLOCK_TOLERANCE_MS);
    const isPlausible = header.wallMs >= earliest && header.wallMs <= before + CLOCK_TOLERANCE_MS;
    return isPlausible ? { addMs: 0, errorMs: 0 } : undefined;
  }

  private certainErrorOf({ bootId, monotonicMs, wallMs }: ClockPair): number {
    const { best } = this;
    if (best?.bootId !== bootId) return 0;
    const errorMs = best.zeroMs + monotonicMs - wallMs;
    const certainMs = Math.min(CLOCK_TOLERANCE_MS, Math.abs(errorMs)) - best.uncertaintyMs;
    return Math.round(Math.sign(errorMs) * Math.max(0, certainMs));
  }

  private zeroOf({ bootId, monotonicMs }: ClockPair): number | undefined {
    const stretches = this.boots.get(bootId) ?? [];
    const index = stretches.findLastIndex(({ fromMs }) => fromMs <= monotonicMs);
    const before = stretches[index];
    const after = stretches[index + 1];
    if (before === undefined || after === undefined || monotonicMs <= before.untilMs)
      return (before ?? after)?.zeroMs;
    const share = (monotonicMs - before.untilMs) / (after.fromMs - before.untilMs);
    return Math.round(before.zeroMs + share * (after.zeroMs - before.zeroMs));
  }

  private forgetOldest(): void {
    for (const oldest of this.boots.keys()) {
      if (this.boots.size <= MAX_BOOTS) break;
      this.boots.delete(oldest);
      this.suspects.delete(oldest);
    }
  }
}
