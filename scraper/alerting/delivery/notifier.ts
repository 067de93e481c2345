import { messageOf } from "../../../exporter/shared/model/errors.js";
import { sha256Hex } from "../../../exporter/shared/model/hash.js";
import type { Logger } from "../../../exporter/shared/platform/logger.js";
import type { AlertGroup } from "../alerts/alert-group.js";
import { isResolvedAt, type StoredAlert } from "../alerts/alert-store.js";
import { renderEmail } from "../messages/email.js";
import type {
  EmailIntegration,
  Integration,
  NotificationConfig,
} from "../config/notification-config.js";
import {
  expiryOf,
  needsUpdate,
  type NotificationLog,
  type NotificationRecord,
} from "../alerts/notification-log.js";
import type { NotificationTemplates } from "../messages/notification-templates.js";
import type { Notification } from "../messages/notification.js";
import type { Outbox } from "./outbox.js";
import type { OutboxMessage, OutboxPayload } from "../messages/outbox-message.js";
import type { Route } from "../config/route.js";
import { containsMoment } from "../config/time-interval.js";
import { renderWebhook } from "../messages/webhook.js";

export interface NotifierCounts {
  /** Messages handed to the outbox, by kind. */
  email: number;
  webhook: number;
  templateFailures: number;
  renderFailures: number;
  unsavedRecords: number;
}

interface NotifierOptions {
  readonly outbox: Outbox;
  readonly notificationLog: NotificationLog;
  readonly log: Logger;
  readonly externalUrl: string;
  /** For the times shown in mails. */
  readonly timeZone: string;
}

/** What a flush of a group goes through, fixed for its whole length. */
export interface FlushContext {
  readonly config: NotificationConfig;
  readonly templates: NotificationTemplates;
  readonly nowMs: number;
  /** Whether a silence or another alert mutes the alert. */
  readonly isMuted: (alert: StoredAlert) => boolean;
}

/**
 * Takes one alert group through the stages of Alertmanager: mute by inhibition, silence and time;
 * leave out what was told before; make the message; store it; note it in the log; let it go.
 */
export class Notifier {
  readonly counts: NotifierCounts = {
    email: 0,
    webhook: 0,
    templateFailures: 0,
    renderFailures: 0,
    unsavedRecords: 0,
  };

  constructor(private readonly options: NotifierOptions) {}

  /** @param alerts of the group, as they are at `context.nowMs` */
  async notify(
    group: AlertGroup,
    alerts: readonly StoredAlert[],
    context: FlushContext,
  ): Promise<void> {
    if (isMutedByTime(group.route, context.config, context.nowMs)) return;
    const audible = alerts.filter((alert) => !context.isMuted(alert));
    if (audible.length === 0) return;
    const integrations = context.config.receivers.get(group.route.receiver)?.integrations ?? [];
    await Promise.all(
      integrations.map((integration, index) =>
        this.tell({ group, alerts: audible, context, integration, index }),
      ),
    );
  }

  private async tell(step: Step): Promise<void> {
    const { group, alerts, context, integration, index } = step;
    const { notificationLog } = this.options;
    const id = recordIdOf(step);
    const previous = notificationLog.get(id);
    const { firing, resolved } = splitByState(alerts, context.nowMs);
    const { repeatIntervalMs } = group.route;
    const { nowMs } = context;
    const { sendResolved } = integration;
    if (!needsUpdate({ record: previous, firing, resolved, sendResolved, repeatIntervalMs, nowMs }))
      return;
    const isSameThread = previous !== undefined && previous.firing.length > 0;
    const record: NotificationRecord = {
      id,
      firing,
      resolved,
      timestampMs: nowMs,
      threadMs: isSameThread ? previous.threadMs : nowMs,
      expiresAtMs: expiryOf(nowMs, repeatIntervalMs),
    };
    const payload = this.render(step, record);
    if (payload === undefined) await this.note(record);
    else await this.send({ receiver: group.route.receiver, integration: index, record, payload });
  }

  /** A crash between the two writes loses nothing: the message carries its record. */
  async send({ receiver, integration, record, payload }: ReadyMessage): Promise<void> {
    const { outbox } = this.options;
    const createdAtMs = record.timestampMs;
    const messageId = await outbox.put({ receiver, integration, createdAtMs, payload, record });
    await this.note(record);
    this.counts[payload.kind]++;
    outbox.release(messageId);
  }

  private async note(record: NotificationRecord): Promise<void> {
    try {
      await this.options.notificationLog.record(record);
    } catch (error) {
      this.counts.unsavedRecords++;
      this.options.log.warn("cannot store what was notified", { error: messageOf(error) });
    }
  }

  /**
   * @returns undefined when there is nothing this integration wants to hear, or the mail has no
   * place to go
   */
  private render(step: Step, record: NotificationRecord): OutboxPayload | undefined {
    const { group, alerts, context, integration } = step;
    const told = integration.sendResolved
      ? alerts
      : alerts.filter((alert) => !isResolvedAt(alert, context.nowMs));
    if (told.length === 0) return undefined;
    const notification: Notification = {
      receiver: group.route.receiver,
      groupKey: group.key,
      groupLabels: group.labels,
      alerts: told,
      nowMs: context.nowMs,
      externalUrl: this.options.externalUrl,
    };
    if (integration.kind === "email")
      return this.renderMail(notification, integration, record, context);
    return { kind: "webhook", body: renderWebhook(notification, integration.maxAlerts) };
  }

  /**
   * When the receiver's own templates fail, the default mail goes out: an alert must not be lost to
   * a typing error.
   */
  private renderMail(
    notification: Notification,
    integration: EmailIntegration,
    record: NotificationRecord,
    { templates }: FlushContext,
  ): OutboxPayload | undefined {
    const { log, timeZone } = this.options;
    const common = { notification, integrationId: record.id, threadMs: record.threadMs, timeZone };
    try {
      return {
        kind: "email",
        mail: renderEmail({ ...common, templates: templates.of(integration) }),
      };
    } catch (error) {
      this.counts.templateFailures++;
      const { receiver } = notification;
      log.error("cannot render mail, sending the default one", {
        receiver,
        error: messageOf(error),
      });
    }
    try {
      return {
        kind: "email",
        mail: renderEmail({ ...common, templates: templates.standardFor(integration) }),
      };
    } catch (error) {
      this.counts.renderFailures++;
      log.error("cannot render the default mail", {
        receiver: notification.receiver,
        error: messageOf(error),
      });
      return undefined;
    }
  }
}

/** One message, and what the notification log will say of it. */
export type ReadyMessage = Pick<OutboxMessage, "receiver" | "integration" | "record" | "payload">;

interface Step {
  readonly group: AlertGroup;
  readonly alerts: readonly StoredAlert[];
  readonly context: FlushContext;
  readonly integration: Integration;
  readonly index: number;
}

const MAX_PLAIN_KEY_CHARACTERS = 1000;

function recordIdOf({ group, integration, index }: Step): string {
  const { key } = group;
  const isLong = key.length > MAX_PLAIN_KEY_CHARACTERS;
  const groupText = isLong ? sha256Hex(key) : key;
  return `${group.route.receiver}/${integration.kind}/${index}:${groupText}`;
}

function splitByState(
  alerts: readonly StoredAlert[],
  nowMs: number,
): { firing: string[]; resolved: string[] } {
  const firing: string[] = [];
  const resolved: string[] = [];
  for (const alert of alerts)
    (isResolvedAt(alert, nowMs) ? resolved : firing).push(alert.fingerprint);
  return { firing, resolved };
}

export function isMutedByTime(
  route: Route,
  { timeIntervals }: NotificationConfig,
  atMs: number,
): boolean {
  const isWithin = (names: readonly string[]): boolean =>
    names.some((name) =>
      (timeIntervals.get(name) ?? []).some((interval) => containsMoment(interval, atMs)),
    );
  if (route.activeTimeIntervals.length > 0 && !isWithin(route.activeTimeIntervals)) return true;
  return isWithin(route.muteTimeIntervals);
}
