import type { Clock } from "../../../exporter/shared/platform/clock.js";
import type { Labels } from "../../../exporter/shared/model/labels.js";
import type { Expression } from "../../promql/language/ast.js";
import type { VectorSample } from "../../promql/evaluation/query-results.js";
import type { ActiveAlert } from "../evaluation/active-alert.js";
import type { AlertExpander, ExpansionData } from "../rules/alert-expansion.js";
import { AlertingRuleState, type RuleSample } from "../evaluation/alerting-rule-state.js";
import type { PastEpisode } from "../evaluation/active-alert.js";
import type { AlertingRule, MissingData } from "../rules/rule-group.js";

export interface ReplayedAlertsOptions {
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly expander: AlertExpander;
  readonly missingData: MissingData;
  readonly parse: (expression: string) => Expression;
  /** True when the target named by the labels had no samples at that time. */
  readonly isTargetSilentAt: (labels: Labels, timeMs: number) => boolean;
  /** True when lower values are worse. */
  readonly lowIsWorse: boolean;
}

export interface StoredReplay {
  readonly alerts: readonly ActiveAlert[];
  /** Worst value so far, by the key of the alert's labels. */
  readonly worst: ReadonlyMap<string, number>;
}

/** The alerts of one rule over a past range, with their own state machine. */
export class ReplayedAlerts {
  private timeMs = 0;
  private readonly state: AlertingRuleState;
  private readonly worst = new Map<string, number>();
  /** Seeded alerts that may belong to another rule, until an evaluation confirms them. */
  private readonly doubtful = new Set<string>();

  constructor(
    readonly rule: AlertingRule,
    private readonly options: ReplayedAlertsOptions,
  ) {
    this.state = new AlertingRuleState(rule, {
      clock: options.clock,
      expander: options.expander,
      missingData: options.missingData,
      parse: options.parse,
      isTargetSilent: (labels) => options.isTargetSilentAt(labels, this.timeMs),
      needsAnnotations: (key, value) => this.noteValue(key, value),
    });
  }

  get isIdle(): boolean {
    return this.state.alerts.size === 0;
  }

  /** Pending and firing alerts. */
  get alerts(): readonly ActiveAlert[] {
    return [...this.state.alerts.values()];
  }

  get stored(): StoredReplay {
    return { alerts: this.alerts, worst: this.worst };
  }

  restore({ alerts, worst }: StoredReplay): void {
    for (const alert of alerts) this.state.alerts.set(alert.labels.key, alert);
    for (const [key, value] of worst) this.worst.set(key, value);
  }

  /** @param isDoubtful true when the alerts may belong to another rule */
  seed(alerts: readonly ActiveAlert[], isDoubtful: boolean): void {
    for (const alert of alerts) {
      this.state.alerts.set(alert.labels.key, alert);
      if (isDoubtful) this.doubtful.add(alert.labels.key);
    }
  }

  forget(): void {
    this.state.alerts.clear();
    this.worst.clear();
    this.doubtful.clear();
  }

  episodeOf(alert: ActiveAlert): PastEpisode {
    const { labels, annotations, activeAtMs, firedAtMs, resolvedAtMs, value } = alert;
    const worst = this.worst.get(labels.key) ?? value;
    return {
      labels,
      annotations,
      activeAtMs,
      firedAtMs: firedAtMs ?? activeAtMs,
      endedAtMs: resolvedAtMs,
      worst,
    };
  }

  /**
   * Updates the alerts with the result of the expression at `timeMs`.
   *
   * @returns the series of this time, and the periods that ended
   * @throws {RuleError} as `AlertingRuleState.advance`
   */
  async advance(
    result: readonly VectorSample[],
    timeMs: number,
    limit: number,
    query: ExpansionData["query"],
  ): Promise<{ samples: RuleSample[]; ended: PastEpisode[] }> {
    this.timeMs = timeMs;
    const samples = await this.state.advance(result, timeMs, limit, query);
    const ended: PastEpisode[] = [];
    for (const [key, alert] of this.state.alerts) {
      if (alert.state !== "resolved") continue;
      if (!this.doubtful.has(key)) ended.push(this.episodeOf(alert));
      this.state.alerts.delete(key);
    }
    for (const key of this.worst.keys()) if (!this.state.alerts.has(key)) this.worst.delete(key);
    this.doubtful.clear();
    return { samples, ended };
  }

  /** @returns whether the value is worse than all earlier ones */
  private noteValue(key: string, value: number): boolean {
    const known = this.worst.get(key);
    const isWorse =
      known === undefined || (this.options.lowIsWorse ? value < known : value > known);
    if (isWorse) this.worst.set(key, value);
    return isWorse;
  }
}
