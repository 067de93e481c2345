import { METRIC_NAME, type Labels } from "../../exporter/shared/model/labels.js";
import type { TimeRange } from "../../exporter/shared/model/time-range.js";
import { createLabelMatcher } from "../storage/label-matcher.js";
import type { Querier } from "../storage/querier.js";

const UP = createLabelMatcher(METRIC_NAME, "=", "up");
const HOUR_MS = 3_600_000;

/** When scrapes succeeded before this run, as the stored `up` tells. */
export class StoredScrapes {
  private recent = new Map<string, number[]>();

  constructor(private readonly querier: Querier) {}

  /** Reads the last hour of all targets at once: a restart is short, nearly always. */
  async load(nowMs: number): Promise<void> {
    this.recent = await this.read([UP], { fromMs: nowMs - HOUR_MS, untilMs: nowMs + HOUR_MS });
  }

  /** Ascending. The last hour before the start where there was any, else the newest one of the range. */
  async take(labels: Labels, range: TimeRange): Promise<readonly number[]> {
    const recent = this.recent.get(labels.key);
    this.recent.delete(labels.key);
    if (recent !== undefined && recent.length > 0) return recent;
    const own = labels.pairs.map(([name, value]) => createLabelMatcher(name, "=", value));
    const found = (await this.read([UP, ...own], range)).get(labels.key);
    return found?.slice(-1) ?? [];
  }

  private async read(
    matchers: readonly ReturnType<typeof createLabelMatcher>[], range: TimeRange,
  ): Promise<Map<string, number[]>> {
    const goods = new Map<string, number[]>();
    for (const { timestamps, series } of await this.querier.select(matchers, range)) {
      for (const { labels, values } of series) {
        const times = timestamps.filter((_, index) => values[index] === 1);
        goods.set(labels.without(METRIC_NAME).key, [...times]);
      }
    }
    return goods;
  }
}
