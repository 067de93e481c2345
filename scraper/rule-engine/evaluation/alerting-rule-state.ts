import { Labels, METRIC_NAME } from "../../../exporter/shared/model/labels.js";
import type { Alert } from "../../alerting/alerts/alert.js";
import type { Clock } from "../../../exporter/shared/platform/clock.js";
import { TimeSlices } from "../../../exporter/shared/platform/time-slices.js";
import type { VectorSample } from "../../promql/evaluation/query-results.js";
import type { ActiveAlert } from "./active-alert.js";
import type { Expression } from "../../promql/language/ast.js";
import { collectorsReadBy } from "../rules/collectors-read.js";
import type { AlertExpander, ExpansionData } from "../rules/alert-expansion.js";
import type { CompiledTemplate } from "../../templates/template.js";
import { RuleError } from "../rules/rule-error.js";
import type { AlertingRule, MissingData } from "../rules/rule-group.js";

/** For this long a resolved alert is sent repeatedly, in case a message is lost. */
export const RESOLVED_RETENTION_MS = 900_000;

export interface AlertingSurroundings {
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly expander: AlertExpander;
  readonly isTargetSilent: (labels: Labels) => boolean;
  readonly missingData: MissingData;
  /** Undefined where failing collectors change nothing, as in rule tests. */
  readonly parse?: ((expression: string) => Expression) | undefined;
  /**
   * Whether to expand the annotations of the alert with this key for this value; undefined means
   * always.
   */
  readonly needsAnnotations?: (key: string, value: number) => boolean;
}

export interface RuleSample {
  readonly labels: Labels;
  readonly value: number;
}

/** An alert as the result of one evaluation shows it. */
interface SeenAlert {
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly value: number;
}

/** A label or annotation of a rule. `template` is undefined for a text without actions. */
interface RuleText {
  readonly name: string;
  readonly text: string;
  readonly template: CompiledTemplate | undefined;
}

/** The labels of an alert, and the expanded labels of the rule that they contain. */
interface LabelsOfSeries {
  readonly expanded: Readonly<Record<string, string>>;
  readonly labels: Labels;
}

/** Labels of the series that an alert writes. */
interface SeriesOfAlert {
  readonly alerts: Readonly<Record<"pending" | "firing", Labels>>;
  readonly forState: Labels;
}

/**
 * The alerts of one alerting rule, updated by every evaluation. An evaluation with many alerts runs
 * in slices. Labels and annotations that did not change since the last one are the same objects.
 */
export class AlertingRuleState {
  readonly alerts = new Map<string, ActiveAlert>();
  private readonly labelTexts: readonly RuleText[];
  private readonly annotationTexts: readonly RuleText[];
  private readonly hasFixedLabels: boolean;
  /** The annotations of all alerts, if they have no templates. */
  private readonly fixedAnnotations: Labels | undefined;
  /** Collectors of exporters without which the expression has no result; read when needed. */
  private collectors: readonly string[] | undefined;
  /** By the key of the labels of a series in the last result. */
  private labelsOfSeries = new Map<string, LabelsOfSeries>();
  private readonly seriesOfAlert = new WeakMap<Labels, SeriesOfAlert>();
  /** Keys of alerts with a change that has to survive a restart: begin, end or another state. */
  private changed = new Set<string>();

  constructor(
    readonly rule: AlertingRule,
    private readonly surroundings: AlertingSurroundings,
  ) {
    const compile = (texts: Readonly<Record<string, string>>): RuleText[] =>
      Object.entries(texts).map(([name, text]) => ({
        name,
        text,
        template: text.includes("{{") ? surroundings.expander.compile(rule.name, text) : undefined,
      }));
    this.labelTexts = compile(rule.labels);
    this.annotationTexts = compile(rule.annotations);
    this.hasFixedLabels = this.labelTexts.every(isFixed);
    const isAlwaysSame = this.annotationTexts.every(isFixed);
    this.fixedAnnotations =
      isAlwaysSame && surroundings.needsAnnotations === undefined
        ? Labels.of(rule.annotations)
        : undefined;
  }

  get isChanged(): boolean {
    return this.changed.size > 0;
  }

  /** Keys of alerts that changed since the last call; an alert that is not here any more is over. */
  takeChanged(): ReadonlySet<string> {
    const { changed } = this;
    this.changed = new Set();
    return changed;
  }

  /**
   * Updates the alerts with the result of the expression at `timeMs`.
   *
   * @param limit most alerts allowed, 0 for no limit
   * @returns the ALERTS and ALERTS_FOR_STATE series of this time
   * @throws {RuleError} when the limit is exceeded or two alerts have the same labels
   */
  async advance(
    result: readonly VectorSample[],
    timeMs: number,
    limit: number,
    query: ExpansionData["query"],
  ): Promise<RuleSample[]> {
    const slices = new TimeSlices(this.surroundings.clock);
    const seen = await this.seenIn(result, { timeMs, query, slices });
    for (const [key, alert] of seen) {
      this.merge(key, alert, timeMs);
      if (slices.areDue) await slices.pause();
    }
    const failing = await this.targetsWithFailingCollector(seen, query);
    let active = 0;
    for (const [key, alert] of this.alerts) {
      if (slices.areDue) await slices.pause();
      if (this.moveOn(key, alert, { holds: seen.has(key), failing, timeMs })) active++;
    }
    if (limit > 0 && active > limit) {
      for (const key of this.alerts.keys()) this.changed.add(key);
      this.alerts.clear();
      throw new RuleError(`exceeded limit of ${limit} with ${active} alerts`);
    }
    return this.samples(slices);
  }

  private async seenIn(
    result: readonly VectorSample[],
    { timeMs, query, slices }: EvaluationTurn,
  ): Promise<Map<string, SeenAlert>> {
    const seen = new Map<string, SeenAlert>();
    const labelsOfSeries = new Map<string, LabelsOfSeries>();
    for (const { labels: series, value } of result) {
      const data = { labels: series, value, timeMs, query };
      // Nothing to wait for, as long as no text has a template.
      const before = this.hasFixedLabels ? this.labelsOfSeries.get(series.key) : undefined;
      const known = before ?? (await this.labelsOf(data));
      labelsOfSeries.set(series.key, known);
      const { labels } = known;
      if (seen.has(labels.key)) {
        throw new RuleError(
          "vector contains metrics with the same labelset after applying alert labels",
        );
      }
      const annotations = this.fixedAnnotations ?? (await this.annotationsOf(labels.key, data));
      seen.set(labels.key, { labels, annotations, value });
      if (slices.areDue) await slices.pause();
    }
    this.labelsOfSeries = labelsOfSeries;
    return seen;
  }

  private async labelsOf(data: ExpansionData): Promise<LabelsOfSeries> {
    const known = this.labelsOfSeries.get(data.labels.key);
    const expanded = await this.expandAll(this.labelTexts, data);
    if (
      known !== undefined &&
      this.labelTexts.every(({ name }) => known.expanded[name] === expanded[name])
    )
      return known;
    const labels = data.labels
      .without(METRIC_NAME)
      .with({ ...expanded, alertname: this.rule.name });
    return { expanded, labels };
  }

  private async annotationsOf(key: string, data: ExpansionData): Promise<Labels> {
    const known = this.alerts.get(key)?.annotations;
    if (this.surroundings.needsAnnotations?.(key, data.value) === false) {
      return known ?? Labels.EMPTY;
    }
    const expanded = await this.expandAll(this.annotationTexts, data);
    const isSame = this.annotationTexts.every(({ name }) => known?.get(name) === expanded[name]);
    return known !== undefined && isSame ? known : Labels.of(expanded);
  }

  private async expandAll(
    texts: readonly RuleText[],
    data: ExpansionData,
  ): Promise<Record<string, string>> {
    const expanded: Record<string, string> = {};
    for (const { name, text, template } of texts) {
      expanded[name] =
        template === undefined ? text : await this.surroundings.expander.expand(template, data);
    }
    return expanded;
  }

  private merge(key: string, { labels, annotations, value }: SeenAlert, timeMs: number): void {
    const known = this.alerts.get(key);
    if (known !== undefined && known.state !== "resolved") {
      known.value = value;
      known.annotations = annotations;
      return;
    }
    this.alerts.set(key, {
      labels,
      annotations,
      value,
      state: "pending",
      unknown: false,
      activeAtMs: timeMs,
      firedAtMs: undefined,
      resolvedAtMs: undefined,
      lastSentAtMs: undefined,
      keepFiringSinceMs: undefined,
    });
    this.changed.add(key);
  }

  /** @returns whether the alert is pending or firing after this evaluation */
  private moveOn(key: string, alert: ActiveAlert, { holds, failing, timeMs }: Finding): boolean {
    alert.unknown =
      !holds &&
      alert.state !== "resolved" &&
      (failing.has(targetKey(alert.labels)) || this.keepsSilent(alert));
    if (alert.unknown) return true;
    if (!holds && !this.keepsFiring(alert, timeMs)) {
      this.end(key, alert, timeMs);
      return false;
    }
    if (holds) alert.keepFiringSinceMs = undefined;
    if (alert.state === "pending" && timeMs - alert.activeAtMs >= this.rule.forMs) {
      alert.state = "firing";
      alert.firedAtMs = timeMs;
      this.changed.add(key);
    }
    return true;
  }

  /**
   * The targets on which a collector fails that the expression needs: their series are missing, and
   * that tells nothing about their alerts. Read only when an active alert is not seen.
   */
  private async targetsWithFailingCollector(
    seen: ReadonlyMap<string, SeenAlert>,
    query: ExpansionData["query"],
  ): Promise<ReadonlySet<string>> {
    const { parse } = this.surroundings;
    if (parse === undefined || this.policy !== "keep" || !this.hasUnseen(seen)) return NO_TARGETS;
    this.collectors ??= collectorsReadBy(parse(this.rule.expression));
    if (this.collectors.length === 0) return NO_TARGETS;
    const names = this.collectors.join("|");
    const failing = await query(`pihealth_collector_success{collector=~"${names}"} == 0`);
    return new Set(
      failing.flatMap(({ Labels: labels }) => {
        const instance = labels.get("instance") ?? "";
        // A rule may have dropped the label job.
        return instance === "" ? [] : [`${labels.get("job") ?? ""} ${instance}`, ` ${instance}`];
      }),
    );
  }

  private hasUnseen(seen: ReadonlyMap<string, SeenAlert>): boolean {
    for (const [key, { state }] of this.alerts)
      if (state !== "resolved" && !seen.has(key)) return true;
    return false;
  }

  private get policy(): MissingData {
    return this.rule.missingData ?? this.surroundings.missingData;
  }

  /** True when an alert that is not seen is kept, because its target sends nothing. */
  keepsSilent({ labels }: Pick<ActiveAlert, "labels">): boolean {
    return this.policy === "keep" && this.surroundings.isTargetSilent(labels);
  }

  private keepsFiring(alert: ActiveAlert, timeMs: number): boolean {
    if (alert.state !== "firing" || this.rule.keepFiringForMs === 0) return false;
    alert.keepFiringSinceMs ??= timeMs;
    return timeMs - alert.keepFiringSinceMs < this.rule.keepFiringForMs;
  }

  private end(key: string, alert: ActiveAlert, timeMs: number): void {
    const isForgotten =
      alert.resolvedAtMs !== undefined && timeMs - alert.resolvedAtMs > RESOLVED_RETENTION_MS;
    if (alert.state === "pending" || isForgotten) {
      this.alerts.delete(key);
      this.changed.add(key);
    } else if (alert.state === "firing") {
      alert.state = "resolved";
      alert.resolvedAtMs = timeMs;
      this.changed.add(key);
    }
  }

  private async samples(slices: TimeSlices): Promise<RuleSample[]> {
    const samples: RuleSample[] = [];
    for (const { labels, state, activeAtMs } of this.alerts.values()) {
      if (state === "resolved") continue;
      const { alerts, forState } = this.seriesOf(labels);
      samples.push({ labels: alerts[state], value: 1 });
      samples.push({ labels: forState, value: Math.floor(activeAtMs / 1000) });
      if (slices.areDue) await slices.pause();
    }
    return samples;
  }

  private seriesOf(labels: Labels): SeriesOfAlert {
    const known = this.seriesOfAlert.get(labels);
    if (known !== undefined) return known;
    const name = "ALERTS";
    const series = {
      alerts: {
        pending: labels.with({ [METRIC_NAME]: name, alertstate: "pending" }),
        firing: labels.with({ [METRIC_NAME]: name, alertstate: "firing" }),
      },
      forState: labels.with({ [METRIC_NAME]: "ALERTS_FOR_STATE" }),
    };
    this.seriesOfAlert.set(labels, series);
    return series;
  }

  /**
   * Alerts that have to be sent now: new ones, ones that were resolved since they were sent, and
   * ones that were not sent for `resendDelayMs`.
   */
  takeDue(timeMs: number, resendDelayMs: number): ActiveAlert[] {
    const due = [...this.alerts.values()].filter((alert) => isDue(alert, timeMs, resendDelayMs));
    for (const alert of due) alert.lastSentAtMs = timeMs;
    return due;
  }
}

/** What an evaluation found about an alert. */
interface Finding {
  readonly holds: boolean;
  /** Keys of targets. */
  readonly failing: ReadonlySet<string>;
  readonly timeMs: number;
}

const NO_TARGETS: ReadonlySet<string> = new Set();
const targetKey = (labels: Labels): string => `${labels.get("job")} ${labels.get("instance")}`;

const isFixed = ({ template }: RuleText): boolean => template === undefined;

interface EvaluationTurn {
  readonly timeMs: number;
  readonly query: ExpansionData["query"];
  readonly slices: TimeSlices;
}

function isDue(
  { state, resolvedAtMs, lastSentAtMs }: ActiveAlert,
  timeMs: number,
  resendDelayMs: number,
): boolean {
  if (state === "pending") return false;
  if (lastSentAtMs === undefined) return true;
  if (resolvedAtMs !== undefined && resolvedAtMs > lastSentAtMs) return true;
  return lastSentAtMs + resendDelayMs < timeMs || lastSentAtMs > timeMs; // The clock may have been set back.
}

export interface SendingSettings {
  readonly timeMs: number;
  /** A firing alert that is not sent again within this time counts as resolved. */
  readonly validForMs: number;
  /** Labels of the alert and external labels. */
  readonly labels: Labels;
  readonly generatorUrl: string;
}

/** External labels do not replace the labels of an alert. */
export function withExternalLabels(labels: Labels, external: Labels): Labels {
  return external.pairs.length === 0 ? labels : Labels.of([...external.pairs, ...labels.pairs]);
}

/** Converts an alert for the notification side. */
export function toSentAlert(alert: ActiveAlert, settings: SendingSettings): Alert {
  return {
    labels: settings.labels,
    annotations: alert.annotations,
    startsAtMs: alert.firedAtMs ?? alert.activeAtMs,
    endsAtMs: alert.resolvedAtMs ?? settings.timeMs + settings.validForMs,
    generatorUrl: settings.generatorUrl,
  };
}
