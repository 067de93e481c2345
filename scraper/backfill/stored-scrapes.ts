import { METRIC_NAME, type Labels } from "../../exporter/shared/model/labels.js";
import type { TimeRange } from "../../exporter/shared/model/time-range.js";
import { createLabelMatcher, type LabelMatcher } from "../storage/model/label-matcher.js";
import type { Querier } from "../storage/model/querier.js";

const UP = createLabelMatcher(METRIC_NAME, "=", "up");
const HOUR_MS = 3_600_000;
/**
 * The past is read in windows of this length: `up` of ten thousand targets over two hours is 40 MB.
 */
const LOOK_BACK_MS = 2 * HOUR_MS;
/** A query names up to this many targets; with more it is cheaper to query all. */
const MAX_NAMED_TARGETS = 200;

/**
 * Times of successful scrapes before this run, from the stored `up`. It is read for all targets
 * together.
 */
export class StoredScrapes {
  private recent = new Map<string, number[]>();
  private recentFromMs = 0;
  private older: Promise<Map<string, number>> | undefined;

  constructor(private readonly querier: Querier) {}

  /** Reads the last hour of all targets, which suffices for most restarts. */
  async load(nowMs: number): Promise<void> {
    this.recentFromMs = nowMs - HOUR_MS;
    const range = { fromMs: this.recentFromMs, untilMs: nowMs + HOUR_MS };
    this.recent = await this.read([UP], range);
  }

  /**
   * Times of successful scrapes, ascending: those of the last hour before the start, or else the
   * newest since `oldestMs`.
   *
   * @param oldestMs must be about the same in all calls, since the past is read once
   */
  async take(labels: Labels, oldestMs: number): Promise<readonly number[]> {
    const recent = this.recent.get(labels.key);
    this.recent.delete(labels.key);
    if (recent !== undefined && recent.length > 0) return recent;
    this.older ??= this.lookBack(oldestMs);
    const newest = (await this.older).get(labels.key);
    return newest === undefined ? [] : [newest];
  }

  /** The newest successful scrape since `oldestMs`, of a target that is not watched. */
  async newest(labels: Labels, oldestMs: number): Promise<number | undefined> {
    this.older ??= this.lookBack(oldestMs);
    return this.recent.get(labels.key)?.at(-1) ?? (await this.older).get(labels.key);
  }

  /** Finds the newest successful scrape of each target that has none in the last hour. */
  private async lookBack(oldestMs: number): Promise<Map<string, number>> {
    const newest = new Map<string, number>();
    const known = await this.querier.series([[UP]], {
      fromMs: oldestMs,
      untilMs: this.recentFromMs,
    });
    const wanted = new Map(known.map((labels) => [labels.without(METRIC_NAME).key, labels]));
    for (const [key, goods] of this.recent) if (goods.length > 0) wanted.delete(key);
    for (
      let untilMs = this.recentFromMs;
      wanted.size > 0 && untilMs > oldestMs;
      untilMs -= LOOK_BACK_MS
    ) {
      const range = { fromMs: Math.max(oldestMs, untilMs - LOOK_BACK_MS), untilMs };
      for (const [key, goods] of await this.read(
        matchersFor(wanted.values(), wanted.size),
        range,
      )) {
        const last = goods.at(-1);
        if (last === undefined || !wanted.delete(key)) continue;
        newest.set(key, last);
      }
    }
    return newest;
  }

  private async read(
    matchers: readonly LabelMatcher[],
    range: TimeRange,
  ): Promise<Map<string, number[]>> {
    const found = new Map<string, number[]>();
    for (const { timestamps, series } of await this.querier.select(matchers, range)) {
      for (const { labels, values } of series) {
        const goods = timestamps.filter((_, index) => values[index] === 1);
        found.set(labels.without(METRIC_NAME).key, [...goods]);
      }
    }
    return found;
  }
}

function matchersFor(wanted: Iterable<Labels>, count: number): LabelMatcher[] {
  if (count > MAX_NAMED_TARGETS) return [UP];
  const instances = [...new Set([...wanted].map((labels) => labels.get("instance")))];
  return [UP, createLabelMatcher("instance", "=~", instances.map(quoteRegex).join("|"))];
}

const quoteRegex = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
