import { itemAt, present } from "../../../exporter/shared/model/get-or-throw.js";
import { messageOf } from "../../../exporter/shared/model/errors.js";
import { Labels } from "../../../exporter/shared/model/labels.js";
import { TimeSlices } from "../../../exporter/shared/platform/time-slices.js";
import type { Clock } from "../../../exporter/shared/platform/clock.js";
import type { AlertSink } from "../../alerting/alerts/alert.js";
import type { Queries, QueryValue, VectorSample } from "../../promql/evaluation/query-results.js";
import type { SampleWriter } from "../../storage/model/sample-writer.js";
import { expressionLink, type TemplateSample } from "../../templates/prometheus-functions.js";
import type { AlertHistory } from "./alert-history.js";
import {
  AlertingRuleState,
  toSentAlert,
  withExternalLabels,
  type AlertingSurroundings,
  type RuleSample,
} from "./alerting-rule-state.js";
import { RecordedSeries } from "./recording-rule.js";
import { RuleError } from "../rules/rule-error.js";
import { groupKeyOf, ruleKeysOf, type Rule, type RuleGroup } from "../rules/rule-group.js";
import { openGroupTable, RowMemory, RuleRow } from "./rule-row.js";

/** Alerts that are sent in one turn of the event loop. */
const SENT_AT_ONCE = 100;

export interface EvaluatorSurroundings extends AlertingSurroundings {
  readonly queries: Queries;
  readonly writer: SampleWriter;
  readonly clock: Clock;
  readonly externalLabels: Labels;
  readonly externalUrl: string;
  readonly onAlerts: AlertSink;
  /** Interval at which a firing alert is sent again. */
  readonly resendDelayMs: number;
  /** Records every alert that is sent, with its final labels. */
  readonly history?: Pick<AlertHistory, "noteLive"> | undefined;
  /** Called after changes of alerts that have to survive a restart. */
  readonly onAlertStatesChanged: (status: RuleStatus, group: RuleGroup) => void;
}

/** A rule with the result of its last evaluation. */
export interface RuleStatus {
  /** From `ruleKeysOf`. */
  readonly key: string;
  readonly rule: Rule;
  /** Undefined for recording rules. */
  readonly alerting: AlertingRuleState | undefined;
  /** Undefined for alerting rules. */
  readonly recorded: RecordedSeries | undefined;
  health: "unknown" | "ok" | "err";
  lastError: string;
  evaluationSeconds: number;
  lastEvaluationMs: number | undefined;
  /** Series of the previous evaluation. Those that do not occur again get a staleness marker. */
  series: readonly Labels[];
}

/**
 * Evaluates the rules of one group in order, at the time given by the caller. Calls must not
 * overlap.
 */
export class GroupEvaluator {
  /** From `groupKeyOf`. */
  readonly key: string;
  readonly statuses: readonly RuleStatus[];
  private readonly byKey: ReadonlyMap<string, RuleStatus>;
  private readonly rowMemory = new RowMemory();
  /** Labels with the external labels, by the labels of an alert. */
  private readonly sentLabels = new WeakMap<Labels, Labels>();
  evaluations = 0;
  failures = 0;
  duplicateSamples = 0;
  evaluationSeconds = 0;
  lastEvaluationMs: number | undefined;

  constructor(
    readonly group: RuleGroup,
    private readonly surroundings: EvaluatorSurroundings,
  ) {
    this.key = groupKeyOf(group);
    const keys = ruleKeysOf(group.rules);
    this.statuses = group.rules.map((rule, index) => ({
      key: itemAt(keys, index),
      rule,
      alerting: rule.kind === "alerting" ? new AlertingRuleState(rule, surroundings) : undefined,
      recorded: rule.kind === "recording" ? new RecordedSeries(rule) : undefined,
      health: "unknown",
      lastError: "",
      evaluationSeconds: 0,
      lastEvaluationMs: undefined,
      series: [],
    }));
    this.byKey = new Map(this.statuses.map((status) => [status.key, status]));
  }

  /**
   * Takes over the state of unchanged rules from the previous evaluator.
   *
   * @returns the rules that were removed
   */
  adopt(before: GroupEvaluator): RuleStatus[] {
    const free = new Map(before.statuses.map((status) => [status.key, status]));
    for (const status of this.statuses) {
      const known = free.get(status.key);
      if (known === undefined) continue;
      free.delete(status.key);
      status.series = known.series;
      for (const [key, alert] of known.alerting?.alerts ?? []) {
        status.alerting?.alerts.set(key, alert);
      }
    }
    return [...free.values()];
  }

  /** The rule with this key of `ruleKeysOf`. */
  statusOf(ruleKey: string): RuleStatus | undefined {
    return this.byKey.get(ruleKey);
  }

  /**
   * Evaluates every rule at `timeMs`. A rule that fails keeps its state and does not affect the
   * others.
   *
   * @param signal stops between and inside rules
   */
  async evaluateAt(timeMs: number, signal?: AbortSignal): Promise<void> {
    const startedMs = this.surroundings.clock.monotonicMs();
    const { writer, clock } = this.surroundings;
    const table = openGroupTable(writer, this.key);
    const row = new RuleRow(writer, table, timeMs - this.group.queryOffsetMs, this.rowMemory);
    for (const status of this.statuses) {
      if (signal?.aborted === true) break;
      if (row.isReadBy(status.rule.expression)) await row.flush(new TimeSlices(clock));
      await this.evaluateRule(status, { timeMs, row, signal });
    }
    await row.flush(new TimeSlices(clock));
    this.evaluationSeconds = (this.surroundings.clock.monotonicMs() - startedMs) / 1000;
    this.lastEvaluationMs = timeMs;
  }

  private async evaluateRule(status: RuleStatus, turn: Turn): Promise<void> {
    const startedMs = this.surroundings.clock.monotonicMs();
    this.evaluations++;
    try {
      const samples = await this.samplesOf(status, turn);
      status.health = "ok";
      status.lastError = "";
      await this.finish(status, samples, turn);
    } catch (error) {
      if (turn.signal?.aborted === true) return;
      this.failures++;
      status.health = "err";
      status.lastError = messageOf(error);
    } finally {
      if (status.alerting?.isChanged === true)
        this.surroundings.onAlertStatesChanged(status, this.group);
    }
    status.evaluationSeconds = (this.surroundings.clock.monotonicMs() - startedMs) / 1000;
    status.lastEvaluationMs = turn.timeMs;
  }

  private async samplesOf(
    { rule, alerting, recorded }: RuleStatus,
    { timeMs, signal }: Turn,
  ): Promise<RuleSample[]> {
    const queryTimeMs = timeMs - this.group.queryOffsetMs;
    const result = await this.vectorOf(rule.expression, queryTimeMs, signal);
    if (recorded !== undefined) return recorded.samplesOf(result, this.group.limit);
    if (result.length === 0 && alerting?.alerts.size === 0) return [];
    const query = async (expression: string): Promise<TemplateSample[]> => {
      const samples = await this.vectorOf(expression, queryTimeMs, signal);
      return samples.map(({ labels, value }) => ({ Labels: new Map(labels.pairs), Value: value }));
    };
    return present(alerting, "The state of an alerting rule").advance(
      result,
      timeMs,
      this.group.limit,
      query,
    );
  }

  private async vectorOf(
    expression: string,
    timeMs: number,
    signal?: AbortSignal,
  ): Promise<readonly VectorSample[]> {
    const answer = await this.surroundings.queries.instant({ expression, timeMs, signal });
    return toVector(answer.value);
  }

  private async finish(
    status: RuleStatus,
    samples: readonly RuleSample[],
    { row, timeMs }: Turn,
  ): Promise<void> {
    const { alerting, series: before } = status;
    const hasAlerts = alerting !== undefined && alerting.alerts.size > 0;
    if (samples.length + before.length === 0 && !hasAlerts) return;
    const slices = new TimeSlices(this.surroundings.clock);
    let isSame = before.length === samples.length;
    let index = 0;
    for (const sample of samples) {
      isSame &&= before[index++] === sample.labels;
      this.duplicateSamples += row.add(sample);
      if (slices.areDue) await slices.pause();
    }
    if (!isSame) await endOthers(status, samples, row, slices);
    if (hasAlerts) await this.send(alerting, timeMs, slices);
  }

  /** The same object as long as the alert keeps its labels: what is known of them is known by it. */
  private sentLabelsOf(labels: Labels): Labels {
    const known = this.sentLabels.get(labels);
    if (known !== undefined) return known;
    const { externalLabels } = this.surroundings;
    const sent = withExternalLabels(labels, externalLabels);
    this.sentLabels.set(labels, sent);
    return sent;
  }

  private async send(
    alerting: AlertingRuleState,
    timeMs: number,
    slices: TimeSlices,
  ): Promise<void> {
    const { resendDelayMs, externalUrl, onAlerts, history } = this.surroundings;
    const due = alerting.takeDue(timeMs, resendDelayMs);
    if (due.length === 0) return;
    const validForMs = 4 * Math.max(this.group.intervalMs, resendDelayMs);
    const generatorUrl = externalUrl + expressionLink(alerting.rule.expression, 1);
    for (let from = 0; from < due.length; from += SENT_AT_ONCE) {
      onAlerts(
        due.slice(from, from + SENT_AT_ONCE).map((alert) => {
          const labels = this.sentLabelsOf(alert.labels);
          const sent = toSentAlert(alert, { timeMs, validForMs, labels, generatorUrl });
          history?.noteLive(alert, sent.labels);
          return sent;
        }),
      );
      if (slices.areDue) await slices.pause();
    }
  }
}

/** Ends the series of the previous evaluation that this one lacks. */
async function endOthers(
  status: RuleStatus,
  samples: readonly RuleSample[],
  row: RuleRow,
  slices: TimeSlices,
): Promise<void> {
  const keys = new Set<string>();
  const series: Labels[] = [];
  for (const { labels } of samples) {
    keys.add(labels.key);
    series.push(labels);
    if (slices.areDue) await slices.pause();
  }
  for (const labels of status.series) {
    if (!keys.has(labels.key)) row.end(labels);
    if (slices.areDue) await slices.pause();
  }
  status.series = series;
}

interface Turn {
  readonly timeMs: number;
  readonly row: RuleRow;
  readonly signal: AbortSignal | undefined;
}

function toVector(value: QueryValue): readonly VectorSample[] {
  switch (value.type) {
    case "vector":
      return value.samples;
    case "scalar":
      return [{ labels: Labels.EMPTY, timestampMs: value.timestampMs, value: value.value }];
    case "string":
    case "matrix":
      throw new RuleError("rule result is not a vector or scalar");
  }
}
