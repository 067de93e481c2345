import { itemAt, present } from "../../../exporter/shared/model/get-or-throw.js";
import { Labels } from "../../../exporter/shared/model/labels.js";
import { messageOf } from "../../../exporter/shared/model/errors.js";
import type { TimeRange } from "../../../exporter/shared/model/time-range.js";
import type { MatrixSeries, Queries, VectorSample } from "../../promql/evaluation/query-results.js";
import { QueryCanceledError } from "../../promql/language/query-errors.js";
import type { Clock } from "../../../exporter/shared/platform/clock.js";
import { TimeSlices } from "../../../exporter/shared/platform/time-slices.js";
import type { SampleWriter } from "../../storage/model/sample-writer.js";
import type { TemplateSample } from "../../templates/prometheus-functions.js";
import type { RuleSample } from "../evaluation/alerting-rule-state.js";
import { GroupSchedule } from "../evaluation/group-schedule.js";
import type { PastEpisode } from "../evaluation/active-alert.js";
import { RecordedSeries } from "../evaluation/recording-rule.js";
import type { ReplayPause } from "./replay-pause.js";
import { ReplayedAlerts, type ReplayedAlertsOptions } from "./replayed-alerts.js";
import {
  groupKeyOf,
  ruleKeysOf,
  type AlertingRule,
  type RecordingRule,
  type Rule,
  type RuleGroup,
} from "../rules/rule-group.js";
import { openGroupTable, RuleRow } from "../evaluation/rule-row.js";

export interface GroupReplayOptions {
  readonly queries: Queries;
  readonly writer: SampleWriter;
  readonly clock: Pick<Clock, "monotonicMs">;
  /** Options for the alerts of a rule. */
  readonly alertsOf: (rule: AlertingRule) => ReplayedAlertsOptions;
  /** Rules that say nothing about a time without scrapes. */
  readonly isLeftOut: (rule: Rule) => boolean;
  /** Rules for which a range query gives other values than live evaluation. */
  readonly readsQueryTimes: (rule: Rule) => boolean;
  readonly counts: ReplayCounts;
}

export interface ReplayCounts {
  evaluations: number;
  failures: number;
}

export interface ReplayedRule {
  /** From `ruleKeysOf`. */
  readonly key: string;
  readonly rule: Rule;
  /** Undefined for recording rules. */
  readonly alerts: ReplayedAlerts | undefined;
  /** Series of the previous time. */
  series: ReadonlyMap<string, Labels>;
  lastError: string;
}

/** One window of a replay. */
export interface ReplayWindow extends TimeRange {
  /** From this time on, live evaluation has written the results. */
  readonly writtenUntilMs: number;
  readonly pause: ReplayPause;
  readonly signal: AbortSignal;
}

/** Evaluates the rules of one group at the times at which they would have been evaluated. */
export class GroupReplay {
  readonly rules: readonly ReplayedRule[];
  private readonly schedule: GroupSchedule;

  constructor(
    readonly group: RuleGroup,
    private readonly options: GroupReplayOptions,
  ) {
    const keys = ruleKeysOf(group.rules);
    this.schedule = new GroupSchedule(group.intervalMs, group);
    this.rules = group.rules
      .map((rule, index): ReplayedRule => ({
        key: itemAt(keys, index),
        rule,
        series: new Map(),
        lastError: "",
        alerts:
          rule.kind === "alerting" ? new ReplayedAlerts(rule, options.alertsOf(rule)) : undefined,
      }))
      .filter(({ rule }) => !options.isLeftOut(rule));
  }

  /** The first time at or after `timeMs` at which the group is due. */
  firstDueMs(timeMs: number): number {
    return this.schedule.nextDueMs(timeMs - 1);
  }

  /**
   * Evaluates the rules over the window, one rule after the other, each over the whole window.
   *
   * @returns the periods that ended, with their rules
   * @throws the signal's reason when the replay is stopped; storage may then contain part of the
   * window
   */
  async evaluate(window: ReplayWindow): Promise<{ rule: AlertingRule; episode: PastEpisode }[]> {
    const { writer, clock } = this.options;
    const rows = new WindowRows(writer, this.group, window.writtenUntilMs, clock);
    const instants: number[] = [];
    const { intervalMs } = this.group;
    for (let at = this.firstDueMs(window.fromMs); at < window.untilMs; at += intervalMs)
      instants.push(at);
    if (instants.length === 0) return [];
    const ended: { rule: AlertingRule; episode: PastEpisode }[] = [];
    for (const replayed of this.rules) {
      window.signal.throwIfAborted();
      if (rows.areReadBy(replayed.rule.expression)) await rows.flush(window.pause);
      try {
        const { rule } = replayed;
        const turn = {
          resultAt: await this.resultsOf(rule, instants, window.signal),
          instants,
          rows,
          window,
        };
        if (rule.kind === "recording") await this.record(rule, replayed, turn);
        else for (const episode of await this.alert(replayed, turn)) ended.push({ rule, episode });
      } catch (error) {
        if (window.signal.aborted || error instanceof QueryCanceledError) throw error;
        this.fail(replayed, error);
      }
    }
    await rows.flush(window.pause);
    return ended;
  }

  /** Reads all times at once, if that gives the same as live evaluation, else time by time. */
  private async resultsOf(
    rule: Rule,
    instants: readonly number[],
    signal: AbortSignal,
  ): Promise<ResultAt> {
    const { queryOffsetMs, intervalMs } = this.group;
    if (this.options.readsQueryTimes(rule))
      return (timeMs) => this.instantResult(rule.expression, timeMs - queryOffsetMs, signal);
    const { value } = await this.options.queries.range({
      expression: rule.expression,
      fromMs: itemAt(instants, 0) - queryOffsetMs,
      toMs: itemAt(instants, -1) - queryOffsetMs,
      stepMs: intervalMs,
      signal,
    });
    const steps = new Steps(value.type === "matrix" ? value.series : []);
    return (timeMs) => steps.at(timeMs - queryOffsetMs);
  }

  private async instantResult(
    expression: string,
    timeMs: number,
    signal: AbortSignal,
  ): Promise<readonly VectorSample[]> {
    const { value } = await this.options.queries.instant({ expression, timeMs, signal });
    if (value.type === "vector") return value.samples;
    if (value.type !== "scalar") return [];
    return [{ labels: Labels.EMPTY, timestampMs: timeMs, value: value.value }];
  }

  private async record(
    rule: RecordingRule,
    replayed: ReplayedRule,
    { resultAt, instants, rows, window }: RuleTurn,
  ): Promise<void> {
    const recorded = new RecordedSeries(rule);
    for (const timeMs of instants) {
      await window.pause.ifDue();
      this.options.counts.evaluations++;
      try {
        const result = await resultAt(timeMs);
        const samples = recorded.samplesOf(result, this.group.limit);
        finish(replayed, samples, timeMs, rows);
      } catch (error) {
        if (window.signal.aborted || error instanceof QueryCanceledError) throw error;
        this.fail(replayed, error);
      }
    }
  }

  private async alert(
    replayed: ReplayedRule,
    { resultAt, instants, rows, window }: RuleTurn,
  ): Promise<PastEpisode[]> {
    const alerts = present(replayed.alerts, "The state of an alerting rule");
    const ended: PastEpisode[] = [];
    for (const timeMs of instants) {
      await window.pause.ifDue();
      this.options.counts.evaluations++;
      const queryTimeMs = timeMs - this.group.queryOffsetMs;
      try {
        const result = await resultAt(timeMs);
        if (result.length === 0 && alerts.isIdle && replayed.series.size === 0) continue;
        const query = (expression: string): Promise<TemplateSample[]> =>
          this.querySamples(expression, queryTimeMs, window);
        const outcome = await alerts.advance(result, timeMs, this.group.limit, query);
        ended.push(...outcome.ended);
        finish(replayed, outcome.samples, timeMs, rows);
      } catch (error) {
        if (window.signal.aborted || error instanceof QueryCanceledError) throw error;
        this.fail(replayed, error);
      }
    }
    return ended;
  }

  private async querySamples(
    expression: string,
    timeMs: number,
    { signal }: ReplayWindow,
  ): Promise<TemplateSample[]> {
    const { value } = await this.options.queries.instant({ expression, timeMs, signal });
    const samples = value.type === "vector" ? value.samples : [];
    return samples.map(({ labels, value: number }) => ({
      Labels: new Map(labels.pairs),
      Value: number,
    }));
  }

  private fail(replayed: ReplayedRule, error: unknown): void {
    this.options.counts.failures++;
    replayed.lastError = messageOf(error);
  }
}

/** The result of a rule's expression at a time of evaluation. Times ascend from call to call. */
type ResultAt = (timeMs: number) => readonly VectorSample[] | Promise<readonly VectorSample[]>;

interface RuleTurn {
  readonly resultAt: ResultAt;
  readonly instants: readonly number[];
  readonly rows: WindowRows;
  readonly window: ReplayWindow;
}

function finish(
  replayed: ReplayedRule,
  samples: readonly RuleSample[],
  timeMs: number,
  rows: WindowRows,
): void {
  const series = new Map(samples.map(({ labels }) => [labels.key, labels]));
  const ended = [...replayed.series]
    .filter(([key]) => !series.has(key))
    .map(([, labels]) => labels);
  rows.add(timeMs, samples, ended);
  replayed.series = series;
}

/** Reads series step by step, in ascending order of time. */
class Steps {
  private readonly places: Uint32Array;

  constructor(private readonly series: readonly MatrixSeries[]) {
    this.places = new Uint32Array(series.length);
  }

  at(timeMs: number): VectorSample[] {
    const samples: VectorSample[] = [];
    this.series.forEach(({ labels, timestamps, values }, index) => {
      let place = this.places[index] as number;
      while ((timestamps[place] ?? Number.POSITIVE_INFINITY) < timeMs) place++;
      this.places[index] = place;
      if (timestamps[place] === timeMs)
        samples.push({ labels, timestampMs: timeMs, value: values[place] as number });
    });
    return samples;
  }
}

/** The rows of a window, kept until a rule reads them or the window ends. */
class WindowRows {
  private rows = new Map<number, RuleRow>();

  constructor(
    private readonly writer: SampleWriter,
    private readonly group: RuleGroup,
    private readonly writtenUntilMs: number,
    private readonly clock: Pick<Clock, "monotonicMs">,
  ) {}

  add(timeMs: number, samples: readonly RuleSample[], ended: readonly Labels[]): void {
    if (timeMs >= this.writtenUntilMs || samples.length + ended.length === 0) return;
    let row = this.rows.get(timeMs);
    if (row === undefined) {
      const table = openGroupTable(this.writer, groupKeyOf(this.group));
      row = new RuleRow(this.writer, table, timeMs - this.group.queryOffsetMs);
      this.rows.set(timeMs, row);
    }
    for (const sample of samples) row.add(sample);
    for (const labels of ended) row.end(labels);
  }

  areReadBy(expression: string): boolean {
    for (const row of this.rows.values()) if (row.isReadBy(expression)) return true;
    return false;
  }

  /** Writes in the order of time, because a row after a later one would be late data. */
  async flush(pause: ReplayPause): Promise<void> {
    const times = [...this.rows.keys()].sort((left, right) => left - right);
    for (const time of times) {
      await this.rows.get(time)?.flush(new TimeSlices(this.clock));
      await pause.ifDue();
    }
    this.rows = new Map();
  }
}
