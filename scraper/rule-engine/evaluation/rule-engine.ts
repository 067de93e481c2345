import { getOrThrow } from "../../../exporter/shared/model/get-or-throw.js";
import { messageOf } from "../../../exporter/shared/model/errors.js";
import type { Expression } from "../../promql/language/ast.js";
import type { Labels } from "../../../exporter/shared/model/labels.js";
import type { MetricsSource, Sample } from "../../../exporter/shared/model/metric.js";
import type { Clock } from "../../../exporter/shared/platform/clock.js";
import { TimeSlices } from "../../../exporter/shared/platform/time-slices.js";
import type { Files } from "../../../exporter/shared/platform/files.js";
import type { Logger } from "../../../exporter/shared/platform/logger.js";
import type { AlertSink } from "../../alerting/alerts/alert.js";
import type { Queries } from "../../promql/evaluation/query-results.js";
import type { SampleWriter } from "../../storage/model/sample-writer.js";
import type { ActiveAlert } from "./active-alert.js";
import { AlertExpander } from "../rules/alert-expansion.js";
import type { AlertHistory } from "./alert-history.js";
import { AlertStateFile, type StoredAlert } from "./alert-state-file.js";
import { withExternalLabels } from "./alerting-rule-state.js";
import { GroupEvaluator, type EvaluatorSurroundings, type RuleStatus } from "./group-evaluator.js";
import { GroupLoop } from "./group-loop.js";
import { groupKeyOf, type MissingData, type RuleGroup } from "../rules/rule-group.js";
import { RULE_METRICS, ruleSamples } from "./rule-metrics.js";
import { openGroupTable, RuleRow } from "./rule-row.js";
import { viewAlerts, viewGroup, type AlertView, type RuleGroupView } from "./rules-view.js";

/**
 * Alert states are written at every transition. At this interval the time of the last write is, so
 * that a restart knows how old the states are.
 */
const STATE_WRITE_INTERVAL_MS = 300_000;
const RESEND_DELAY_MS = 60_000;

export interface RuleEngineOptions {
  readonly queries: Queries;
  readonly writer: SampleWriter;
  readonly clock: Clock;
  readonly log: Logger;
  readonly externalLabels: Labels;
  /** Base URL of this system, without a slash at the end; may be empty. */
  readonly externalUrl: string;
  readonly onAlerts: AlertSink;
  /** Undefined if alert states are not kept across restarts. */
  readonly stateFile?: { readonly files: Files; readonly path: string };
  /**
   * True when the target named by these labels (`instance`, `job`) sends nothing at present: it is
   * down, lost, or has not been scraped since the start.
   */
  readonly isTargetSilent?: (labels: Labels) => boolean;
  readonly missingData?: MissingData;
  /** Undefined where failing collectors change nothing. */
  readonly parse?: (expression: string) => Expression;
  readonly resendDelayMs?: number;
  /** Must be loaded. Undefined if no history of alerts is kept. */
  readonly history?: AlertHistory;
}

interface Running {
  readonly evaluator: GroupEvaluator;
  loop: GroupLoop | undefined;
}

/**
 * Evaluates all rule groups and keeps their alerts.
 *
 * Rules come in by `load`, samples through the query engine. Results go to storage as rows, alerts
 * to `onAlerts`. Each group has a loop of its own (`GroupLoop`).
 */
export class RuleEngine implements MetricsSource {
  readonly metrics = Object.values(RULE_METRICS);
  private groups = new Map<string, Running>();
  private isStarted = false;
  private lastWriteMs: number;
  private writing: Promise<void> = Promise.resolve();
  private stateWriteFailures = 0;
  private readonly stateFile: AlertStateFile | undefined;
  private readonly surroundings: EvaluatorSurroundings;

  constructor(private readonly options: RuleEngineOptions) {
    const { stateFile, log, clock } = options;
    this.stateFile =
      stateFile &&
      new AlertStateFile({
        files: stateFile.files,
        filePath: stateFile.path,
        log,
        current: () => this.storedAlerts(),
      });
    this.lastWriteMs = clock.monotonicMs();
    this.surroundings = {
      ...options,
      expander: new AlertExpander(options),
      isTargetSilent: options.isTargetSilent ?? (() => false),
      missingData: options.missingData ?? "keep",
      resendDelayMs: options.resendDelayMs ?? RESEND_DELAY_MS,
      onAlertStatesChanged: (status, group) => this.noteChanged(status, group),
    };
  }

  /**
   * Replaces all groups. Rules that have the same kind, name and labels as before keep their alerts
   * and series.
   */
  async load(groups: readonly RuleGroup[]): Promise<void> {
    const before = this.groups;
    await stopLoops(before.values());
    this.groups = new Map();
    for (const group of groups) {
      const known = before.get(groupKeyOf(group));
      before.delete(groupKeyOf(group));
      const evaluator = new GroupEvaluator(group, this.surroundings);
      if (known !== undefined) await this.endRules(group, evaluator.adopt(known.evaluator));
      this.groups.set(groupKeyOf(group), { evaluator, loop: undefined });
    }
    for (const { evaluator } of before.values())
      await this.endRules(evaluator.group, evaluator.statuses);
    if (!this.isStarted) return;
    this.closeHistory();
    this.startLoops();
  }

  get ruleGroups(): RuleGroup[] {
    return [...this.groups.values()].map(({ evaluator }) => evaluator.group);
  }

  /** Adds external labels, as for alerts that are sent. */
  sentLabels(labels: Labels): Labels {
    return withExternalLabels(labels, this.options.externalLabels);
  }

  /**
   * Ends the history entries of alerts that no rule will resolve: their rules were removed or their
   * states were lost.
   */
  private closeHistory(): void {
    const firing = this.activeAlerts().filter(({ state }) => state !== "pending");
    const keys = new Set(firing.map(({ labels }) => this.sentLabels(labels).key));
    this.options.history?.closeAllBut(
      (labels) => keys.has(labels.key),
      this.options.clock.wallMs(),
    );
  }

  /**
   * Gives pending and firing alerts their real start times. An alert that is due to fire by these
   * times fires, and the next evaluation of its rule sends it. An alert of a target that sends
   * nothing at present could not be seen here: it is taken over and stays until its target answers.
   *
   * @returns the keys of those alerts that are pending or firing here, too
   */
  correctAlerts(groupKey: string, ruleKey: string, alerts: readonly ActiveAlert[]): Set<string> {
    const status = this.groups.get(groupKey)?.evaluator.statusOf(ruleKey);
    const confirmed = new Set<string>();
    for (const alert of alerts) {
      const { key } = alert.labels;
      const alerting = status?.alerting;
      const live = alerting?.alerts.get(key);
      if (live === undefined && alerting?.keepsSilent(alert) === true) {
        const adopted = { ...alert, unknown: true, lastSentAtMs: undefined };
        alerting.alerts.set(key, adopted);
        this.stateFile?.note({ group: groupKey, rule: ruleKey, key, alert: adopted });
        confirmed.add(key);
        continue;
      }
      if (live === undefined || live.state === "resolved") continue;
      confirmed.add(key);
      // Stored series contain the start time in seconds, not in milliseconds.
      const isSameStart =
        Math.floor(live.activeAtMs / 1000) === Math.floor(alert.activeAtMs / 1000);
      const isLater =
        (live.firedAtMs ?? Number.POSITIVE_INFINITY) >
        (alert.firedAtMs ?? Number.POSITIVE_INFINITY);
      if (isSameStart && !isLater) continue;
      const firedAtMs = alert.firedAtMs ?? live.firedAtMs;
      const activeAtMs = isSameStart ? live.activeAtMs : alert.activeAtMs;
      const state = firedAtMs === undefined ? live.state : "firing";
      const corrected = { ...live, activeAtMs, firedAtMs, state };
      status?.alerting?.alerts.set(key, corrected);
      this.stateFile?.note({ group: groupKey, rule: ruleKey, key, alert: corrected });
    }
    return confirmed;
  }

  /** Resolves when the alert states are on disk, or the disk has refused them. */
  async saveStates(): Promise<void> {
    this.writing = this.writing.then(() => this.writeStates());
    await this.writing;
  }

  /** Ends the series and alerts of rules that were removed from a group. */
  private async endRules(group: RuleGroup, removed: readonly RuleStatus[]): Promise<void> {
    const { writer, clock } = this.options;
    const row = new RuleRow(writer, openGroupTable(writer, groupKeyOf(group)), clock.wallMs());
    for (const status of removed) {
      for (const labels of status.series) row.end(labels);
      this.forgetAlerts(status, group);
    }
    await row.flush(new TimeSlices(clock));
  }

  /** Restores alert states, then evaluates each group whenever it is due. */
  async start(): Promise<void> {
    await this.restore();
    this.closeHistory();
    this.isStarted = true;
    this.startLoops();
  }

  /** Resolves when no evaluation is running and the alert states are on disk. */
  async stop(): Promise<void> {
    this.isStarted = false;
    await stopLoops(this.groups.values());
    await this.writing;
    await this.writeStates();
    await this.stateFile?.close();
  }

  private startLoops(): void {
    for (const running of this.groups.values()) {
      running.loop = new GroupLoop(running.evaluator, this.options.clock, () =>
        this.afterEvaluation(),
      );
    }
  }

  /**
   * Evaluates one group at any time, including past times. Not to be combined with `start`, because
   * evaluations of a group must not overlap.
   */
  async evaluateAt(groupKey: string, timeMs: number): Promise<void> {
    await this.groups.get(groupKey)?.evaluator.evaluateAt(timeMs);
  }

  private async restore(): Promise<void> {
    const stored = (await this.stateFile?.read(this.options.clock.wallMs())) ?? [];
    const slices = new TimeSlices(this.options.clock);
    for (const { group, rule, key, alert } of stored) {
      const alerting = this.groups.get(group)?.evaluator.statusOf(rule)?.alerting;
      if (alerting === undefined) this.stateFile?.note({ group, rule, key, alert: undefined });
      else alerting.alerts.set(key, alert);
      if (slices.areDue) await slices.pause();
    }
  }

  private async afterEvaluation(): Promise<void> {
    const sinceWriteMs = this.options.clock.monotonicMs() - this.lastWriteMs;
    const isChanged = this.stateFile?.isChanged === true;
    if (!isChanged && sinceWriteMs < STATE_WRITE_INTERVAL_MS) return;
    this.lastWriteMs = this.options.clock.monotonicMs();
    this.writing = this.writing.then(() => this.writeStates());
    await this.writing;
  }

  /** If the disk refuses the alert states, the next evaluation tries again. */
  private async writeStates(): Promise<void> {
    if (this.stateFile === undefined) return;
    try {
      await this.stateFile.save(this.options.clock.wallMs());
    } catch (error) {
      this.stateWriteFailures++;
      this.options.log.error("Cannot write alert states", { error: messageOf(error) });
    }
  }

  private noteChanged({ key: rule, alerting }: RuleStatus, ruleGroup: RuleGroup): void {
    const group = groupKeyOf(ruleGroup);
    for (const key of alerting?.takeChanged() ?? [])
      this.stateFile?.note({ group, rule, key, alert: alerting?.alerts.get(key) });
  }

  /** The rule was removed, and its alerts with it. */
  private forgetAlerts({ key: rule, alerting }: RuleStatus, ruleGroup: RuleGroup): void {
    const group = groupKeyOf(ruleGroup);
    for (const key of alerting?.alerts.keys() ?? [])
      this.stateFile?.note({ group, rule, key, alert: undefined });
  }

  private *storedAlerts(): Iterable<StoredAlert> {
    for (const [group, { evaluator }] of this.groups) {
      for (const { key: rule, alerting } of evaluator.statuses)
        for (const [key, alert] of alerting?.alerts ?? []) yield { group, rule, key, alert };
    }
  }

  /** For `/api/v1/rules`, in the format of Prometheus, sorted by file and name. */
  rulesView(): RuleGroupView[] {
    const keys = [...this.groups.keys()].sort();
    return keys.map((key) => viewGroup(getOrThrow(this.groups, key).evaluator));
  }

  /** For `/api/v1/alerts`. */
  alertsView(): Iterable<AlertView> {
    return viewAlerts(this.activeAlerts());
  }

  private activeAlerts(): ActiveAlert[] {
    const statuses = [...this.groups.values()].flatMap(({ evaluator }) => evaluator.statuses);
    return statuses.flatMap(({ alerting }) => [...(alerting?.alerts.values() ?? [])]);
  }

  readMetrics(): Sample[] {
    const groups = [...this.groups.values()].map(({ evaluator, loop }) => ({
      evaluator,
      iterations: loop?.iterations ?? 0,
      missedIterations: loop?.missedIterations ?? 0,
    }));
    return ruleSamples(groups, this.stateWriteFailures);
  }
}

async function stopLoops(groups: Iterable<Running>): Promise<void> {
  await Promise.all([...groups].flatMap(({ loop }) => (loop === undefined ? [] : [loop.stop()])));
}
