import { messageOf } from "../../../exporter/shared/model/errors.js";
import type { Logger } from "../../../exporter/shared/platform/logger.js";
import type { NotificationRecord } from "../alerts/notification-log.js";
import type { OutageSummary } from "../alerts/past-alert.js";
import type { Integration } from "../config/notification-config.js";
import { composeEmail, renderEmail } from "./email.js";
import type { NotificationTemplates } from "./notification-templates.js";
import type { Notification } from "./notification.js";
import type { MailMessage, OutboxPayload } from "./outbox-message.js";
import { summaryDataOf } from "./summary-data.js";
import { renderSummaryWebhook, renderWebhook } from "./webhook.js";

export interface RenderCounts {
  /** Mails for which the receiver's own templates failed. */
  templateFailures: number;
  /** Mails for which the default templates failed, too. */
  renderFailures: number;
}

interface RendererOptions {
  readonly log: Logger;
  /** Base of the links in messages; empty: no links. */
  readonly externalUrl: string;
  /** For the times in mails, an IANA name. */
  readonly timeZone: string;
}

/** What a summary of an outage is rendered from. */
export interface SummaryNotification {
  readonly receiver: string;
  readonly summary: OutageSummary;
  readonly nowMs: number;
}

/**
 * Renders messages for integrations. When a receiver's own templates fail, the default mail is sent:
 * a mistake in a template must not lose an alert. Every method returns undefined when that fails, too.
 */
export class MessageRenderer {
  readonly counts: RenderCounts = { templateFailures: 0, renderFailures: 0 };

  constructor(private readonly options: RendererOptions) {}

  render(
    content: Omit<Notification, "externalUrl">,
    integration: Integration,
    record: NotificationRecord,
    templates: NotificationTemplates,
  ): OutboxPayload | undefined {
    const { externalUrl, timeZone } = this.options;
    const notification = { ...content, externalUrl };
    if (integration.kind === "webhook") {
      return { kind: "webhook", body: renderWebhook(notification, integration.maxAlerts) };
    }
    const { id: integrationId, threadMs } = record;
    const common = { notification, integrationId, threadMs, timeZone };
    return this.mailPayload(content.receiver, {
      own: () => renderEmail({ ...common, templates: templates.of(integration) }),
      standard: () => renderEmail({ ...common, templates: templates.standardFor(integration) }),
    });
  }

  renderSummary(
    { receiver, summary, nowMs }: SummaryNotification,
    integration: Integration,
    record: NotificationRecord,
    templates: NotificationTemplates,
  ): OutboxPayload | undefined {
    const { externalUrl, timeZone } = this.options;
    const content = { receiver, summary, nowMs, externalUrl };
    if (integration.kind === "webhook") {
      return { kind: "webhook", body: renderSummaryWebhook(content, integration.maxAlerts) };
    }
    const data = summaryDataOf({ ...content, timeZone });
    const common = { data, identity: record.id, content: summary.id, nowMs, threadMs: nowMs };
    const compose = (isStandard: boolean): MailMessage =>
      composeEmail({ ...common, templates: templates.summaryFor(integration, isStandard) });
    return this.mailPayload(receiver, { own: () => compose(false), standard: () => compose(true) });
  }

  private mailPayload(
    receiver: string,
    { own, standard }: { own: () => MailMessage; standard: () => MailMessage },
  ): OutboxPayload | undefined {
    const { log } = this.options;
    try {
      return { kind: "email", mail: own() };
    } catch (error) {
      this.counts.templateFailures++;
      log.error("Cannot render mail, the default mail is sent", {
        receiver,
        error: messageOf(error),
      });
    }
    try {
      return { kind: "email", mail: standard() };
    } catch (error) {
      this.counts.renderFailures++;
      log.error("Cannot render default mail", { receiver, error: messageOf(error) });
      return undefined;
    }
  }
}
