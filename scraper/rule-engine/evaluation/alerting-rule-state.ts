import { Labels, METRIC_NAME } from "../../../exporter/shared/model/labels.js";
import type { Alert } from "../../alerting/alerts/alert.js";
import type { VectorSample } from "../../promql/evaluation/query-results.js";
import type { ActiveAlert } from "./active-alert.js";
import type { AlertExpander, ExpansionData } from "../rules/alert-expansion.js";
import type { CompiledTemplate } from "../../templates/template.js";
import { RuleError } from "../rules/rule-error.js";
import type { AlertingRule, MissingData } from "../rules/rule-group.js";

/** For this long a resolved alert is sent repeatedly, in case a message is lost. */
export const RESOLVED_RETENTION_MS = 900_000;

export interface AlertingSurroundings {
  readonly expander: AlertExpander;
  readonly isTargetSilent: (labels: Labels) => boolean;
  readonly missingData: MissingData;
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

/** The alerts of one alerting rule, updated by every evaluation. */
export class AlertingRuleState {
  readonly alerts = new Map<string, ActiveAlert>();
  private readonly labelTemplates: readonly (readonly [string, CompiledTemplate])[];
  private readonly annotationTemplates: readonly (readonly [string, CompiledTemplate])[];
  /**
   * Number of changes that have to survive a restart: alerts that began, ended or changed their
   * state.
   */
  transitions = 0;

  constructor(
    readonly rule: AlertingRule,
    private readonly surroundings: AlertingSurroundings,
  ) {
    const compile = (texts: Readonly<Record<string, string>>): [string, CompiledTemplate][] =>
      Object.entries(texts).map(([name, text]) => [
        name,
        surroundings.expander.compile(rule.name, text),
      ]);
    this.labelTemplates = compile(rule.labels);
    this.annotationTemplates = compile(rule.annotations);
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
    const found = await this.alertsOf(result, timeMs, query);
    for (const [key, alert] of found) this.merge(key, alert);
    let active = 0;
    for (const [key, alert] of this.alerts) {
      if (!this.moveOn(key, alert, found.has(key), timeMs)) continue;
      active++;
    }
    if (limit > 0 && active > limit) {
      this.alerts.clear();
      this.transitions++;
      throw new RuleError(`exceeded limit of ${limit} with ${active} alerts`);
    }
    return this.samples();
  }

  private async alertsOf(
    result: readonly VectorSample[],
    timeMs: number,
    query: ExpansionData["query"],
  ): Promise<Map<string, ActiveAlert>> {
    const found = new Map<string, ActiveAlert>();
    for (const { labels: resultLabels, value } of result) {
      const data = { labels: resultLabels, value, timeMs, query };
      const ruleLabels = await this.expandAll(this.labelTemplates, data);
      const labels = resultLabels
        .without(METRIC_NAME)
        .with({ ...ruleLabels, alertname: this.rule.name });
      if (found.has(labels.key)) {
        throw new RuleError(
          "vector contains metrics with the same labelset after applying alert labels",
        );
      }
      const annotations = await this.annotationsOf(labels.key, data);
      found.set(labels.key, {
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
    }
    return found;
  }

  private async annotationsOf(key: string, data: ExpansionData): Promise<Labels> {
    if (this.surroundings.needsAnnotations?.(key, data.value) === false) {
      return this.alerts.get(key)?.annotations ?? Labels.EMPTY;
    }
    return Labels.of(await this.expandAll(this.annotationTemplates, data));
  }

  private async expandAll(
    templates: readonly (readonly [string, CompiledTemplate])[],
    data: ExpansionData,
  ): Promise<Record<string, string>> {
    const expanded: Record<string, string> = {};
    for (const [name, template] of templates) {
      expanded[name] = await this.surroundings.expander.expand(template, data);
    }
    return expanded;
  }

  private merge(key: string, found: ActiveAlert): void {
    const known = this.alerts.get(key);
    if (known === undefined || known.state === "resolved") {
      this.alerts.set(key, found);
      this.transitions++;
      return;
    }
    known.value = found.value;
    known.annotations = found.annotations;
  }

  /** @returns whether the alert is pending or firing after this evaluation */
  private moveOn(key: string, alert: ActiveAlert, holds: boolean, timeMs: number): boolean {
    alert.unknown = !holds && alert.state !== "resolved" && this.keepsSilent(alert);
    if (alert.unknown) return true;
    if (!holds && !this.keepsFiring(alert, timeMs)) {
      this.end(key, alert, timeMs);
      return false;
    }
    if (holds) alert.keepFiringSinceMs = undefined;
    if (alert.state === "pending" && timeMs - alert.activeAtMs >= this.rule.forMs) {
      alert.state = "firing";
      alert.firedAtMs = timeMs;
      this.transitions++;
    }
    return true;
  }

  private keepsSilent({ labels }: ActiveAlert): boolean {
    const policy = this.rule.missingData ?? this.surroundings.missingData;
    return policy === "keep" && this.surroundings.isTargetSilent(labels);
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
      this.transitions++;
    } else if (alert.state === "firing") {
      alert.state = "resolved";
      alert.resolvedAtMs = timeMs;
      this.transitions++;
    }
  }

  private samples(): RuleSample[] {
    const samples: RuleSample[] = [];
    for (const { labels, state, activeAtMs } of this.alerts.values()) {
      if (state === "resolved") continue;
      samples.push({
        labels: labels.with({ [METRIC_NAME]: "ALERTS", alertstate: state }),
        value: 1,
      });
      samples.push({
        labels: labels.with({ [METRIC_NAME]: "ALERTS_FOR_STATE" }),
        value: Math.floor(activeAtMs / 1000),
      });
    }
    return samples;
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
  readonly externalLabels: Labels;
  readonly generatorUrl: string;
}

/** Converts an alert for the notification side. External labels do not replace its own labels. */
export function toSentAlert(alert: ActiveAlert, settings: SendingSettings): Alert {
  return {
    labels: Labels.of([...settings.externalLabels.pairs, ...alert.labels.pairs]),
    annotations: alert.annotations,
    startsAtMs: alert.firedAtMs ?? alert.activeAtMs,
    endsAtMs: alert.resolvedAtMs ?? settings.timeMs + settings.validForMs,
    generatorUrl: settings.generatorUrl,
  };
}
