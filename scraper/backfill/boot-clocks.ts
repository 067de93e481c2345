import type { MemberHeader } from "../../exporter/shared/codec/history/member-text.js";

/** A clock of a Pi that differs from ours by no more than this is taken as right. */
export const CLOCK_TOLERANCE_MS = 2000;
const MAX_BOOTS = 64;
/** Of one boot; a clock that drifts by minutes gets one for every two seconds. */
export const MAX_STRETCHES = 128;
/** No Pi has sampled before this: a clock that shows an earlier time was never set. */
const EARLIEST_PLAUSIBLE_MS = Date.UTC(2020, 0, 1);

/** Both clocks of a Pi at one instant. */
export type ClockPair = MemberHeader;

/**
 * Part of a boot, by its monotonic clock, in which that clock was seen to be 0 at one true time. Both ends are in it.
 * Between two stretches the clock drifted.
 */
export interface ClockStretch {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly zeroMs: number;
}

/** What was learned, for a file. */
export type BootClockEntry = readonly [bootId: string, stretches: readonly ClockStretch[]];

/** What to do with the timestamps of a member. */
export interface ClockCorrection {
  /** 0 where the clock was right. */
  readonly addMs: number;
  /** How much the clock was behind, as far as it is known for certain; also where it counts as right. */
  readonly errorMs: number;
}

/** How a pair of clocks came here. */
interface Measurement {
  /** The true time is known so badly at the most; undefined when the message may have been late by any time. */
  readonly uncertaintyMs: number | undefined;
}

const MESSAGE: Measurement = { uncertaintyMs: undefined };

/**
 * The true time at which the monotonic clock of each boot was 0, as far as we have heard of the boot while it ran. What
 * was found once stays, so that a sample fetched twice comes to the same place.
 */
export class BootClocks {
  private readonly boots: Map<string, ClockStretch[]>;
  /** The first of the messages in a row that all came late, or show a clock that drifts. */
  private readonly suspects = new Map<string, ClockStretch>();
  /** The best measurement of the boot that runs. */
  private best:
    | { readonly bootId: string; readonly zeroMs: number; readonly uncertaintyMs: number }
    | undefined;

  constructor(entries: readonly BootClockEntry[] = []) {
    this.boots = new Map(entries.map(([bootId, stretches]) => [bootId, [...stretches]]));
  }

  get entries(): readonly BootClockEntry[] {
    return [...this.boots];
  }

  /** @returns true when something was learned that changes places in time */
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
    // A message on its way for seconds shows just this. A second one would have to be as late.
    const suspect = this.suspects.get(bootId);
    if (uncertaintyMs === undefined && laterMs > 0 && suspect === undefined) {
      this.suspects.set(bootId, seen);
      return false;
    }
    this.suspects.delete(bootId);
    // What only one message has said was a late one, when the next says that it was earlier.
    if (laterMs < 0 && last.fromMs === last.untilMs) stretches.pop();
    const zeroMs = Math.min(
      seen.zeroMs,
      uncertaintyMs === undefined ? (suspect?.zeroMs ?? seen.zeroMs) : seen.zeroMs,
    );
    stretches.push({ ...seen, zeroMs });
    if (stretches.length > MAX_STRETCHES) stretches.splice(1, 1); // The first one says when the boot began.
    return true;
  }

  /**
   * Where the samples of a member belong in time; undefined where nothing tells.
   *
   * @param after placed time of the sample before, and `before` the latest time possible, for a boot we know nothing of
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
