import type { Labels } from "../../../exporter/shared/model/labels.js";
import type { TimeRange } from "../../../exporter/shared/model/time-range.js";
import type { AlertHistory, HistoryEntry } from "../evaluation/alert-history.js";
import { targetOf, type TargetTimes } from "./filled-ranges.js";
import type { PastEpisode } from "../evaluation/active-alert.js";
import type { FoundAlert } from "./recovery-file.js";

/** Most different alerts of one recovery. Further alerts are only counted. */
export const MAX_FOUND_ALERTS = 10_000;
/** Live evaluation may see an alert this many intervals earlier or later. */
const TOLERATED_INTERVALS = 2;

export interface FoundAlertsOptions {
  readonly history: Pick<AlertHistory, "of">;
  readonly targets: TargetTimes;
  /** Time until which each new target was unknown, by `job instance`. */
  readonly newTargets: ReadonlyMap<string, number>;
  readonly hasKnownTargets: boolean;
}

/** A period in which an alert fired, in a filled range. */
export interface Finding {
  readonly episode: PastEpisode;
  /** Includes external labels. */
  readonly labels: Labels;
  readonly generatorUrl: string;
  readonly lowIsWorse: boolean;
  readonly intervalMs: number;
  readonly range: TimeRange;
}

/** The new alerts of a recovery, each once, however often it fired. */
export class FoundAlerts {
  private readonly found = new Map<string, FoundAlert>();

  constructor(
    private readonly options: FoundAlertsOptions,
    stored: readonly FoundAlert[],
    public omitted: number,
  ) {
    for (const alert of stored) this.found.set(keyOf(alert.labels, alert.isNotified), alert);
  }

  list(): FoundAlert[] {
    return [...this.found.values()];
  }

  /** Adds the finding unless live evaluation has seen it in its own time. */
  add(finding: Finding): void {
    const { labels, episode } = finding;
    const news = this.newsIn(finding);
    if (news === "none") return;
    // Live evaluation has notified receivers of the alert, and will of its end.
    const isNotified = news === "alert" && this.isNotified(labels, episode.firedAtMs);
    const key = keyOf(labels, isNotified);
    const known = this.found.get(key);
    if (known === undefined && this.found.size >= MAX_FOUND_ALERTS) {
      this.omitted++;
      return;
    }
    const joint =
      known === undefined
        ? firstOf(finding, isNotified)
        : joined(known, episode, finding.lowIsWorse);
    this.found.set(key, joint);
  }

  private isNotified(labels: Labels, firedAtMs: number): boolean {
    const { newTargets, hasKnownTargets } = this.options;
    return (
      hasKnownTargets && firedAtMs >= (newTargets.get(targetOf(labels)) ?? Number.NEGATIVE_INFINITY)
    );
  }

  /** `end`: live evaluation saw the alert in its own time, but with another end. */
  private newsIn({ episode, labels, range, intervalMs }: Finding): "alert" | "end" | "none" {
    const { activeAtMs, firedAtMs, endedAtMs } = episode;
    const endMs = endedAtMs ?? Number.POSITIVE_INFINITY;
    const gapEndMs = this.options.targets.filledUntilMs(
      labels,
      { fromMs: activeAtMs, untilMs: endMs },
      range,
    );
    if (gapEndMs === undefined) return "none";
    const entries = this.options.history.of(labels);
    const toleranceMs = TOLERATED_INTERVALS * intervalMs;
    const known =
      firedAtMs < range.fromMs
        ? entries.filter((entry) => entry.firedAtMs < range.fromMs).at(-1)
        : entries.find(
            (entry) =>
              entry.firedAtMs < gapEndMs && Math.abs(entry.firedAtMs - firedAtMs) <= toleranceMs,
          );
    // Its start is known, but its end may be new.
    if (known !== undefined) return isOtherEnd(known, endedAtMs, toleranceMs) ? "end" : "none";
    if (firedAtMs < range.fromMs) return endedAtMs === undefined ? "none" : "alert";
    const isKnown = entries.some((entry) => {
      const isInRange = entry.source === "filled" || entry.firedAtMs >= range.fromMs;
      return (
        isInRange &&
        entry.firedAtMs < Math.min(endMs, gapEndMs) &&
        (entry.endedAtMs ?? endMs + 1) > firedAtMs
      );
    });
    return isKnown ? "none" : "alert";
  }
}

/** Periods before the target was known are kept apart. */
const keyOf = (labels: Labels, isNotified: boolean): string => `${isNotified} ${labels.key}`;

function firstOf({ labels, episode, generatorUrl }: Finding, isNotified: boolean): FoundAlert {
  const { annotations, activeAtMs, firedAtMs, endedAtMs, worst } = episode;
  return {
    labels,
    annotations,
    generatorUrl,
    activeAtMs,
    firedAtMs,
    endedAtMs,
    worst,
    times: 1,
    isNotified,
  };
}

function isOtherEnd(
  { endedAtMs: knownMs }: HistoryEntry,
  endedAtMs: number | undefined,
  toleranceMs: number,
): boolean {
  if (endedAtMs === undefined) return false;
  return knownMs === undefined || Math.abs(knownMs - endedAtMs) > toleranceMs;
}

function joined(
  known: FoundAlert,
  { annotations, activeAtMs, firedAtMs, endedAtMs, worst }: PastEpisode,
  lowIsWorse: boolean,
): FoundAlert {
  const isWorse = lowIsWorse ? worst < known.worst : worst > known.worst;
  return {
    ...known,
    ...(isWorse ? { annotations, worst } : {}),
    activeAtMs: Math.min(known.activeAtMs, activeAtMs),
    firedAtMs: Math.min(known.firedAtMs, firedAtMs),
    endedAtMs:
      known.endedAtMs === undefined || endedAtMs === undefined
        ? undefined
        : Math.max(known.endedAtMs, endedAtMs),
    times: known.times + 1,
  };
}
