import type { OwnMetric } from "../../../exporter/shared/model/own-metric.js";
import path from "node:path";
import { messageOf } from "../../../exporter/shared/model/errors.js";
import type { Labels } from "../../../exporter/shared/model/labels.js";
import type { Clock } from "../../../exporter/shared/platform/clock.js";
import type { Files } from "../../../exporter/shared/platform/files.js";
import type { Logger } from "../../../exporter/shared/platform/logger.js";
import type { Alert } from "../alerts/alert.js";
import { AlarmJournal } from "../alerts/alarm-journal.js";
import { AlertGroup } from "../alerts/alert-group.js";
import {
  AlertStore,
  isResolvedAt,
  type RejectReason,
  type StoredAlert,
} from "../alerts/alert-store.js";
import { alertingMetrics } from "./alerting-metrics.js";
import { createDelivery, serverOf, type Transports } from "./delivery.js";
import { Inhibitor } from "../alerts/inhibition.js";
import type { NotificationConfig } from "../config/notification-config.js";
import { NotificationLog } from "../alerts/notification-log.js";
import { NotificationTemplates } from "../messages/notification-templates.js";
import { Notifier, type FlushContext } from "./notifier.js";
import { Outbox } from "./outbox.js";
import { groupKeyOf, groupLabelsOf, routesFor, type Route } from "../config/route.js";
import { Silences } from "../alerts/silences.js";
import type { OutageSummary } from "../alerts/past-alert.js";
import { SummaryNotifier } from "./summary-notifier.js";
import { WakeableSleep } from "../../../exporter/shared/platform/wakeable-sleep.js";

export const MAX_ALERT_GROUPS = 10_000;
const HOUSEKEEPING_MS = 30_000;
const DEFAULT_GRACE_MS = 5_000;

export interface DispatcherOptions {
  readonly config: NotificationConfig;
  readonly clock: Clock;
  readonly files: Files;
  /** Where silences, the notification log, pushed alarms and the outbox are kept. */
  readonly folder: string;
  readonly log: Logger;
  readonly transports: Transports;
  /** Base of the links in messages, as `http://master:8730`; empty: no links. */
  readonly externalUrl?: string;
  /** For the times shown in mails, an IANA name; the machine's own without. */
  readonly timeZone?: string;
  /** From 0 to 1, for the jitter of retries. */
  readonly random?: () => number;
}

export interface ReceiveOptions {
  /** Alarms a Pi pushed: kept over a restart, and mailed without waiting for the group. */
  readonly immediate?: boolean;
}

export interface ReceiveResult {
  readonly accepted: number;
  readonly rejected: Readonly<Partial<Record<RejectReason, number>>>;
}

/** Why an alert is not told of. */
export interface AlertStatus {
  readonly silencedBy: readonly string[];
  readonly inhibitedBy: readonly string[];
}

export interface GroupView {
  readonly receiver: string;
  readonly labels: Labels;
  readonly alerts: readonly StoredAlert[];
}

/**
 * Takes alerts, groups them along the routing tree and sees to it that receivers are told:
 * Alertmanager's work.
 */
export class Dispatcher {
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
  private groups = new Map<string, AlertGroup>();
  private receivedCount = 0;
  private refusedGroups = 0;
  private damagedLines = 0;
  private nextHousekeepingMs = 0;
  private loop: Promise<void> | undefined;
  private readonly stopping = new AbortController();
  private readonly sleep: WakeableSleep;
  private readonly store = new AlertStore();
  private readonly alarms: AlarmJournal;
  private readonly notificationLog: NotificationLog;
  private readonly outbox: Outbox;
  private readonly notifier: Notifier;
  private readonly summaries: SummaryNotifier;

  constructor(private readonly options: DispatcherOptions) {
    const { clock, files, folder, log, transports, random = Math.random } = options;
    this.config = options.config;
    this.startedAtMs = clock.wallMs();
    this.sleep = new WakeableSleep(clock, this.stopping.signal);
    this.alarms = new AlarmJournal(files, folder, this.store);
    this.silences = new Silences({ files, folder, clock });
    this.notificationLog = new NotificationLog({ files, folder, clock });
    this.outbox = new Outbox({
      files,
      folder: path.join(folder, "outbox"),
      clock,
      log,
      random,
      deliver: createDelivery({ config: () => this.config, files, transports }),
      serverOf: (message) => serverOf(this.config, message),
    });
    const timeZone = options.timeZone ?? new Intl.DateTimeFormat().resolvedOptions().timeZone;
    const { notificationLog, outbox } = this;
    const externalUrl = options.externalUrl ?? "";
    this.notifier = new Notifier({ outbox, notificationLog, log, timeZone, externalUrl });
    const { notifier, silences } = this;
    this.summaries = new SummaryNotifier({
      notifier,
      notificationLog,
      silences,
      log,
      timeZone,
      externalUrl,
    });
  }

  /**
   * Reads what an earlier run left and begins to work.
   *
   * @throws {BadInputError} when a template does not compile
   */
  async start(): Promise<void> {
    const { clock, files, log } = this.options;
    if (this.config.isDefault)
      log.info("No notifications are configured: alerts are shown, but sent to nobody");
    this.templates = await NotificationTemplates.load(this.config, files, () => clock.wallMs());
    const nowMs = clock.wallMs();
    this.damagedLines += (await this.silences.load()) + (await this.notificationLog.load());
    const { alarms, damaged } = await this.alarms.load(nowMs);
    this.damagedLines += damaged;
    if (this.damagedLines > 0)
      log.warn("stored lines were damaged and left out", { lines: this.damagedLines });
    await this.notificationLog.adopt(await this.outbox.load()).catch((error: unknown) => {
      log.warn("cannot store what was notified", { error: messageOf(error) });
    });
    for (const alarm of alarms) this.take(alarm, { nowMs, isImmediate: true });
    this.outbox.start();
    this.loop = this.run();
  }

  /** Ends after what is under way, but within `graceMs` where a server is slow. */
  async stop({ graceMs = DEFAULT_GRACE_MS }: { graceMs?: number } = {}): Promise<void> {
    this.stopping.abort();
    await this.loop;
    await this.outbox.stop(graceMs);
    await Promise.all([this.silences.close(), this.notificationLog.close(), this.alarms.close()]);
  }

  /**
   * Takes alerts. Those that are not acceptable are counted and left out.
   *
   * @returns resolves at once, but for immediate alarms when they survive a power cut
   * @throws {NotDurableError} when the disk does not take immediate alarms; they are acted on all the same
   */
  async receive(
    alerts: readonly Alert[],
    { immediate = false }: ReceiveOptions = {},
  ): Promise<ReceiveResult> {
    const nowMs = this.options.clock.wallMs();
    const rejected: Partial<Record<RejectReason, number>> = {};
    const taken: StoredAlert[] = [];
    for (const alert of alerts) {
      const result = this.take(alert, { nowMs, isImmediate: immediate });
      if (typeof result === "string") rejected[result] = (rejected[result] ?? 0) + 1;
      else taken.push(result);
    }
    this.receivedCount += taken.length;
    for (const reason of Object.keys(rejected) as RejectReason[])
      this.countRejected(reason, rejected[reason] ?? 0);
    this.sleep.wake();
    await this.alarms.append(taken.filter(({ isImmediate }) => isImmediate));
    return { accepted: taken.length, rejected };
  }

  /**
   * Tells every receiver of the alerts of an outage that concern it, in one message. Those of an
   * outage that were told before are not told again, whatever has changed since.
   *
   * @returns resolves when the messages survive a power cut, or the disk has refused them
   */
  async summarize(summary: OutageSummary): Promise<void> {
    const { config, templates, nowMs } = this.flushContext();
    await this.summaries.tell(summary, { config, templates, nowMs, firing: this.alerts() });
  }

  /**
   * Changes to another configuration. Alerts, silences, timing of groups and the notification log
   * stay.
   *
   * @throws {BadInputError} when its templates do not compile; the old configuration stays in force
   */
  async reload(config: NotificationConfig): Promise<void> {
    const { clock, files } = this.options;
    const templates = await NotificationTemplates.load(config, files, () => clock.wallMs());
    const previous = this.groups;
    this.config = config;
    this.templates = templates;
    this.groups = new Map();
    const members = [...previous.values()].flatMap((group) => group.members());
    const untold = new Set(members.map(({ fingerprint }) => fingerprint));
    const nowMs = clock.wallMs();
    for (const alert of this.store.all()) {
      if (!isResolvedAt(alert, nowMs) || untold.has(alert.fingerprint)) this.group(alert, nowMs);
    }
    for (const [id, group] of this.groups) {
      const before = previous.get(id);
      if (before !== undefined) group.continueFrom(before);
    }
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

  receiversOf(alert: Alert): string[] {
    return routesFor(this.config.route, alert.labels).map(({ receiver }) => receiver);
  }

  alertGroups(): GroupView[] {
    return [...this.groups.values()].map((group) => ({
      receiver: group.route.receiver,
      labels: group.labels,
      alerts: group.members(),
    }));
  }

  /** A function that answers for any number of alerts as of now. */
  statusReader(): (alert: StoredAlert) => AlertStatus {
    const inhibitor = this.createInhibitor();
    return ({ labels }) => ({
      silencedBy: this.silences.silencing(labels),
      inhibitedBy: inhibitor.inhibitorsOf(labels),
    });
  }

  metrics(): OwnMetric[] {
    const statusOf = this.statusReader();
    const firing = this.alerts();
    const suppressedAlerts = firing.filter((alert) => {
      const { silencedBy, inhibitedBy } = statusOf(alert);
      return silencedBy.length + inhibitedBy.length > 0;
    }).length;
    return alertingMetrics({
      activeAlerts: firing.length - suppressedAlerts,
      suppressedAlerts,
      receivedAlerts: this.receivedCount,
      rejectedAlerts: this.rejected,
      groups: this.groups.size,
      refusedGroups: this.refusedGroups,
      damagedLines: this.damagedLines,
      silences: this.silences.list().map((silence) => this.silences.stateOf(silence)),
      notificationRecords: this.notificationLog.size,
      notifier: this.notifier.counts,
      outbox: this.outbox.counts,
      outboxSize: this.outbox.size,
      oldestMessageAgeMs: this.outbox.oldestAgeMs,
    });
  }

  private take(
    alert: Alert,
    options: { nowMs: number; isImmediate: boolean },
  ): StoredAlert | RejectReason {
    const stored = this.store.put(alert, options);
    if (typeof stored !== "string") this.group(stored, options.nowMs);
    return stored;
  }

  private countRejected(reason: RejectReason, count: number): void {
    const isFirst = this.rejected[reason] === 0;
    this.rejected[reason] += count;
    if (!isFirst) return;
    this.options.log.warn("alerts are rejected; later ones for this reason are only counted", {
      reason,
      count,
    });
  }

  private group(alert: StoredAlert, wallMs: number): void {
    const monotonicMs = this.options.clock.monotonicMs();
    for (const route of routesFor(this.config.route, alert.labels)) {
      this.groupFor(route, alert, monotonicMs)?.put(alert, { wallMs, monotonicMs });
    }
  }

  private groupFor(route: Route, alert: StoredAlert, monotonicMs: number): AlertGroup | undefined {
    const labels = groupLabelsOf(route, alert.labels);
    const id = `${route.receiver}\n${groupKeyOf(route, labels)}`;
    const known = this.groups.get(id);
    if (known !== undefined) return known;
    if (this.groups.size >= MAX_ALERT_GROUPS) {
      const detail = "too many alert groups, new ones are not told of";
      if (this.refusedGroups++ === 0) this.options.log.error(detail, { limit: MAX_ALERT_GROUPS });
      return undefined;
    }
    const group = new AlertGroup(route, labels, monotonicMs);
    this.groups.set(id, group);
    return group;
  }

  private async run(): Promise<void> {
    const { clock } = this.options;
    const stopped = this.stopping.signal;
    while (!stopped.aborted) {
      await this.flushDue(clock.monotonicMs());
      this.keepHouse(clock.monotonicMs());
      let nextMs = this.nextHousekeepingMs;
      for (const group of this.groups.values()) nextMs = Math.min(nextMs, group.nextFlushMs);
      await this.sleep.sleepUntil(nextMs);
    }
  }

  private async flushDue(monotonicMs: number): Promise<void> {
    const due = [...this.groups.values()].filter((group) => group.nextFlushMs <= monotonicMs);
    if (due.length === 0) return;
    const context = this.flushContext();
    await Promise.all(due.map((group) => this.flush(group, monotonicMs, context)));
  }

  private async flush(
    group: AlertGroup,
    monotonicMs: number,
    context: FlushContext,
  ): Promise<void> {
    group.beginFlush(monotonicMs);
    const members = group.members();
    await this.notifier.notify(group, members, context);
    group.forget(members.filter((alert) => isResolvedAt(alert, context.nowMs)));
  }

  private flushContext(): FlushContext {
    const { config, templates } = this;
    if (templates === undefined) throw new TypeError("the dispatcher was not started");
    const inhibitor = this.createInhibitor();
    return {
      config,
      templates,
      nowMs: this.options.clock.wallMs(),
      isMuted: ({ labels }) =>
        inhibitor.inhibitorsOf(labels).length > 0 || this.silences.silencing(labels).length > 0,
    };
  }

  private createInhibitor(): Inhibitor {
    const { inhibitRules } = this.config;
    return new Inhibitor(inhibitRules, inhibitRules.length === 0 ? [] : this.alerts());
  }

  private keepHouse(monotonicMs: number): void {
    if (monotonicMs < this.nextHousekeepingMs) return;
    this.nextHousekeepingMs = monotonicMs + HOUSEKEEPING_MS;
    this.store.forgetResolved(this.options.clock.wallMs());
    for (const [id, group] of this.groups) if (group.size === 0) this.groups.delete(id);
  }
}
