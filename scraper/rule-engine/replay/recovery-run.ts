import { itemAt } from "../../../exporter/shared/model/get-or-throw.js";
import type { TimeRange } from "../../../exporter/shared/model/time-range.js";
import type { Clock } from "../../../exporter/shared/platform/clock.js";
import { messageOf } from "../../../exporter/shared/model/errors.js";
import type { Logger } from "../../../exporter/shared/platform/logger.js";
import { expressionLink } from "../../templates/prometheus-functions.js";
import type { SampleWriter } from "../../storage/model/sample-writer.js";
import type { ActiveAlert } from "../evaluation/active-alert.js";
import { isLowerWorse } from "../rules/expression-reads.js";
import { FoundAlerts, type FoundAlertsOptions } from "./found-alerts.js";
import type { RecoveryState } from "./recovery-file.js";
import type { RuleEngine } from "../evaluation/rule-engine.js";
import {
  type EndedAlert,
  type OngoingAlert,
  type RuleReplay,
  type RuleReplayOptions,
  WINDOW_MS,
} from "./rule-replay.js";

/** Time between two attempts while a full disk refuses the results of rules. */
const COMMIT_RETRY_MS = 5000;

export interface RecoveryRunParts {
  readonly replay: RuleReplay;
  readonly found: FoundAlertsOptions;
  readonly engine: Pick<RuleEngine, "correctAlerts" | "sentLabels">;
  readonly clock: Clock;
  readonly log: Logger;
  readonly writer: SampleWriter;
  readonly parse: RuleReplayOptions["parse"];
  readonly externalUrl: string;
  /** Saves the progress. Work up to this point is not repeated. */
  readonly save: (state: RecoveryState) => Promise<void>;
}

/** Evaluates the rules over the ranges of one recovery, starting from the saved progress. */
export class RecoveryRun {
  private readonly found: FoundAlerts;

  constructor(
    private state: RecoveryState,
    private readonly parts: RecoveryRunParts,
  ) {
    this.found = new FoundAlerts(parts.found, state.found, state.omitted);
    parts.replay.restore(state.rules);
  }

  /**
   * @returns the state when everything is evaluated and saved
   * @throws the signal's reason when it is stopped
   */
  async run(signal: AbortSignal): Promise<RecoveryState> {
    const { ranges } = this.state;
    for (let index = this.state.rangeIndex; index < ranges.length; index++) {
      const range = itemAt(ranges, index);
      await this.begin(index, range, signal);
      while (this.cursorMs < range.untilMs) await this.step(range, range.untilMs, signal);
      await this.followUp(range, ranges[index + 1]?.fromMs ?? Number.POSITIVE_INFINITY, signal);
    }
    const last = ranges.at(-1);
    if (last !== undefined) this.correctLiveAlerts(last);
    await this.save({ isEvaluated: true });
    return this.state;
  }

  private get cursorMs(): number {
    return this.state.cursorMs ?? Number.NEGATIVE_INFINITY;
  }

  /**
   * Starts with the alerts from before the range, unless alerts of the previous range are still
   * active.
   */
  private async begin(index: number, range: TimeRange, signal: AbortSignal): Promise<void> {
    if (this.cursorMs >= range.fromMs) {
      this.state = { ...this.state, rangeIndex: index };
      return;
    }
    await this.parts.replay.seed(range.fromMs, signal);
    this.state = { ...this.state, rangeIndex: index, cursorMs: range.fromMs };
  }

  /**
   * Follows alerts that began in the range until they end, or to the present. Live evaluation has
   * evaluated this time already, so nothing is written.
   */
  private async followUp(range: TimeRange, untilMs: number, signal: AbortSignal): Promise<void> {
    let lastLeftMs = Number.POSITIVE_INFINITY;
    for (;;) {
      const endMs = Math.min(untilMs, this.parts.clock.wallMs());
      const leftMs = endMs - this.cursorMs;
      if (leftMs <= 0) return;
      if (endMs < untilMs && !this.isWorthAStep(endMs, lastLeftMs)) return;
      lastLeftMs = leftMs;
      while (this.cursorMs < endMs) {
        if (!this.isFollowing(range)) return;
        await this.step(range, endMs, signal);
      }
    }
  }

  private isFollowing(range: TimeRange): boolean {
    return this.parts.replay.ongoing().some(({ alert }) => alert.activeAtMs < range.untilMs);
  }

  /**
   * Time passes while a step is evaluated and saved, so the present is never reached exactly. It is
   * close enough when no rule is due before it, or when the last step did not come any closer.
   */
  private isWorthAStep(presentMs: number, lastLeftMs: number): boolean {
    const { cursorMs } = this;
    if (presentMs - cursorMs >= lastLeftMs) return false;
    return this.parts.replay.isDueWithin({ fromMs: cursorMs, untilMs: presentMs });
  }

  private async step(range: TimeRange, endMs: number, signal: AbortSignal): Promise<void> {
    const window = { fromMs: this.cursorMs, untilMs: Math.min(this.cursorMs + WINDOW_MS, endMs) };
    for (const ended of await this.parts.replay.evaluate(window, range.untilMs, signal)) {
      if (ended.episode.activeAtMs < range.untilMs) this.note(ended, range);
    }
    await this.commit(signal);
    await this.save({ cursorMs: window.untilMs });
  }

  /**
   * Active alerts become live alerts with their real start times. Alerts that live evaluation does
   * not have any more have ended.
   */
  private correctLiveAlerts(range: TimeRange): void {
    const rules = new Map<string, { about: OngoingAlert; alerts: ActiveAlert[] }>();
    const ongoing = this.parts.replay
      .ongoing()
      .filter(({ alert }) => alert.activeAtMs < range.untilMs);
    for (const about of ongoing) {
      const key = `${about.groupKey}\n${about.ruleKey}`;
      const known = rules.get(key);
      if (known === undefined) rules.set(key, { about, alerts: [about.alert] });
      else known.alerts.push(about.alert);
    }
    const confirmed = new Map(
      [...rules].map(([key, { about, alerts }]) => [
        key,
        this.parts.engine.correctAlerts(about.groupKey, about.ruleKey, alerts),
      ]),
    );
    for (const one of ongoing) {
      if (one.alert.state !== "firing") continue;
      const isOn =
        confirmed.get(`${one.groupKey}\n${one.ruleKey}`)?.has(one.alert.labels.key) === true;
      const endedAtMs = isOn ? undefined : Math.max(one.episode.firedAtMs, this.cursorMs);
      this.note({ ...one, episode: { ...one.episode, endedAtMs } }, range);
    }
  }

  private note({ rule, episode, intervalMs }: EndedAlert, range: TimeRange): void {
    const { engine, externalUrl, parse } = this.parts;
    this.found.add({
      episode,
      intervalMs,
      range,
      labels: engine.sentLabels(episode.labels),
      generatorUrl: externalUrl + expressionLink(rule.expression, 1),
      lowIsWorse: isLowerWorse(parse(rule.expression)),
    });
  }

  private async save(change: Partial<RecoveryState>): Promise<void> {
    const { found, parts } = this;
    const reached = { rules: parts.replay.stored(), found: found.list(), omitted: found.omitted };
    this.state = { ...this.state, ...change, ...reached };
    await parts.save(this.state);
  }

  /** Only durable results count as done, so a full disk delays the replay. */
  private async commit(signal: AbortSignal): Promise<void> {
    const { writer, clock, log } = this.parts;
    for (let tries = 0; ; tries++) {
      try {
        await writer.commit();
        return;
      } catch (error) {
        if (tries === 0)
          log.warn("Cannot commit the results of rules over filled ranges: will be tried again", {
            error: messageOf(error),
          });
      }
      await clock.sleep(COMMIT_RETRY_MS, signal);
    }
  }
}
