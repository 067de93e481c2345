/**
 * The notification side, Alertmanager's work. Alerts come in from rules and from Pis (`receive`) and
 * wait in groups along the routing tree. One loop takes groups that are due through the notification
 * pipeline; messages go out through the outbox, which has a loop of its own.
 */
import path from "node:path";
import { messageOf } from "../../../exporter/shared/model/errors.js";
import { present } from "../../../exporter/shared/model/get-or-throw.js";
import type { Labels } from "../../../exporter/shared/model/labels.js";
import type { MetricsSource, Sample } from "../../../exporter/shared/model/metric.js";
import { yieldToEventLoop, type Clock } from "../../../exporter/shared/platform/clock.js";
import type { Files } from "../../../exporter/shared/platform/files.js";
import type { Logger } from "../../../exporter/shared/platform/logger.js";
import { WakeableSleep } from "../../../exporter/shared/platform/wakeable-sleep.js";
import { type PausePoints, sortPaced } from "../../base/paced-sort.js";
import { AlarmJournal } from "../alerts/alarm-journal.js";
import {
  AlertStore,
  isResolvedAt,
  type Reception,
  type RejectReason,
  type StoredAlert,
} from "../alerts/alert-store.js";
import type { Alert } from "../alerts/alert.js";
import { Inhibitor } from "../alerts/inhibition.js";
import { NotificationLog } from "../alerts/notification-log.js";
import type { OutageSummary } from "../alerts/past-alert.js";
import { Silences } from "../alerts/silences.js";
import type { NotificationConfig } from "../config/notification-config.js";
import { routesFor } from "../config/route.js";
import { createDelivery, serverOf, type Transports } from "../delivery/delivery.js";
import { Outbox } from "../delivery/outbox.js";
import { MessageRenderer } from "../messages/message-renderer.js";
import { NotificationTemplates } from "../messages/notification-templates.js";
import { AlertGroups, type Now } from "./alert-groups.js";
import { ALERTING_METRICS, alertingSamples } from "./alerting-metrics.js";
import { DecisionLog, type NotificationPath, type TimedDecision } from "./decision-log.js";
import { NotificationPipeline, type FlushContext } from "./notification-pipeline.js";
import { decideByTime, wait } from "./stages.js";
import { SummaryNotifier } from "./summary-notifier.js";

/** Groups that go through the pipeline together; their files and syncs overlap. */
const FLUSHES_AT_ONCE = 16;
const HOUSEKEEPING_MS = 30_000;
const DEFAULT_GRACE_MS = 5_000;

export interface DispatcherOptions {
  readonly config: NotificationConfig;
  readonly clock: Clock;
  readonly files: Files;
  /** Holds silences, the notification log, pushed alarms and the outbox. */
  readonly folder: string;
  readonly log: Logger;
  readonly transports: Transports;
  /** Base of the links in messages, as `http://master:8730`; empty (the default): no links. */
  readonly externalUrl?: string;
  /** For the times in mails, an IANA name. The default is the time zone of this machine. */
  readonly timeZone?: string;
  /** Memory of the labels and annotations of all alerts. */
  readonly maxAlertsBytes?: number | undefined;
  /** From 0 to 1, for the jitter of retries. */
  readonly random?: () => number;
}

export interface ReceiveOptions {
  /** The alerts were posted: they survive a restart. */
  readonly durable?: boolean;
  /** Alarms that a Pi pushed: their group does not wait. */
  readonly isImmediate?: (alert: Alert) => boolean;
}

export interface ReceiveResult {
  readonly accepted: number;
  readonly rejected: Readonly<Partial<Record<RejectReason, number>>>;
}

/** Silences and alerts that mute an alert. */
export interface AlertStatus {
  readonly silencedBy: readonly string[];
  readonly inhibitedBy: readonly string[];
}

export interface GroupView {
  readonly receiver: string;
  readonly labels: Labels;
  readonly alerts: readonly StoredAlert[];
  /** Time intervals that mute the route now. */
  readonly mutedBy: readonly string[];
}

interface CountedAlerts {
  readonly activeAlerts: number;
  readonly suppressedAlerts: number;
}

const isSuppressed = ({ silencedBy, inhibitedBy }: AlertStatus): boolean =>
  silencedBy.length + inhibitedBy.length > 0;

/** Cost of the status of an alert, in values for the pace. */
const WORK_PER_ALERT = 64;

/** Takes alerts, groups them along the routing tree and notifies receivers. */
export class Dispatcher implements MetricsSource {
  readonly metrics = Object.values(ALERTING_METRICS);
  readonly silences: Silences;
  readonly startedAtMs: number;
  private readonly rejected: Record<RejectReason, number> = {
    no_labels: 0,
    too_many_labels: 0,
    too_long: 0,
    ends_before_start: 0,
    store_full: 0,
  };
  private config: NotificationConfig;
  private templates: NotificationTemplates | undefined;
  private receivedCount = 0;
  private counted: CountedAlerts | undefined;
  private damagedLines = 0;
  private nextHousekeepingMs = 0;
  private loop: Promise<void> | undefined;
  private readonly stopping = new AbortController();
  private readonly sleep: WakeableSleep;
  private readonly store: AlertStore;
  private readonly groups: AlertGroups;
  private readonly alarms: AlarmJournal;
  private readonly notificationLog: NotificationLog;
  private readonly decisionLog = new DecisionLog();
  private readonly outbox: Outbox;
  private readonly renderer: MessageRenderer;
  private readonly pipeline: NotificationPipeline;
  private readonly summaries: SummaryNotifier;

  constructor(private readonly options: DispatcherOptions) {
    const { clock, files, folder, log, transports, random = Math.random } = options;
    this.config = options.config;
    this.startedAtMs = clock.wallMs();
    this.sleep = new WakeableSleep(clock, this.stopping.signal);
    this.groups = new AlertGroups(options.config.route, log, (group, fingerprint) =>
      this.pipeline.hasAsFiring(group, fingerprint, this.config),
    );
    this.store = new AlertStore(options.maxAlertsBytes);
    this.alarms = new AlarmJournal({ files, log, folder }, this.store);
    this.silences = new Silences({ files, log, folder, clock });
    this.notificationLog = new NotificationLog({ files, log, folder, clock });
    this.outbox = new Outbox({
      files,
      folder: path.join(folder, "outbox"),
      clock,
      log,
      random,
      deliver: createDelivery({ config: () => this.config, files, transports }),
      serverOf: (message) => serverOf(this.config, message),
    });
    this.renderer = new MessageRenderer({
      log,
      externalUrl: options.externalUrl ?? "",
      timeZone: options.timeZone ?? new Intl.DateTimeFormat().resolvedOptions().timeZone,
    });
    const { decisionLog, notificationLog, outbox, renderer, silences } = this;
    this.pipeline = new NotificationPipeline({
      outbox,
      notificationLog,
      decisionLog,
      renderer,
      clock,
      log,
    });
    const { pipeline } = this;
    this.summaries = new SummaryNotifier({ pipeline, renderer, notificationLog, silences });
  }

  /**
   * Reads the files of an earlier run and starts the loops.
   *
   * @throws {BadInputError} when a template does not compile
   */
  async start(): Promise<void> {
    const { clock, files, log } = this.options;
    if (this.config.isDefault) {
      log.info("No notifications configured: alerts are shown, nobody is notified");
    }
    this.logWarnings();
    this.templates = await NotificationTemplates.load(this.config, files, () => clock.wallMs());
    const now = this.now();
    this.damagedLines += (await this.silences.load()) + (await this.notificationLog.load());
    const { alarms, damaged } = await this.alarms.load(now.wallMs);
    this.damagedLines += damaged;
    await this.notificationLog.adopt(await this.outbox.load()).catch((error: unknown) => {
      log.warn("Cannot store notification records", { error: messageOf(error) });
    });
    for (const { alert, isImmediate } of alarms) {
      this.take(alert, now, { isImmediate, isDurable: true });
    }
    this.outbox.start();
    this.loop = this.run();
  }

  /** Ends after the work under way; deliveries get at most `graceMs`. */
  async stop({ graceMs = DEFAULT_GRACE_MS }: { graceMs?: number } = {}): Promise<void> {
    this.stopping.abort();
    await this.loop;
    await this.outbox.stop(graceMs);
    await Promise.all([this.silences.close(), this.notificationLog.close(), this.alarms.close()]);
  }

  /**
   * Takes alerts. Alerts that are not acceptable are counted and left out.
   *
   * @returns resolves immediately; with `durable`, when the alerts survive a power cut
   * @throws {NotDurableError} when the disk does not take durable alerts; they are notified all the same
   */
  async receive(
    alerts: readonly Alert[],
    { durable: isDurable = false, isImmediate = () => false }: ReceiveOptions = {},
  ): Promise<ReceiveResult> {
    const now = this.now();
    const rejected = new Map<RejectReason, number>();
    const taken: StoredAlert[] = [];
    for (const alert of alerts) {
      const reception = { isDurable, isImmediate: isImmediate(alert) };
      const result = this.take(alert, now, reception);
      if (typeof result === "string") rejected.set(result, (rejected.get(result) ?? 0) + 1);
      else taken.push(result);
    }
    this.receivedCount += taken.length;
    for (const [reason, count] of rejected) this.countRejected(reason, count);
    this.sleep.wake();
    await this.alarms.append(taken.filter((alert) => alert.isDurable));
    return { accepted: taken.length, rejected: Object.fromEntries(rejected) };
  }

  /**
   * Notifies every receiver about its alerts of an outage, in one message. Each outage is notified
   * once, even if its alerts have changed since.
   *
   * @returns resolves when the messages survive a power cut, or the disk has refused them
   */
  async summarize(summary: OutageSummary): Promise<void> {
    const { config, templates, now } = this.flushContext();
    const firing = this.alerts();
    await this.summaries.notify(summary, { config, templates, nowMs: now.wallMs, firing });
  }

  /**
   * Changes to another configuration. Alerts, silences, the timing of groups and the notification log
   * stay.
   *
   * @throws {BadInputError} when its templates do not compile; the old configuration stays in force
   */
  async reload(config: NotificationConfig): Promise<void> {
    const { clock, files } = this.options;
    this.templates = await NotificationTemplates.load(config, files, () => clock.wallMs());
    this.config = config;
    this.logWarnings();
    this.groups.reroute(config.route, this.store.all(), this.now());
    this.outbox.retryNow();
    this.sleep.wake();
  }

  get currentConfig(): NotificationConfig {
    return this.config;
  }

  get resolveTimeoutMs(): number {
    return this.config.resolveTimeoutMs;
  }

  /** Alerts that are firing now, by fingerprint. */
  alerts(): StoredAlert[] {
    const nowMs = this.options.clock.wallMs();
    const firing = [...this.store.all()].filter((alert) => !isResolvedAt(alert, nowMs));
    return firing.sort((left, right) => (left.fingerprint < right.fingerprint ? -1 : 1));
  }

  /** As `alerts`, with pauses for other work. */
  async alertsInSlices(pace: PausePoints): Promise<StoredAlert[]> {
    const nowMs = this.options.clock.wallMs();
    const firing: StoredAlert[] = [];
    for (const alert of [...this.store.all()]) {
      if (!isResolvedAt(alert, nowMs)) firing.push(alert);
      if (pace.isDue(1)) await pace.pause();
    }
    return sortPaced(
      firing,
      (left, right) => (left.fingerprint < right.fingerprint ? -1 : 1),
      pace,
    );
  }

  receiversOf(alert: Alert): string[] {
    return routesFor(this.config.route, alert.labels).map(({ receiver }) => receiver);
  }

  alertGroups(): GroupView[] {
    const nowMs = this.options.clock.wallMs();
    return [...this.groups].map((group) => {
      const { passed, by = [] } = decideByTime(group.route, this.config, nowMs);
      return {
        receiver: group.route.receiver,
        labels: group.labels,
        alerts: group.members(),
        mutedBy: passed ? [] : by,
      };
    });
  }

  /** A function that answers for any number of alerts as of now. */
  statusReader(): (alert: StoredAlert) => AlertStatus {
    const inhibitor = this.createInhibitor();
    return ({ labels }) => ({
      silencedBy: this.silences.silencing(labels),
      inhibitedBy: inhibitor.inhibitorsOf(labels),
    });
  }

  /**
   * Why receivers were notified about an alert or not: the last decision of every stage, for each
   * group of the alert and each integration that it reached.
   */
  decisionsOf(fingerprint: string): NotificationPath[] {
    const startsAtMs = this.store.get(fingerprint)?.startsAtMs ?? Number.NEGATIVE_INFINITY;
    const waiting = [...this.groups].filter((group) => {
      const lastFlushMs = this.decisionLog.lastFlushMs(group.id, fingerprint);
      return group.has(fingerprint) && (lastFlushMs === undefined || lastFlushMs < startsAtMs);
    });
    const { wallMs: atMs, monotonicMs } = this.now();
    const isDecided = (groupId: string): boolean => waiting.every(({ id }) => id !== groupId);
    return [
      ...waiting.map((group) => ({
        receiver: group.route.receiver,
        groupLabels: group.labels,
        integration: undefined,
        decisions: [{ ...wait(group, monotonicMs), atMs }],
      })),
      ...this.decisionLog
        .pathsOf(fingerprint, isDecided)
        .map((path) => ({ ...path, decisions: path.decisions.map(this.withOutcome) })),
    ];
  }

  /** Counts the alerts in slices for the next call of `readMetrics`, which otherwise counts them at once. */
  async prepareMetrics(pace: PausePoints): Promise<void> {
    const statusOf = this.statusReader();
    const firing = await this.alertsInSlices(pace);
    let suppressedAlerts = 0;
    for (const alert of firing) {
      if (isSuppressed(statusOf(alert))) suppressedAlerts++;
      if (pace.isDue(WORK_PER_ALERT)) await pace.pause();
    }
    this.counted = { activeAlerts: firing.length - suppressedAlerts, suppressedAlerts };
  }

  readMetrics(): Sample[] {
    const { activeAlerts, suppressedAlerts } = this.counted ?? this.countAlerts();
    this.counted = undefined;
    return alertingSamples({
      activeAlerts,
      suppressedAlerts,
      receivedAlerts: this.receivedCount,
      rejectedAlerts: this.rejected,
      groups: this.groups.count,
      refusedGroups: this.groups.refusedCount,
      damagedLines: this.damagedLines,
      silences: this.silences.list().map((silence) => this.silences.stateOf(silence)),
      notificationRecords: this.notificationLog.size,
      notifier: { ...this.pipeline.counts, ...this.renderer.counts },
      outbox: this.outbox.counts,
      outboxSize: this.outbox.size,
      oldestMessageAgeMs: this.outbox.oldestAgeMs,
    });
  }

  /** Replaces a decision to deliver by the outcome of the message, while the outbox knows it. */
  private readonly withOutcome = (decision: TimedDecision): TimedDecision => {
    const [messageId] = decision.by ?? [];
    if (decision.reason !== "handed_over" || messageId === undefined) return decision;
    const outcome = this.outbox.outcomeOf(messageId);
    if (outcome === undefined) return decision;
    const { state: reason, problem } = outcome;
    return { ...decision, reason, passed: reason === "delivered", problem };
  };

  private now(): Now {
    const { clock } = this.options;
    return { wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs() };
  }

  private take(alert: Alert, now: Now, reception: Reception): StoredAlert | RejectReason {
    const stored = this.store.put(alert, { ...reception, nowMs: now.wallMs });
    if (typeof stored !== "string") this.groups.put(stored, now);
    return stored;
  }

  private logWarnings(): void {
    for (const warning of this.config.warnings) {
      this.options.log.warn("Notification settings have a part without effect", { warning });
    }
  }

  private countRejected(reason: RejectReason, count: number): void {
    const isFirst = this.rejected[reason] === 0;
    this.rejected[reason] += count;
    if (!isFirst) return;
    const detail = "Alerts rejected, later ones for the same reason are only counted";
    this.options.log.warn(detail, { reason, count });
  }

  private async run(): Promise<void> {
    const { clock } = this.options;
    while (!this.stopping.signal.aborted) {
      await this.flushDue(clock.monotonicMs());
      this.deleteExpired(clock.monotonicMs());
      await this.sleep.sleepUntil(Math.min(this.nextHousekeepingMs, this.groups.nextFlushMs));
    }
  }

  private async flushDue(nowMonotonicMs: number): Promise<void> {
    const due = this.groups.takeDue(nowMonotonicMs);
    if (due.length === 0) return;
    const context = this.flushContext();
    for (let index = 0; index < due.length; index += FLUSHES_AT_ONCE) {
      if (index > 0) await yieldToEventLoop();
      const batch = due.slice(index, index + FLUSHES_AT_ONCE);
      await Promise.all(batch.map((group) => this.pipeline.run(group, context)));
    }
  }

  private flushContext(): FlushContext {
    const { config, silences } = this;
    const templates = present(this.templates, "The templates of a started dispatcher");
    return { config, templates, silences, inhibitor: this.createInhibitor(), now: this.now() };
  }

  private countAlerts(): CountedAlerts {
    const statusOf = this.statusReader();
    const firing = this.alerts();
    const suppressedAlerts = firing.filter((alert) => isSuppressed(statusOf(alert))).length;
    return { activeAlerts: firing.length - suppressedAlerts, suppressedAlerts };
  }

  private createInhibitor(): Inhibitor {
    const { inhibitRules } = this.config;
    return new Inhibitor(inhibitRules, inhibitRules.length === 0 ? [] : this.alerts());
  }

  private deleteExpired(nowMonotonicMs: number): void {
    if (nowMonotonicMs < this.nextHousekeepingMs) return;
    this.nextHousekeepingMs = nowMonotonicMs + HOUSEKEEPING_MS;
    this.store.forgetResolved(this.options.clock.wallMs());
    this.groups.forgetEmpty((group) => this.pipeline.isWaiting(group, this.config));
  }
}
