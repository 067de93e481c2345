import type { WrittenLabels } from "../../exporter/shared/codec/exposition/exposition-parser-labels.js";
import { Labels, type LabelPair } from "../../exporter/shared/model/labels.js";
import { NO_RELABELING } from "../fleet/relabeling.js";
import type { ScrapeSettings, Target } from "../fleet/target.js";
import { checkLabelLimits } from "./label-limits.js";
import { ScrapeAnswerError } from "./scrape-errors.js";

/** A series in the form in which it is stored. */
export interface FinalSeries {
  /** Without target labels, unless `isForeign`. */
  readonly labels: Labels;
  /** True when the series lacks a label of its target, so it cannot be in the target's table. */
  readonly isForeign: boolean;
}

const EXPORTED_PREFIX = "exported_";

/**
 * Converts labels of a body to stored labels: conflicts with target labels, metric relabelling,
 * label limits. Targets for which the result is always equal share a context, and with it the plans
 * of bodies (`BodyPlanCache`).
 */
export class SeriesContext {
  private readonly targetNames: readonly string[];

  constructor(
    readonly settings: ScrapeSettings,
    private readonly targetLabels: Labels,
  ) {
    this.targetNames = targetLabels.pairs.map(([name]) => name);
  }

  /**
   * @returns undefined when relabelling dropped the series
   * @throws {ScrapeLimitError} when it exceeds a label limit
   * @throws {ScrapeAnswerError} when relabelling left no metric name
   */
  finish(written: WrittenLabels): FinalSeries | undefined {
    const { settings } = this;
    if (settings.metricRelabeling === NO_RELABELING && !hasLabelLimits(settings))
      return this.resolve(written);
    const resolved = this.resolve(written);
    const full = resolved.isForeign ? resolved.labels : this.withTargetLabels(resolved.labels);
    const relabeled = settings.metricRelabeling(full);
    if (relabeled === undefined || relabeled.pairs.length === 0) return undefined;
    if (relabeled.name === "") {
      throw new ScrapeAnswerError(
        `Cannot store ${full.toString()}: relabelling removed its metric name`,
      );
    }
    checkLabelLimits(relabeled, settings);
    return relabeled === full ? resolved : this.withoutTargetLabels(relabeled);
  }

  /**
   * Resolves conflicts with target labels: the labels of the body are renamed, or replace target
   * labels with honor_labels.
   */
  private resolve({ labels, emptyNames }: WrittenLabels): FinalSeries {
    if (this.settings.honorLabels) {
      const isForeign = emptyNames.some((name) => this.targetNames.includes(name));
      if (!isForeign) return { labels: this.withoutOwn(labels), isForeign };
      const added = this.targetLabels.pairs.filter(
        ([name]) => !labels.has(name) && !emptyNames.includes(name),
      );
      return { labels: Labels.of([...added, ...labels.pairs]), isForeign };
    }
    const conflicts = labels.pairs.filter(([name]) => this.targetNames.includes(name));
    if (conflicts.length === 0) return { labels, isForeign: false };
    return { labels: this.renameConflicts(labels, conflicts), isForeign: false };
  }

  /**
   * Renames `instance` to `exported_instance`, with as many prefixes as it takes to get an unused
   * name.
   */
  private renameConflicts(labels: Labels, conflicts: LabelPair[]): Labels {
    const others = labels.without(...this.targetNames);
    const byName = new Map(others.pairs);
    conflicts.sort(([left], [right]) => left.length - right.length);
    for (const [name, value] of conflicts) {
      let renamed = EXPORTED_PREFIX + name;
      while (byName.has(renamed) || this.targetNames.includes(renamed))
        renamed = EXPORTED_PREFIX + renamed;
      byName.set(renamed, value);
    }
    return Labels.of(byName);
  }

  private withTargetLabels(labels: Labels): Labels {
    return Labels.of([...this.targetLabels.pairs, ...labels.pairs]);
  }

  private withoutTargetLabels(full: Labels): FinalSeries {
    const isForeign = this.targetNames.some((name) => !full.has(name));
    if (isForeign) return { labels: full, isForeign };
    return { labels: this.withoutOwn(full), isForeign };
  }

  /** Removes labels that the table has, so each series has one form only. */
  private withoutOwn(labels: Labels): Labels {
    const own = labels.pairs.filter(([name, value]) => this.targetLabels.get(name) !== value);
    return own.length === labels.pairs.length ? labels : Labels.ofSorted(own);
  }
}

function hasLabelLimits(settings: ScrapeSettings): boolean {
  return settings.labelLimit + settings.labelNameLengthLimit + settings.labelValueLengthLimit > 0;
}

/**
 * Gives targets of a job the same context if its results do not depend on the values of their
 * labels.
 */
export class SeriesContexts {
  private readonly bySettings = new WeakMap<ScrapeSettings, Map<string, SeriesContext>>();

  of({ settings, labels }: Target): SeriesContext {
    const isRelabeled = settings.metricRelabeling !== NO_RELABELING;
    if (isRelabeled || hasLabelLimits(settings) || settings.honorLabels)
      return new SeriesContext(settings, labels);
    const byNames = this.bySettings.get(settings) ?? new Map<string, SeriesContext>();
    this.bySettings.set(settings, byNames);
    const names = labels.pairs.map(([name]) => name).join();
    const context = byNames.get(names) ?? new SeriesContext(settings, labels);
    byNames.set(names, context);
    return context;
  }
}
