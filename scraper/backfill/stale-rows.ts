import { Labels } from "../../exporter/shared/model/labels.js";
import {
  bitsOf,
  isAbsentAt,
  isStaleAt,
  setStaleAt,
} from "../../exporter/shared/model/special-values.js";
import type { Target } from "../fleet/target.js";
import { REPORT_METRICS } from "../scrape/body-plan.js";
import { createLabelMatcher } from "../storage/model/label-matcher.js";
import type { Querier } from "../storage/model/querier.js";
import type { SampleWriter } from "../storage/model/sample-writer.js";

const REPORTS: ReadonlySet<string> = new Set(REPORT_METRICS);

export interface StaleRowsParts {
  readonly writer: SampleWriter;
  readonly querier: Querier;
  readonly target: Target;
  readonly folder: string;
}

/**
 * Writes staleness markers into the past of a target, and reads which series were scraped beside a
 * gap.
 */
export class StaleRows {
  constructor(private readonly parts: StaleRowsParts) {}

  /**
   * @param own labels of the series, without the target's labels
   * @returns the number of markers
   */
  append(timeMs: number, own: readonly Labels[]): number {
    const { writer, folder, target } = this.parts;
    if (own.length === 0) return 0;
    const values = new Float64Array(own.length);
    const bits = bitsOf(values);
    for (let index = 0; index < own.length; index++) setStaleAt(bits, index);
    writer
      .openTable({ folder, labels: target.labels })
      .append(timeMs, writer.internLayout(own), values);
    return own.length;
  }

  /**
   * The series of a successful scrape at this time, without the target's labels and without the
   * reports about the scrape.
   *
   * @returns undefined when no scrape succeeded at this time
   */
  async scrapedAt(timeMs: number): Promise<Labels[] | undefined> {
    const { querier, target } = this.parts;
    const matchers = target.labels.pairs.map(([name, value]) =>
      createLabelMatcher(name, "=", value),
    );
    const found: Labels[] = [];
    let isGood = false;
    for (const { timestamps, series } of await querier.select(matchers, {
      fromMs: timeMs,
      untilMs: timeMs + 1,
    })) {
      const at = timestamps.indexOf(timeMs);
      if (at < 0) continue;
      for (const { labels, values } of series) {
        const bits = bitsOf(values);
        if (isStaleAt(bits, at) || isAbsentAt(bits, at)) continue;
        if (labels.name === "up") isGood = values[at] === 1;
        if (!REPORTS.has(labels.name)) found.push(this.withoutTarget(labels));
      }
    }
    return isGood ? found : undefined;
  }

  private withoutTarget(labels: Labels): Labels {
    const { target } = this.parts;
    return Labels.ofSorted(
      labels.pairs.filter(([name, value]) => target.labels.get(name) !== value),
    );
  }
}
