import { fingerprintOf } from "../alerts/alert-fingerprint.js";
import type { StoredAlert } from "../alerts/alert-store.js";
import { Inhibitor } from "../alerts/inhibition.js";
import {
  MAX_NOTIFICATION_RETENTION_MS,
  type NotificationLog,
  type NotificationRecord,
} from "../alerts/notification-log.js";
import type { OutageSummary, PastAlert } from "../alerts/past-alert.js";
import type { Silences } from "../alerts/silences.js";
import { matchesAll } from "../config/matchers.js";
import type { Integration, NotificationConfig } from "../config/notification-config.js";
import { routesFor, type Route } from "../config/route.js";
import type { MessageRenderer } from "../messages/message-renderer.js";
import type { NotificationTemplates } from "../messages/notification-templates.js";
import type { NotificationPipeline } from "./notification-pipeline.js";
import { decideByTime } from "./stages.js";

interface SummaryNotifierOptions {
  readonly pipeline: NotificationPipeline;
  readonly renderer: MessageRenderer;
  readonly notificationLog: NotificationLog;
  readonly silences: Silences;
}

/** Fixed while one summary is sent. */
export interface SummaryContext {
  readonly config: NotificationConfig;
  readonly templates: NotificationTemplates;
  readonly nowMs: number;
  /** All alerts that fire now: they may have inhibited alerts of the outage. */
  readonly firing: readonly StoredAlert[];
}

/** The destination of one message. */
interface Destination {
  readonly receiver: string;
  readonly integration: Integration;
  /** Position in the receiver's list of integrations. */
  readonly index: number;
}

/**
 * Notifies receivers about the alerts of an outage: one message for each integration, however many
 * alerts and groups there were. It leaves out alerts that a silence, another alert or a time interval
 * muted while they fired.
 */
export class SummaryNotifier {
  constructor(private readonly options: SummaryNotifierOptions) {}

  async notify(summary: OutageSummary, context: SummaryContext): Promise<void> {
    const { receivers } = context.config;
    for (const [receiver, alerts] of this.alertsByReceiver(summary, context)) {
      const { integrations = [] } = receivers.get(receiver) ?? {};
      for (const [index, integration] of integrations.entries()) {
        await this.send({ ...summary, alerts }, { receiver, integration, index }, context);
      }
    }
  }

  private alertsByReceiver(
    { alerts }: OutageSummary,
    context: SummaryContext,
  ): Map<string, PastAlert[]> {
    const byReceiver = new Map<string, PastAlert[]>();
    const sources = inhibitionSources(alerts, context);
    for (const alert of alerts) {
      if (this.options.silences.hasSilenced(alert.labels, alert.firedAtMs)) continue;
      const routes = routesFor(context.config.route, alert.labels)
        .filter((route) => !isMutedThroughout(route, alert, context))
        .filter((route) => !isInhibited(route, alert, context, sources));
      for (const receiver of new Set(routes.map((route) => route.receiver))) {
        const known = byReceiver.get(receiver);
        if (known === undefined) byReceiver.set(receiver, [alert]);
        else known.push(alert);
      }
    }
    return byReceiver;
  }

  private async send(
    summary: OutageSummary,
    { receiver, integration, index }: Destination,
    { templates, nowMs }: SummaryContext,
  ): Promise<void> {
    const { notificationLog, renderer, pipeline } = this.options;
    const id = `${receiver}/${integration.kind}/${index}:summary:${summary.id}`;
    if (notificationLog.get(id) !== undefined) return;
    const record: NotificationRecord = {
      id,
      firing: [],
      resolved: [],
      timestampMs: nowMs,
      threadMs: nowMs,
      expiresAtMs: nowMs + MAX_NOTIFICATION_RETENTION_MS,
    };
    const content = { receiver, summary, nowMs };
    const payload = renderer.renderSummary(content, integration, record, templates);
    if (payload === undefined) return;
    const message = { receiver, integration: index, record, payload };
    await pipeline.send(message, { isEssential: true });
  }
}

/** True when time intervals muted the route both when the alert fired and when it ended. */
function isMutedThroughout(
  route: Route,
  { firedAtMs, endedAtMs }: PastAlert,
  { config, nowMs }: SummaryContext,
): boolean {
  return [firedAtMs, endedAtMs ?? nowMs].every((atMs) => !decideByTime(route, config, atMs).passed);
}

interface FiringSpan {
  readonly labels: PastAlert["labels"];
  readonly fingerprint: string;
  readonly firedAtMs: number;
  readonly untilMs: number;
}

/** When alerts fired that may inhibit others. */
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

/** Whether another alert inhibited the alert when its first notification was due. */
function isInhibited(
  route: Route,
  { labels, firedAtMs }: PastAlert,
  { config }: SummaryContext,
  sources: readonly FiringSpan[],
): boolean {
  if (!config.inhibitRules.some(({ target }) => matchesAll(target, labels))) return false;
  const dueMs = firedAtMs + route.groupWaitMs;
  const firingAtThatTime = sources.filter(
    (span) => span.firedAtMs <= dueMs && span.untilMs > firedAtMs,
  );
  return new Inhibitor(config.inhibitRules, firingAtThatTime).inhibitorsOf(labels).length > 0;
}
