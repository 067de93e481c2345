import type { OwnMetric } from "../../../exporter/shared/model/own-metric.js";
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

type Values = Readonly<Record<string, number>>;

export function alertingMetrics(facts: AlertingFacts): OwnMetric[] {
  const { outbox, notifier } = facts;
  const countSilences = (state: SilenceState): number =>
    facts.silences.filter((found) => found === state).length;
  return [
    ...series("gauge", "pihealth_alerting_alerts", "Alerts that are firing, by state.", "state", {
      active: facts.activeAlerts,
      suppressed: facts.suppressedAlerts,
    }),
    single(
      "counter",
      "pihealth_alerting_alerts_received_total",
      "Alerts taken, repetitions included.",
      facts.receivedAlerts,
    ),
    ...series(
      "counter",
      "pihealth_alerting_alerts_rejected_total",
      "Alerts not taken, by reason.",
      "reason",
      facts.rejectedAlerts,
    ),
    single("gauge", "pihealth_alerting_groups", "Alert groups.", facts.groups),
    single(
      "counter",
      "pihealth_alerting_groups_refused_total",
      "Alerts without a group because there were too many.",
      facts.refusedGroups,
    ),
    single(
      "counter",
      "pihealth_alerting_damaged_lines_total",
      "Stored lines that could not be read at start.",
      facts.damagedLines,
    ),
    ...series("gauge", "pihealth_alerting_silences", "Silences, by state.", "state", {
      active: countSilences("active"),
      pending: countSilences("pending"),
      expired: countSilences("expired"),
    }),
    single(
      "gauge",
      "pihealth_alerting_notification_log_records",
      "Records of what was sent.",
      facts.notificationRecords,
    ),
    ...series(
      "counter",
      "pihealth_notifications_total",
      "Messages made, by integration.",
      "integration",
      { email: notifier.email, webhook: notifier.webhook },
    ),
    ...series(
      "counter",
      "pihealth_notification_render_failures_total",
      "Messages that could not be made, by template.",
      "template",
      { own: notifier.templateFailures, default: notifier.renderFailures },
    ),
    single(
      "counter",
      "pihealth_notification_log_unsaved_total",
      "Records of what was sent that the disk did not take.",
      notifier.unsavedRecords,
    ),
    single(
      "gauge",
      "pihealth_outbox_messages",
      "Messages waiting for a server to take them.",
      facts.outboxSize.messages,
    ),
    single(
      "gauge",
      "pihealth_outbox_bytes",
      "Bytes of the messages waiting.",
      facts.outboxSize.bytes,
    ),
    single(
      "gauge",
      "pihealth_outbox_oldest_message_age_seconds",
      "Age of the oldest message waiting.",
      facts.oldestMessageAgeMs / 1000,
    ),
    single(
      "counter",
      "pihealth_outbox_delivered_total",
      "Messages a server has taken for all recipients left.",
      outbox.delivered,
    ),
    single(
      "counter",
      "pihealth_outbox_failed_attempts_total",
      "Attempts that will be repeated.",
      outbox.failedAttempts,
    ),
    single(
      "counter",
      "pihealth_outbox_refused_recipients_total",
      "Recipients a server refused for good.",
      outbox.refusedRecipients,
    ),
    ...series("counter", "pihealth_outbox_lost_total", "Messages given up, by reason.", "reason", {
      full: outbox.dropped,
      too_old: outbox.tooOld,
      damaged: outbox.damaged,
    }),
    single(
      "counter",
      "pihealth_outbox_unsaved_total",
      "Messages the disk did not take, kept in memory.",
      outbox.unsaved,
    ),
  ];
}

function single(type: OwnMetric["type"], name: string, help: string, value: number): OwnMetric {
  return { name, help, type, labels: {}, value };
}

function series(
  type: OwnMetric["type"],
  name: string,
  help: string,
  label: string,
  values: Values,
): OwnMetric[] {
  return Object.entries(values).map(([labelValue, value]) => ({
    name,
    help,
    type,
    labels: { [label]: labelValue },
    value,
  }));
}
