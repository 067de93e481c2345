import { messageOf } from "../../../exporter/shared/model/errors.js";
import type { Logger } from "../../../exporter/shared/platform/logger.js";
import { fingerprintOf } from "../alerts/alert-fingerprint.js";
import type { StoredAlert } from "../alerts/alert-store.js";
import { composeEmail } from "../messages/email.js";
import { Inhibitor } from "../alerts/inhibition.js";
import { matchesAll } from "../config/matchers.js";
import type { Integration, NotificationConfig } from "../config/notification-config.js";
import {
  MAX_NOTIFICATION_RETENTION_MS,
  type NotificationLog,
  type NotificationRecord,
} from "../alerts/notification-log.js";
import type { NotificationTemplates } from "../messages/notification-templates.js";
import { isMutedByTime, type Notifier } from "./notifier.js";
import type { OutboxPayload } from "../messages/outbox-message.js";
import type { OutageSummary, PastAlert } from "../alerts/past-alert.js";
import { routesFor, type Route } from "../config/route.js";
import type { Silences } from "../alerts/silences.js";
import { summaryDataOf } from "../messages/summary-data.js";
import { renderWebhook } from "../messages/webhook.js";

interface SummaryNotifierOptions {
  readonly notifier: Notifier;
  readonly notificationLog: NotificationLog;
  readonly silences: Silences;
  readonly log: Logger;
  readonly externalUrl: string;
  /** For the times shown in mails. */
  readonly timeZone: string;
}

/** What is in force while one summary is told. */
export interface SummaryContext {
  readonly config: NotificationConfig;
  readonly templates: NotificationTemplates;
  readonly nowMs: number;
  /** All alerts that fire now: they may inhibit what has ended. */
  readonly firing: readonly StoredAlert[];
}

/** Where one message goes. */
interface Place {
  readonly receiver: string;
  readonly integration: Integration;
  readonly index: number;
}

/**
 * Tells of the alerts of an outage: one message for each receiver, however many alerts and groups
 * there were. What a silence, another alert or a time interval muted while it fired is left out.
 */
export class SummaryNotifier {
  constructor(private readonly options: SummaryNotifierOptions) {}

  async tell(summary: OutageSummary, context: SummaryContext): Promise<void> {
    const { receivers } = context.config;
    for (const [receiver, alerts] of this.alertsByReceiver(summary, context)) {
      for (const [index, integration] of (receivers.get(receiver)?.integrations ?? []).entries()) {
        await this.tellOne({ ...summary, alerts }, { receiver, integration, index }, context);
      }
    }
  }

  private alertsByReceiver(
    { alerts }: OutageSummary,
    context: SummaryContext,
  ): Map<string, PastAlert[]> {
    const found = new Map<string, PastAlert[]>();
    const sources = inhibitionSources(alerts, context);
    for (const alert of alerts) {
      if (this.options.silences.hasSilenced(alert.labels, alert.firedAtMs)) continue;
      const routes = routesFor(context.config.route, alert.labels)
        .filter((route) => !isMutedThroughout(route, alert, context))
        .filter((route) => !isInhibited(route, alert, context, sources));
      for (const receiver of new Set(routes.map((route) => route.receiver))) {
        const known = found.get(receiver);
        if (known === undefined) found.set(receiver, [alert]);
        else known.push(alert);
      }
    }
    return found;
  }

  private async tellOne(
    summary: OutageSummary,
    place: Place,
    context: SummaryContext,
  ): Promise<void> {
    const { receiver, integration, index } = place;
    const { notificationLog, notifier } = this.options;
    const id = `${receiver}/${integration.kind}/${index}:summary:${summary.id}`;
    if (notificationLog.get(id) !== undefined) return;
    const { nowMs } = context;
    const record: NotificationRecord = {
      id,
      firing: [],
      resolved: [],
      timestampMs: nowMs,
      threadMs: nowMs,
      expiresAtMs: nowMs + MAX_NOTIFICATION_RETENTION_MS,
    };
    const payload = this.render(summary, place, record, context);
    if (payload !== undefined)
      await notifier.send({ receiver, integration: index, record, payload });
  }

  private render(
    summary: OutageSummary,
    { receiver, integration }: Place,
    record: NotificationRecord,
    { templates, nowMs }: SummaryContext,
  ): OutboxPayload | undefined {
    const { log, externalUrl, timeZone, notifier } = this.options;
    if (integration.kind === "webhook")
      return webhookPayload(summary, receiver, integration, { nowMs, externalUrl });
    const data = summaryDataOf({ receiver, summary, nowMs, externalUrl, timeZone });
    const common = { data, identity: record.id, content: summary.id, nowMs, threadMs: nowMs };
    const composed = (isStandard: boolean): OutboxPayload => {
      const chosen = templates.summaryFor(integration, isStandard);
      return { kind: "email", mail: composeEmail({ ...common, templates: chosen }) };
    };
    try {
      return composed(false);
    } catch (error) {
      notifier.counts.templateFailures++;
      log.error("cannot render summary, sending the default one", {
        receiver,
        error: messageOf(error),
      });
    }
    try {
      return composed(true);
    } catch (error) {
      notifier.counts.renderFailures++;
      log.error("cannot render the default summary", { receiver, error: messageOf(error) });
      return undefined;
    }
  }
}

/** An ordinary message of alerts that are resolved, or firing, with their true times. */
function webhookPayload(
  { id, alerts }: OutageSummary,
  receiver: string,
  { maxAlerts }: Extract<Integration, { kind: "webhook" }>,
  { nowMs, externalUrl }: { readonly nowMs: number; readonly externalUrl: string },
): OutboxPayload {
  const told = alerts.map((alert): StoredAlert => ({
    labels: alert.labels,
    annotations: alert.annotations,
    generatorUrl: alert.generatorUrl,
    fingerprint: fingerprintOf(alert.labels),
    updatedAtMs: nowMs,
    endsByTimeout: false,
    isImmediate: false,
    startsAtMs: alert.firedAtMs,
    endsAtMs: alert.endedAtMs ?? Number.POSITIVE_INFINITY,
  }));
  const groupLabels = alerts[0]?.labels.only([]);
  if (groupLabels === undefined) throw new RangeError("a summary without alerts");
  const notification = {
    receiver,
    groupKey: `summary:${id}`,
    groupLabels,
    alerts: told,
    nowMs,
    externalUrl,
  };
  return { kind: "webhook", body: renderWebhook(notification, maxAlerts) };
}

/** Muted when it began to fire as well as when it ended: then nobody would have heard of it. */
function isMutedThroughout(
  route: Route,
  { firedAtMs, endedAtMs }: PastAlert,
  { config, nowMs }: SummaryContext,
): boolean {
  return (
    isMutedByTime(route, config, firedAtMs) && isMutedByTime(route, config, endedAtMs ?? nowMs)
  );
}

interface FiringSpan {
  readonly labels: PastAlert["labels"];
  readonly fingerprint: string;
  readonly firedAtMs: number;
  readonly untilMs: number;
}

/** Alerts that may mute others, with their times. */
function inhibitionSources(
  alerts: readonly PastAlert[],
  { config, firing }: SummaryContext,
): FiringSpan[] {
  const { inhibitRules } = config;
  if (inhibitRules.length === 0) return [];
  const spans = [
    ...alerts.map(({ labels, firedAtMs, endedAtMs = Number.POSITIVE_INFINITY }) => ({
      labels,
      fingerprint: fingerprintOf(labels),
      firedAtMs,
      untilMs: endedAtMs,
    })),
    ...firing.map(({ labels, fingerprint, startsAtMs, endsAtMs }) => ({
      labels,
      fingerprint,
      firedAtMs: startsAtMs,
      untilMs: endsAtMs,
    })),
  ];
  return spans.filter(({ labels }) =>
    inhibitRules.some(({ source }) => matchesAll(source, labels)),
  );
}

/** Whether, when its first message was due, another alert fired that inhibits it. */
function isInhibited(
  route: Route,
  { labels, firedAtMs }: PastAlert,
  { config }: SummaryContext,
  sources: readonly FiringSpan[],
): boolean {
  if (!config.inhibitRules.some(({ target }) => matchesAll(target, labels))) return false;
  const dueMs = firedAtMs + route.groupWaitMs;
  const atOnce = sources.filter((span) => span.firedAtMs <= dueMs && span.untilMs > firedAtMs);
  return new Inhibitor(config.inhibitRules, atOnce).inhibitorsOf(labels).length > 0;
}
