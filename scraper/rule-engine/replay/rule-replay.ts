import type { Labels } from "../../../exporter/shared/model/labels.js";
import type { TimeRange } from "../../../exporter/shared/model/time-range.js";
import type { Clock } from "../../../exporter/shared/platform/clock.js";
import type { Expression } from "../../promql/language/ast.js";
import type { Queries } from "../../promql/evaluation/query-results.js";
import type { SampleWriter } from "../../storage/model/sample-writer.js";
import type { ActiveAlert } from "../evaluation/active-alert.js";
import type { AlertExpander } from "../rules/alert-expansion.js";
import { AlertSeeds } from "./alert-seeds.js";
import { detectsMissingScrapes, isLowerWorse, readsQueryTimes } from "../rules/expression-reads.js";
import { GroupReplay, type ReplayCounts, type ReplayWindow } from "./group-replay.js";
import type { PastEpisode } from "../evaluation/active-alert.js";
import { ReplayPause } from "./replay-pause.js";
import type { ReplayedAlerts, StoredReplay } from "./replayed-alerts.js";
import { replayOrderOf } from "./replay-order.js";
import {
  groupKeyOf,
  type AlertingRule,
  type MissingData,
  type RuleGroup,
} from "../rules/rule-group.js";

/** Length of a window, which is queried, evaluated and saved as a unit. */
export const WINDOW_MS = 3_600_000;

export interface RuleReplayOptions {
  readonly queries: Queries;
  readonly writer: SampleWriter;
  readonly clock: Clock;
  readonly expander: AlertExpander;
  readonly missingData: MissingData;
  readonly parse: (expression: string) => Expression;
  /** True when the target named by the labels had no samples at that time. */
  readonly isTargetSilentAt: (labels: Labels, timeMs: number) => boolean;
  readonly counts: ReplayCounts;
}

/** An alert that ended during the outage. */
export interface EndedAlert {
  readonly rule: AlertingRule;
  readonly groupKey: string;
  readonly intervalMs: number;
  readonly episode: PastEpisode;
}

/** An alert that is pending or firing at the current end of the replay. */
export interface OngoingAlert extends EndedAlert {
  readonly ruleKey: string;
  readonly alert: ActiveAlert;
}

/** State of one rule between two windows. */
export interface StoredReplayRule extends StoredReplay {
  readonly group: string;
  readonly rule: string;
}

/** Evaluates all rules over a past range, window by window. */
export class RuleReplay {
  private readonly groups: readonly GroupReplay[];
  private readonly isStepwise: boolean;

  constructor(
    groups: readonly RuleGroup[],
    private readonly options: RuleReplayOptions,
  ) {
    const { parse, expander, missingData, isTargetSilentAt } = options;
    const { groups: ordered, isStepwise } = replayOrderOf(groups, parse);
    this.isStepwise = isStepwise;
    this.groups = ordered.map(
      (group) =>
        new GroupReplay(group, {
          ...options,
          readsQueryTimes: (rule) => readsQueryTimes(parse(rule.expression)),
          isLeftOut: (rule) => detectsMissingScrapes(parse(rule.expression)),
          alertsOf: (rule) => ({
            clock: options.clock,
            expander,
            missingData,
            parse,
            isTargetSilentAt,
            lowIsWorse: isLowerWorse(parse(rule.expression)),
          }),
        }),
    );
  }

  get isIdle(): boolean {
    return this.alertingRules().every(({ alerts }) => alerts.isIdle);
  }

  /** True when a group is due at some time in the range. */
  isDueWithin({ fromMs, untilMs }: TimeRange): boolean {
    return this.groups.some((group) => group.firstDueMs(fromMs) < untilMs);
  }

  /** Begins a range with the alerts that were active just before it. */
  async seed(timeMs: number, signal: AbortSignal): Promise<void> {
    const seeds = await AlertSeeds.read(this.options.queries, timeMs, signal);
    const rules = this.alertingRules();
    const owners = new Map<string, number>();
    for (const { rule } of rules) {
      for (const { labels } of seeds.of(rule))
        owners.set(labels.key, (owners.get(labels.key) ?? 0) + 1);
    }
    for (const { rule, alerts } of rules) {
      alerts.forget();
      for (const seed of seeds.of(rule))
        alerts.seed([seed], (owners.get(seed.labels.key) ?? 0) > 1);
    }
  }

  /**
   * Evaluates one window. Afterwards its results only have to be made durable.
   *
   * @param writtenUntilMs results from this time on are not stored, because live evaluation has
   * stored them
   * @throws the signal's reason when the replay is stopped
   */
  async evaluate(
    range: TimeRange,
    writtenUntilMs: number,
    signal: AbortSignal,
  ): Promise<EndedAlert[]> {
    const pause = new ReplayPause(this.options.clock, signal);
    const found: EndedAlert[] = [];
    for (const part of this.partsOf(range)) {
      const window: ReplayWindow = { ...part, writtenUntilMs, pause, signal };
      for (const replay of this.groups) {
        const about = { groupKey: groupKeyOf(replay.group), intervalMs: replay.group.intervalMs };
        for (const { rule, episode } of await replay.evaluate(window))
          found.push({ rule, episode, ...about });
      }
    }
    return found;
  }

  ongoing(): OngoingAlert[] {
    return this.alertingRules().flatMap(({ rule, alerts, ruleKey, group }) =>
      alerts.alerts.map((alert) => ({
        rule,
        alert,
        ruleKey,
        groupKey: groupKeyOf(group),
        intervalMs: group.intervalMs,
        episode: alerts.episodeOf(alert),
      })),
    );
  }

  stored(): StoredReplayRule[] {
    return this.alertingRules()
      .filter(({ alerts }) => !alerts.isIdle)
      .map(({ ruleKey, group, alerts }) => ({
        group: groupKeyOf(group),
        rule: ruleKey,
        ...alerts.stored,
      }));
  }

  /** Rules that no longer exist are dropped. */
  restore(stored: readonly StoredReplayRule[]): void {
    for (const { group, rule, ...state } of stored) {
      const known = this.alertingRules().find(
        (one) => groupKeyOf(one.group) === group && one.ruleKey === rule,
      );
      known?.alerts.restore(state);
    }
  }

  /** The whole range, or one time after the other if rules read each other in a cycle. */
  private *partsOf({ fromMs, untilMs }: TimeRange): Generator<TimeRange> {
    if (!this.isStepwise) {
      yield { fromMs, untilMs };
      return;
    }
    for (let at = fromMs; at < untilMs;) {
      const firstMs = Math.min(...this.groups.map((group) => group.firstDueMs(at)));
      yield { fromMs: at, untilMs: Math.min(untilMs, firstMs + 1) };
      at = firstMs + 1;
    }
  }

  private alertingRules(): {
    readonly rule: AlertingRule;
    readonly alerts: ReplayedAlerts;
    readonly ruleKey: string;
    readonly group: RuleGroup;
  }[] {
    return this.groups.flatMap(({ group, rules }) =>
      rules.flatMap(({ rule, alerts, key }) =>
        rule.kind === "recording" || alerts === undefined
          ? []
          : [{ rule, alerts, ruleKey: key, group }],
      ),
    );
  }
}
