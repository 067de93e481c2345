import { counter, gauge, type Sample } from "../../../exporter/shared/model/metric.js";
import type { RejectReason } from "../alerts/alert-store.js";
import type { PipelineCounts } from "./notification-pipeline.js";
import type { RenderCounts } from "../messages/message-renderer.js";
import type { OutboxCounts } from "../delivery/outbox.js";
import type { SilenceState } from "../alerts/silences.js";

export interface AlertingFacts {
  readonly activeAlerts: number;
  readonly suppressedAlerts: number;
  readonly receivedAlerts: number;
  readonly rejectedAlerts: Readonly<Record<RejectReason, number>>;
  readonly groups: number;
  readonly refusedGroups: number;
  readonly damagedLines: number;
  readonly silences: readonly SilenceState[];
  readonly notificationRecords: number;
  readonly notifier: Readonly<PipelineCounts & RenderCounts>;
  readonly outbox: Readonly<OutboxCounts>;
  readonly outboxSize: { readonly messages: number; readonly bytes: number };
  readonly oldestMessageAgeMs: number;
}

export const ALERTING_METRICS = {
  alerts: gauge({
    name: "pihealth_alerting_alerts",
    help: "Firing alerts by state; suppressed ones are silenced or inhibited.",
    labels: ["state"],
  }),
  alertsReceived: counter({
    name: "pihealth_alerting_alerts_received_total",
    help: "Alerts accepted, repetitions included.",
  }),
  alertsRejected: counter({
    name: "pihealth_alerting_alerts_rejected_total",
    help: "Alerts rejected, by reason.",
    labels: ["reason"],
  }),
  groups: gauge({ name: "pihealth_alerting_groups", help: "Alert groups." }),
  groupsRefused: counter({
    name: "pihealth_alerting_groups_refused_total",
    help: "Alerts left ungrouped because the limit of alert groups was reached.",
  }),
  damagedLines: counter({
    name: "pihealth_alerting_damaged_lines_total",
    help: "Unreadable lines in the files of the alerting state at the start.",
  }),
  silences: gauge({
    name: "pihealth_alerting_silences",
    help: "Silences by state.",
    labels: ["state"],
  }),
  notificationLogRecords: gauge({
    name: "pihealth_alerting_notification_log_records",
    help: "Records in the notification log.",
  }),
  notifications: counter({
    name: "pihealth_notifications_total",
    help: "Notifications created, by integration.",
    labels: ["integration"],
  }),
  renderFailures: counter({
    name: "pihealth_notification_render_failures_total",
    help: "Failures to render a notification, by template: own or default.",
    labels: ["template"],
  }),
  notificationLogUnsaved: counter({
    name: "pihealth_notification_log_unsaved_total",
    help: "Records of the notification log that could not be written to disk.",
  }),
  outboxMessages: gauge({
    name: "pihealth_outbox_messages",
    help: "Messages waiting for delivery.",
  }),
  outboxBytes: gauge({
    name: "pihealth_outbox_bytes",
    help: "Size of the messages waiting for delivery in bytes.",
  }),
  outboxOldestAgeSeconds: gauge({
    name: "pihealth_outbox_oldest_message_age_seconds",
    help: "Age of the oldest message waiting for delivery in seconds.",
  }),
  outboxDelivered: counter({
    name: "pihealth_outbox_delivered_total",
    help: "Messages that a server accepted for all remaining recipients.",
  }),
  outboxFailedAttempts: counter({
    name: "pihealth_outbox_failed_attempts_total",
    help: "Delivery attempts that failed and will be retried.",
  }),
  outboxRefusedRecipients: counter({
    name: "pihealth_outbox_refused_recipients_total",
    help: "Recipients that a server rejected permanently.",
  }),
  outboxSuperseded: counter({
    name: "pihealth_outbox_superseded_total",
    help: "Waiting messages that a newer message about the same group replaced.",
  }),
  outboxFull: counter({
    name: "pihealth_outbox_full_total",
    help: "Messages refused because the outbox was full; their groups are notified again later.",
  }),
  outboxLost: counter({
    name: "pihealth_outbox_lost_total",
    help: "Messages dropped before delivery, by reason.",
    labels: ["reason"],
  }),
  outboxUnsaved: counter({
    name: "pihealth_outbox_unsaved_total",
    help: "Messages kept in memory only because they could not be written to disk.",
  }),
};

export function alertingSamples(facts: AlertingFacts): Sample[] {
  const metrics = ALERTING_METRICS;
  return [
    metrics.alerts.sample(facts.activeAlerts, { state: "active" }),
    metrics.alerts.sample(facts.suppressedAlerts, { state: "suppressed" }),
    metrics.alertsReceived.sample(facts.receivedAlerts),
    ...Object.entries(facts.rejectedAlerts).map(([reason, count]) =>
      metrics.alertsRejected.sample(count, { reason }),
    ),
    metrics.groups.sample(facts.groups),
    metrics.groupsRefused.sample(facts.refusedGroups),
    metrics.damagedLines.sample(facts.damagedLines),
    ...(["active", "pending", "expired"] satisfies SilenceState[]).map((state) => {
      const count = facts.silences.filter((found) => found === state).length;
      return metrics.silences.sample(count, { state });
    }),
    metrics.notificationLogRecords.sample(facts.notificationRecords),
    ...notifierSamples(facts.notifier),
    ...outboxSamples(facts),
  ];
}

function notifierSamples(counts: AlertingFacts["notifier"]): Sample[] {
  const metrics = ALERTING_METRICS;
  return [
    metrics.notifications.sample(counts.email, { integration: "email" }),
    metrics.notifications.sample(counts.webhook, { integration: "webhook" }),
    metrics.renderFailures.sample(counts.templateFailures, { template: "own" }),
    metrics.renderFailures.sample(counts.renderFailures, { template: "default" }),
    metrics.notificationLogUnsaved.sample(counts.unsavedRecords),
  ];
}

function outboxSamples({ outbox, outboxSize, oldestMessageAgeMs }: AlertingFacts): Sample[] {
  const metrics = ALERTING_METRICS;
  return [
    metrics.outboxMessages.sample(outboxSize.messages),
    metrics.outboxBytes.sample(outboxSize.bytes),
    metrics.outboxOldestAgeSeconds.sample(oldestMessageAgeMs / 1000),
    metrics.outboxDelivered.sample(outbox.delivered),
    metrics.outboxFailedAttempts.sample(outbox.failedAttempts),
    metrics.outboxRefusedRecipients.sample(outbox.refusedRecipients),
    metrics.outboxSuperseded.sample(outbox.superseded),
    metrics.outboxFull.sample(outbox.full),
    metrics.outboxLost.sample(outbox.tooOld, { reason: "too_old" }),
    metrics.outboxLost.sample(outbox.damaged, { reason: "damaged" }),
    metrics.outboxUnsaved.sample(outbox.unsaved),
  ];
}
